#![allow(clippy::unwrap_used)]
use engine::{
    asl,
    journal::{HistoryEvent, HistoryEventDetails, Note},
    machine::Execution,
    step::{ErrorClass, StepError},
};
use serde_json::json;

use super::*;

fn view(definition: &Value) -> View {
    let machine = asl::parse(definition).unwrap();
    View::new(&Execution::new("x-1", "x", machine, json!({})).header, definition)
}

fn entry(sequence: u64, content: EntryContent) -> JournalEntry {
    JournalEntry { sequence, timestamp_ms: sequence * 1_000, content }
}

fn event(sequence: u64, details: HistoryEventDetails) -> JournalEntry {
    let event = HistoryEvent { id: sequence, previous_event_id: sequence - 1, frame: "".into(), details };
    entry(sequence, EntryContent::Event(event))
}

fn entered(sequence: u64, state_type: StateType, name: &str) -> JournalEntry {
    event(sequence, HistoryEventDetails::StateEntered { state_type, name: name.into(), input: Default::default() })
}

/// A view of one state that failed, as its execution did.
fn failed(state_type: StateType, answered: bool, failure: StepFailure) -> View {
    let mut view = view(&json!({ "StartAt": "A", "States": { "A": { "Type": "Succeed" } } }));
    view.fold(&entered(1, state_type, "A"));
    view.states.get_mut("A").unwrap().answered = answered;
    let (state_path, error) = ("A".to_owned(), failure.error.clone());
    view.fold(&entry(2, EntryContent::Note(Box::new(Note::Failure { state_path, attempt: 1, failure }))));
    let failure = engine::journal::ErrorAndCause { error, cause: String::new() };
    view.fold(&event(3, HistoryEventDetails::ExecutionFailed(failure)));
    view
}

fn plain(error: &str) -> StepFailure {
    StepFailure { error: error.to_owned(), cause: String::new(), details: None }
}

fn of_step(class: ErrorClass) -> StepFailure {
    let details = StepError::new(class, "as meant");
    StepFailure { error: class.error_name().to_owned(), cause: String::new(), details: Some(details) }
}

fn with_hint(hint: &str) -> StepFailure {
    let details = StepError::new(ErrorClass::Failed, "as meant").hint(hint);
    StepFailure { error: "Flow.Failed".to_owned(), cause: String::new(), details: Some(details) }
}

#[test]
fn a_resume_is_the_remedy_only_where_something_outside_can_change_the_end() {
    let evaluation = || plain("States.QueryEvaluationError");
    let cases = [
        (StateType::Pass, false, evaluation(), Remedy::StartAgain),
        (StateType::Fail, false, plain("Broken"), Remedy::StartAgain),
        (StateType::Choice, false, plain("States.NoChoiceMatched"), Remedy::StartAgain),
        (StateType::Task, false, evaluation(), Remedy::StartAgain),
        (StateType::Task, true, evaluation(), Remedy::Resume),
        (StateType::Task, false, of_step(ErrorClass::Invalid), Remedy::StartAgain),
        (StateType::Task, false, of_step(ErrorClass::Permission), Remedy::Resume),
        (StateType::Task, false, with_hint("Repair the cause and run again with the same input."), Remedy::RunAgain),
        (StateType::Task, false, with_hint("Delete it and run again, or repair it and resume."), Remedy::Resume),
        (StateType::Task, false, plain("States.Timeout"), Remedy::Resume),
        (StateType::Task, false, plain("Custom.Error"), Remedy::Resume),
        (StateType::Map, false, plain("States.Runtime"), Remedy::StartAgain),
    ];
    for (state_type, answered, failure, remedy) in cases {
        let error = failure.error.clone();
        assert_eq!(failed(state_type, answered, failure).remedy(), remedy, "{state_type:?} {error} {answered}");
    }
}

#[test]
fn after_the_end_nothing_is_active_and_a_redrive_continues() {
    let mut view = view(&json!({ "StartAt": "A", "States": { "A": { "Type": "Succeed" } } }));
    view.fold(&entered(1, StateType::Wait, "A"));
    view.fold(&entered(2, StateType::Task, "B"));
    assert_eq!(view.active().count(), 2);
    let failure = engine::journal::ErrorAndCause { error: "Cancelled".to_owned(), cause: String::new() };
    view.fold(&event(3, HistoryEventDetails::ExecutionAborted(failure)));
    assert_eq!((view.active().count(), view.stopped_ms), (0, Some(3_000)));
    assert!(view.states.values().all(|state| state.doing == Doing::Stopped { stopped_ms: 3_000 }));
    view.fold(&event(4, HistoryEventDetails::ExecutionRedriven { redrive_count: 1 }));
    assert_eq!((view.active().count(), view.stopped_ms), (2, None));
}

#[test]
fn a_view_survives_the_wire() {
    let view = failed(StateType::Task, true, of_step(ErrorClass::Quota));
    let text = serde_json::to_string(&view).unwrap();
    assert_eq!(serde_json::from_str::<View>(&text).unwrap(), view);
}
