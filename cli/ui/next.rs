//! The commands that screens propose for an execution: each screen takes them from here.

use api::flow::{Answerer, Needs};
use engine::{
    machine::ExecutionHeader,
    step::{Approval, Instructions},
};

use super::text::moment;
use crate::proposed::{OPTIONS, quoted};

/// A value that the person fills in.
const FILL_IN: &str = "…";

/// What an execution needs, and the command that acts; empty if it needs nothing.
pub fn next(header: &ExecutionHeader, display_status: &str, needs: Option<&Needs>, now_ms: u64) -> String {
    let id = &header.id;
    match (display_status, needs) {
        ("WAITING" | "RUNNING", Some(needs)) => answer(needs),
        ("WAITING", None) => resume(header, false, now_ms),
        ("INTERRUPTED" | "PAUSED", _) => format!("flow resume {id}{OPTIONS}"),
        ("FAILED" | "TIMED_OUT", _) => format!("flow status {id}{OPTIONS}"),
        _ => String::new(),
    }
}

/// The command that continues an execution that waits: after an answer, or when something is due.
pub fn resume(header: &ExecutionHeader, awaits_answer: bool, now_ms: u64) -> String {
    let when = match (awaits_answer, header.next_wake_ms) {
        (true, _) => "After the answer:   ".to_owned(),
        (false, Some(next)) => format!("next check {}: ", moment(next, now_ms)),
        (false, None) => String::new(),
    };
    format!("{when}flow resume {}{OPTIONS}", header.id)
}

/// Who must answer, and the command with the answer.
fn answer(needs: &Needs) -> String {
    let Needs { execution: id, state, .. } = needs;
    match &needs.answerer {
        Answerer::Person(approval) => {
            let choice = match approval.choices.as_slice() {
                [] => None,
                [only] => Some(quoted(only)),
                _ => Some(FILL_IN.to_owned()),
            };
            format!("needs you: {}", approve(id, state, approval, choice))
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

/// The command that approves, with a choice that is quoted already.
fn approve(id: &str, state_path: &str, approval: &Approval, choice: Option<String>) -> String {
    let required = approval.fields.as_ref().and_then(|schema| schema["required"].as_array());
    let required = required.into_iter().flatten().filter_map(serde_json::Value::as_str);
    let set: String = required.map(|name| format!(" --set {name}={FILL_IN}")).collect();
    let choice = choice.map_or_else(String::new, |choice| format!(" --choice {choice}"));
    format!("flow approve {id} {}{choice}{set}{OPTIONS}", quoted(state_path))
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
