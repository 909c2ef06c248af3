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
    let id = quoted(&header.id);
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
    format!("{when}flow resume {}{OPTIONS}", quoted(&header.id))
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
    format!("flow signal {} {} --success '{{}}'{OPTIONS}", quoted(id), quoted(state_path))
}

/// The command that withdraws an answer that is kept for a state.
pub fn withdraw(id: &str, state: &str) -> String {
    format!("flow signal {} {} --withdraw{OPTIONS}", quoted(id), quoted(state))
}

/// The command that approves, with a choice that is quoted already. It sets the required fields only.
fn approve(id: &str, state_path: &str, approval: &Approval, choice: Option<String>) -> String {
    let choice = choice.map_or_else(String::new, |choice| format!(" --choice {choice}"));
    let state = if state_path.is_empty() { String::new() } else { format!(" {}", quoted(state_path)) };
    format!("flow approve {}{state}{choice}{}{OPTIONS}", quoted(id), assignments(&fields(approval).0))
}

/// The names of an approval's fields: those that are required and have no default, and the others.
fn fields(approval: &Approval) -> (Vec<&str>, Vec<&str>) {
    let Some(schema) = &approval.fields else { return (Vec::new(), Vec::new()) };
    let has_default = |name: &&str| schema["properties"][*name].get("default").is_some();
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let required: Vec<&str> = required.filter(|name| !has_default(name)).collect();
    let declared = schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.as_str());
    let optional = declared.filter(|name| !required.contains(name)).collect();
    (required, optional)
}

/// The options that set fields, with a space before each.
fn assignments(names: &[&str]) -> String {
    names.iter().map(|name| format!(" --set {}={FILL_IN}", quoted(name))).collect()
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
    let (path, quoted_id) = (quoted(state_path), quoted(id));
    let Some(approval) = &instructions.approval else {
        let signal = |answer: &serde_json::Value| {
            let answer = quoted(&answer.to_string());
            format!("To continue without the check:   flow signal {quoted_id} {path} --success {answer}{OPTIONS}")
        };
        return instructions.answer.iter().map(signal).collect();
    };
    let approve = |choice| format!("To approve:   {}", approve(id, state_path, approval, choice));
    let mut commands: Vec<String> = match approval.choices.as_slice() {
        [] => vec![approve(None)],
        choices => choices.iter().map(|choice| approve(Some(quoted(choice)))).collect(),
    };
    commands.push(format!("To reject:    flow reject {quoted_id} {path} --comment WHY{OPTIONS}"));
    commands
}

/// The same for people: the commands, then the fields that may be set as well. A command with optional parts would not work when
/// pasted.
pub fn answer_lines(id: &str, state_path: &str, instructions: &Instructions) -> Vec<String> {
    let mut lines = answer_commands(id, state_path, instructions);
    let optional = instructions.approval.as_ref().map_or_else(String::new, |approval| assignments(&fields(approval).1));
    if !optional.is_empty() {
        lines.push(format!("Not required:{optional}"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_proposed_command_works_when_pasted_and_names_optional_fields_below() {
        let fields =
            json!({ "required": ["ticket", "who else"], "properties": { "ticket": {}, "who else": {}, "note": {} } });
        let approval = Approval { fields: Some(fields), ..Approval::default() };
        let command = "flow approve r-1 'Ask ann' --set ticket=… --set 'who else'=…";
        let shortest = shortest_answer("r-1", "Ask ann", &approval);
        assert!(shortest.starts_with(command) && !shortest.contains(['[', ']']), "{shortest}");
        let (sentence, values, answer) = ("Now?".to_owned(), Vec::new(), None);
        let instructions = Instructions { sentence, values, answer, approval: Some(Box::new(approval)) };
        let lines = answer_lines("it's", "Ask ann", &instructions);
        assert_eq!(lines.last().map(String::as_str), Some("Not required: --set note=…"));
        assert!(lines[0].contains(r"flow approve 'it'\''s' 'Ask ann' --set ticket=…"), "{lines:?}");
        assert!(lines[1].contains(r"flow reject 'it'\''s' 'Ask ann' --comment WHY"), "{lines:?}");
        assert!(answer_commands("r-1", "Ask ann", &instructions).iter().all(|command| !command.contains("note")));
        let fields = json!({ "required": ["count"], "properties": { "count": { "default": 1 } } });
        let with_default = Approval { fields: Some(fields), ..Approval::default() };
        assert!(shortest_answer("r-1", "", &with_default).starts_with("flow approve r-1"));
        assert!(!shortest_answer("r-1", "", &with_default).contains("--set"), "a default needs no value");
        let choices = Approval { choices: vec!["now".to_owned()], ..Approval::default() };
        assert!(shortest_answer("r-1", "", &choices).starts_with("flow approve r-1 --choice now"));
    }
}
