//! Tests that feed inputs to the machine: without clock, store or steps.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod anything;
mod cancellation;
mod composite;
mod crash;
mod early_signal;
mod items;
mod limits;
mod lines;
mod map_runs;
mod paths;
mod reentry;
mod task;

use crate::machine::limits::HISTORY_EVENTS_MAX;
use serde_json::{Value, json};

use super::*;
use crate::{
    asl,
    journal::{EntryContent, HistoryEventDetails, Note},
    query::{InThisThread, Moment},
    step::{ErrorClass, StepError},
};

/// An execution under test, with its own clock and the commands and entries of all turns.
pub(super) struct Trial {
    pub execution: Execution,
    pub now_ms: u64,
    pub commands: Vec<Command>,
    pub entries: Vec<crate::journal::JournalEntry>,
    pub map_runs: Vec<MapRunChanges>,
}

impl Trial {
    pub fn start(definition: Value, input: Value) -> Self {
        let mut definition = definition;
        definition["QueryLanguage"] = json!("JSONata");
        Trial::start_as_it_is(&definition, input)
    }

    /// An execution that begins at a state inside its definition.
    pub fn start_from(mut definition: Value, input: Value, path: Vec<Reentry>) -> Self {
        definition["QueryLanguage"] = json!("JSONata");
        Trial::start_with(&definition, input, Input::StartFrom { path })
    }

    fn start_as_it_is(definition: &Value, input: Value) -> Self {
        Trial::start_with(definition, input, Input::Start)
    }

    fn start_with(definition: &Value, input: Value, start: Input) -> Self {
        let machine = asl::parse(definition).unwrap_or_else(|problems| panic!("{problems:?}"));
        let execution = Execution::new("trial-0001", "trial", machine, input);
        let mut trial =
            Trial { execution, now_ms: 1_000_000, commands: Vec::new(), entries: Vec::new(), map_runs: Vec::new() };
        trial.give(start);
        trial
    }

    pub fn give(&mut self, input: Input) {
        self.turn(input);
        while self.execution.has_more_to_do() {
            self.turn(Input::TimerFired);
        }
    }

    fn turn(&mut self, input: Input) {
        let moment = Moment { now_ms: self.now_ms, entropy: self.now_ms };
        let transition = advance(&mut self.execution, input, &moment, &InThisThread);
        self.commands.extend(transition.commands);
        self.entries.extend(transition.entries.iter().cloned());
        self.map_runs.push(transition.map_runs);
    }

    /// The calls requested and neither answered, abandoned nor requested again.
    pub fn polls(&self) -> Vec<(FrameId, u64, u32, String)> {
        self.execution
            .frames
            .in_order()
            .filter(|frame| frame.in_flight())
            .map(|frame| (frame.row.id, frame.row.visit, frame.row.attempt, frame.state_path()))
            .collect()
    }

    pub fn answer(&mut self, state_path: &str, answer: StepAnswer) {
        let polls = self.polls();
        let (frame, visit, attempt, _) = polls
            .iter()
            .find(|(.., path)| path == state_path)
            .unwrap_or_else(|| panic!("{state_path} is not in flight: {polls:?}"));
        self.give(Input::Answered { frame: *frame, visit: *visit, attempt: *attempt, answer });
    }

    pub fn done(&mut self, state_path: &str, output: Value) {
        self.answer(state_path, StepAnswer::Done { output, changes: Vec::new() });
    }

    pub fn fail(&mut self, state_path: &str, class: ErrorClass) {
        self.answer(state_path, StepAnswer::Failed(StepError::new(class, "it broke")));
    }

    pub fn pending(&mut self, state_path: &str, after_ms: u64) {
        let next_poll_ms = self.now_ms + after_ms;
        self.answer(state_path, StepAnswer::creating(next_poll_ms));
    }

    /// Advances the clock to the next time that something is due.
    pub fn sleep(&mut self) {
        self.now_ms = self.execution.header.next_wake_ms.expect("nothing is due").max(self.now_ms);
        self.give(Input::TimerFired);
    }

    pub fn status(&self) -> ExecutionStatus {
        self.execution.header.status
    }

    pub fn output(&self) -> Value {
        Value::clone(self.execution.header.output.as_ref().expect("no output"))
    }

    pub fn error(&self) -> String {
        self.execution.header.failure.as_ref().expect("no failure").error.clone()
    }

    pub fn types(&self) -> Vec<String> {
        self.entries
            .iter()
            .filter_map(|entry| match &entry.content {
                EntryContent::Event(event) => Some(event_type(&event.details)),
                EntryContent::Note(_) => None,
            })
            .collect()
    }

    pub fn notes(&self) -> Vec<&Note> {
        self.entries
            .iter()
            .filter_map(|entry| match &entry.content {
                EntryContent::Note(note) => Some(&**note),
                EntryContent::Event(_) => None,
            })
            .collect()
    }
}

/// Starts a JSONPath machine with these states at `A`.
fn start(states: Value, input: Value) -> Trial {
    Trial::start_as_it_is(&json!({ "StartAt": "A", "States": states }), input)
}

fn event_type(details: &HistoryEventDetails) -> String {
    serde_json::to_value(details).unwrap()["type"].as_str().unwrap().to_owned()
}

pub(super) fn task(next: Option<&str>) -> Value {
    match next {
        Some(next) => json!({ "Type": "Task", "Resource": "flow:test:step", "Next": next }),
        None => json!({ "Type": "Task", "Resource": "flow:test:step", "End": true }),
    }
}

#[test]
fn a_chain_of_pure_states_ends_in_one_turn_with_variables_as_they_were_at_entry() {
    let definition = json!({
        "StartAt": "A",
        "States": {
            "A": { "Type": "Pass", "Assign": { "x": "{% $states.input.n %}" }, "Next": "B" },
            "B": {
                "Type": "Pass",
                "Assign": { "x": "{% $x + 1 %}" },
                "Output": { "before": "{% $x %}" },
                "Next": "C"
            },
            "C": { "Type": "Choice", "Choices": [{ "Condition": "{% $x = 3 %}", "Next": "D" }], "Default": "E" },
            "D": { "Type": "Succeed", "Output": { "x": "{% $x %}", "seen": "{% $states.input.before %}" } },
            "E": { "Type": "Fail", "Error": "Wrong" }
        }
    });
    let trial = Trial::start(definition, json!({ "n": 2 }));
    assert_eq!(trial.status(), ExecutionStatus::Succeeded);
    assert_eq!(trial.output(), json!({ "x": 3, "seen": 2 }));
}

#[test]
fn the_history_is_dense_and_leads_back_to_its_first_event() {
    let trial = Trial::start(json!({ "StartAt": "A", "States": { "A": { "Type": "Pass", "End": true } } }), json!({}));
    assert_eq!(trial.types(), ["ExecutionStarted", "StateEntered", "StateExited", "ExecutionSucceeded"]);
    let ids: Vec<_> = trial
        .entries
        .iter()
        .filter_map(|entry| match &entry.content {
            EntryContent::Event(event) => Some((event.id, event.previous_event_id)),
            EntryContent::Note(_) => None,
        })
        .collect();
    assert_eq!(ids, [(1, 0), (2, 0), (3, 2), (4, 3)]);
}

#[test]
fn a_wait_ends_when_it_is_due_and_not_before() {
    let definition = json!({ "StartAt": "W", "States": { "W": { "Type": "Wait", "Seconds": 60, "End": true } } });
    let mut trial = Trial::start(definition, json!({}));
    trial.now_ms += 59_999;
    trial.give(Input::TimerFired);
    assert_eq!(trial.status(), ExecutionStatus::Running);
    trial.sleep();
    assert_eq!((trial.status(), trial.now_ms), (ExecutionStatus::Succeeded, 1_060_000));
}

#[test]
fn an_endless_loop_of_pure_states_ends_at_the_event_limit() {
    let definition = json!({
        "StartAt": "A",
        "States": { "A": { "Type": "Pass", "Next": "B" }, "B": { "Type": "Pass", "Next": "A" } }
    });
    let trial = Trial::start(definition, json!({}));
    assert_eq!((trial.status(), trial.error().as_str()), (ExecutionStatus::Failed, "States.Runtime"));
    assert_eq!(trial.execution.header.last_event_id, HISTORY_EVENTS_MAX);
    let cause = trial.execution.header.failure.as_ref().map(|failure| failure.cause.as_str());
    assert_eq!(cause, Some("The execution reached the maximum number of history events (25000)."));
    assert_eq!(trial.types().len() as u64, HISTORY_EVENTS_MAX);
}
