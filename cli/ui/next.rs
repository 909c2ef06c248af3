//! The commands that answer or continue an execution, as screens propose them.

use api::flow::{Answerer, Needs};
use engine::{
    machine::ExecutionHeader,
    step::{Approval, Instructions},
};
use serde_json::Value;

use super::text::moment;
use crate::proposed::{OPTIONS, quoted};

/// A value that the person fills in.
pub const FILL_IN: &str = "…";

/// What an execution needs, and the command that acts; empty if it needs nothing.
pub fn next(header: &ExecutionHeader, display_status: &str, needs: Option<&Needs>, now_ms: u64) -> String {
    let id = &header.id;
    match (display_status, needs) {
        ("WAITING" | "RUNNING", Some(needs)) => answer(needs),
        ("WAITING", None) => in_row(&resume(header, false, now_ms)),
        ("INTERRUPTED" | "PAUSED", _) => format!("flow resume {id}{OPTIONS}"),
        ("FAILED" | "TIMED_OUT", _) => format!("flow status {id}{OPTIONS}"),
        _ => String::new(),
    }
}

/// A sentence as text of a list's row, which starts with a small letter.
fn in_row(sentence: &str) -> String {
    sentence.strip_prefix("Next").map_or_else(|| sentence.to_owned(), |rest| format!("next{rest}"))
}

/// The command that continues an execution that waits: after an answer, or when something is due.
pub fn resume(header: &ExecutionHeader, awaits_answer: bool, now_ms: u64) -> String {
    let when = match (awaits_answer, header.next_wake_ms) {
        (true, _) => "After the answer:   ".to_owned(),
        (false, Some(next)) => format!("Next check {}: ", moment(next, now_ms)),
        (false, None) => String::new(),
    };
    format!("{when}flow resume {}{OPTIONS}", header.id)
}

/// Who must answer, and the command with the answer.
fn answer(needs: &Needs) -> String {
    let Needs { execution: id, state, .. } = needs;
    match &needs.answerer {
        Answerer::Person(approval) => {
            format!("needs you: {}", shortest_answer(id, state, approval))
        }
        Answerer::TokenHolder => format!("needs an answer: {}", signal(id, state)),
        Answerer::Worker => format!("needs a worker, or an answer: {}", signal(id, state)),
    }
}

/// The command that answers a Task which awaits its token or a worker.
pub fn signal(id: &str, state_path: &str) -> String {
    format!("flow signal {id} {} --success '{{}}'{OPTIONS}", quoted(state_path))
}

/// The command that withdraws an answer that is kept for a state.
pub fn withdraw(id: &str, state: &str) -> String {
    format!("flow signal {id} {} --withdraw{OPTIONS}", quoted(state))
}

/// The command that approves, with a choice that is quoted already. Fields that are not required are in brackets.
fn approve(id: &str, state_path: &str, approval: &Approval, choice: Option<String>) -> String {
    let choice = choice.map_or_else(String::new, |choice| format!(" --choice {choice}"));
    let state = if state_path.is_empty() { String::new() } else { format!(" {}", quoted(state_path)) };
    format!("flow approve {id}{state}{choice}{}{OPTIONS}", fields(approval))
}

/// The options that set an approval's fields.
fn fields(approval: &Approval) -> String {
    let Some(schema) = &approval.fields else { return String::new() };
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let declared = schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.as_str());
    let optional: Vec<&str> = declared.filter(|name| !required.contains(name)).collect();
    let required = required.iter().map(|name| format!(" --set {name}={FILL_IN}"));
    let optional = optional.iter().map(|name| format!(" [--set {name}={FILL_IN}]"));
    required.chain(optional).collect()
}

/// The shortest command that answers an approval: `state_path` is empty if it is the only one that waits.
pub fn shortest_answer(id: &str, state_path: &str, approval: &Approval) -> String {
    let choice = match approval.choices.as_slice() {
        [] => None,
        [only] => Some(quoted(only)),
        _ => Some(FILL_IN.to_owned()),
    };
    approve(id, state_path, approval, choice)
}

/// The commands that answer a task that waits for a person.
pub fn answer_commands(id: &str, state_path: &str, instructions: &Instructions) -> Vec<String> {
    let path = quoted(state_path);
    let Some(approval) = &instructions.approval else {
        let signal = |answer: &serde_json::Value| {
            let answer = quoted(&answer.to_string());
            format!("To continue without the check:   flow signal {id} {path} --success {answer}{OPTIONS}")
        };
        return instructions.answer.iter().map(signal).collect();
    };
    let approve = |choice| format!("To approve:   {}", approve(id, state_path, approval, choice));
    let mut commands: Vec<String> = match approval.choices.as_slice() {
        [] => vec![approve(None)],
        choices => choices.iter().map(|choice| approve(Some(quoted(choice)))).collect(),
    };
    commands.push(format!("To reject:    flow reject {id} {path} --comment WHY{OPTIONS}"));
    commands
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_that_are_not_required_are_shown_in_brackets() {
        let fields = json!({ "required": ["ticket"], "properties": { "note": {}, "ticket": {} } });
        let approval = Approval { fields: Some(fields), ..Approval::default() };
        let command = "flow approve r-1 'Ask ann' --set ticket=… [--set note=…]";
        assert!(shortest_answer("r-1", "Ask ann", &approval).starts_with(command));
        let choices = Approval { choices: vec!["now".to_owned()], ..Approval::default() };
        assert!(shortest_answer("r-1", "", &choices).starts_with("flow approve r-1 --choice now"));
    }
}
