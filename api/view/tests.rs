#![allow(clippy::unwrap_used)]
use engine::{
    asl,
    journal::{ErrorAndCause, HistoryEvent, HistoryEventDetails, Note, StepFailure},
    machine::Execution,
    step::{ErrorClass, StepError},
};
use serde_json::json;

use super::*;
use crate::{RUNBOOK_NOT_COMPLETED, rejection::rejection_cause};

fn view(definition: &Value) -> View {
    let machine = asl::parse(definition).unwrap();
    View::new(&Execution::new("x-1", "x", machine, json!({})).header, definition)
}

fn entry(sequence: u64, content: EntryContent) -> JournalEntry {
    JournalEntry { sequence, timestamp_ms: sequence * 1_000, content }
}

fn event(sequence: u64, details: HistoryEventDetails) -> JournalEntry {
    event_in(sequence, "", details)
}

fn event_in(sequence: u64, frame: &str, details: HistoryEventDetails) -> JournalEntry {
    let event = HistoryEvent { id: sequence, previous_event_id: sequence - 1, frame: frame.into(), details };
    entry(sequence, EntryContent::Event(event))
}

fn note(sequence: u64, note: Note) -> JournalEntry {
    entry(sequence, EntryContent::Note(Box::new(note)))
}

fn failure_of(sequence: u64, state_path: &str, error: &str) -> JournalEntry {
    note(sequence, Note::Failure { state_path: state_path.to_owned(), attempt: 1, failure: plain(error) })
}

fn error_and_cause(error: &str) -> ErrorAndCause {
    ErrorAndCause { error: error.to_owned(), cause: String::new() }
}

fn execution_failed(sequence: u64, error: &str) -> JournalEntry {
    event(sequence, HistoryEventDetails::ExecutionFailed(error_and_cause(error)))
}

fn scheduled(sequence: u64, name: &str) -> JournalEntry {
    let (resource, parameters) = ("flow:test:call".into(), Default::default());
    let (timeout_seconds, heartbeat_seconds, role_arn) = (None, None, None);
    let name = name.into();
    event(
        sequence,
        HistoryEventDetails::TaskScheduled { name, resource, parameters, timeout_seconds, heartbeat_seconds, role_arn },
    )
}

fn redriven(sequence: u64) -> JournalEntry {
    event(sequence, HistoryEventDetails::ExecutionRedriven { redrive_count: 1 })
}

fn any() -> View {
    view(&json!({ "StartAt": "A", "States": { "A": { "Type": "Succeed" } } }))
}

/// A section whose approval is rejected, with a `Catch` that leads to a Fail state.
fn rolled_back() -> View {
    let mut view = any();
    let name = "Deploy";
    let (rejected, next) = (plain("Approval.Rejected"), "Undone".to_owned());
    let (state_type, input) = (StateType::Task, Default::default());
    for entry in [
        entered(1, StateType::Parallel, name),
        event(2, HistoryEventDetails::ParallelStateStarted { name: name.into() }),
        event_in(3, name, HistoryEventDetails::StateEntered { state_type, name: "Ask".into(), input }),
        failure_of(4, "Deploy/Ask", "Approval.Rejected"),
        note(5, Note::Caught { state_path: name.to_owned(), next, failure: rejected }),
        event(6, exited(name)),
        entered(7, StateType::Fail, "Undone"),
        failure_of(8, "Undone", "NotCompleted"),
        execution_failed(8, "NotCompleted"),
    ] {
        view.fold(&entry);
    }
    view
}

fn exited(name: &str) -> HistoryEventDetails {
    let (state_type, output) = (StateType::Parallel, Default::default());
    HistoryEventDetails::StateExited { state_type, name: name.into(), output, assigned_variables: None }
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

fn of(details: StepError) -> StepFailure {
    StepFailure { error: "Flow.Failed".to_owned(), cause: String::new(), details: Some(details) }
}

/// As an earlier version has written it.
fn with_hint_alone(hint: &str) -> StepFailure {
    of(StepError { remedy: None, ..StepError::new(ErrorClass::Failed, "as meant").hint(hint) })
}

#[test]
fn a_resume_is_the_remedy_only_where_something_outside_can_change_the_end() {
    let evaluation = || plain("States.QueryEvaluationError");
    let broken = || StepError::new(ErrorClass::Failed, "as meant");
    let cause = "An error occurred. The activity arn:aws:states:us-east-1:111111111111:activity:work does not exist.";
    let missing_activity = StepFailure { cause: cause.to_owned(), ..plain("States.Runtime") };
    let cases = [
        (StateType::Pass, false, evaluation(), Remedy::StartAgain),
        (StateType::Fail, false, plain("Broken"), Remedy::StartAgain),
        (StateType::Choice, false, plain("States.NoChoiceMatched"), Remedy::StartAgain),
        (StateType::Task, false, evaluation(), Remedy::StartAgain),
        (StateType::Task, true, evaluation(), Remedy::Resume),
        (StateType::Task, false, of_step(ErrorClass::Invalid), Remedy::StartAgain),
        (StateType::Task, false, of_step(ErrorClass::Permission), Remedy::Resume),
        (StateType::Task, false, with_hint_alone("Repair it and run again with the same input."), Remedy::RunAgain),
        (StateType::Task, false, with_hint_alone("Delete it and run again, or repair it and resume."), Remedy::Resume),
        (StateType::Task, false, of(broken().hint_of_new_execution("Delete it and resume.")), Remedy::RunAgain),
        (StateType::Task, false, of(broken().hint("What flow run has created must be run again.")), Remedy::Resume),
        (StateType::Task, false, plain("States.Timeout"), Remedy::Resume),
        (StateType::Task, false, plain("Custom.Error"), Remedy::Resume),
        (StateType::Map, false, plain("States.Runtime"), Remedy::StartAgain),
        (StateType::Task, false, plain("States.Runtime"), Remedy::StartAgain),
        (StateType::Task, false, missing_activity, Remedy::Resume),
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
    assert!(view.states.values().all(|state| state.status == StateStatus::Stopped { stopped_ms: 3_000 }));
    view.fold(&event(4, HistoryEventDetails::ExecutionRedriven { redrive_count: 1 }));
    assert_eq!((view.active().count(), view.stopped_ms), (2, None));
}

#[test]
fn a_caught_failure_is_not_what_the_execution_failed_with() {
    let mut view = rolled_back();
    assert_eq!(view.failed_state().unwrap().path, "Undone");
    assert_eq!(view.remedy(), Remedy::StartAgain, "the Fail state would fail again");
    assert_eq!(view.failed().count(), 1, "the caught failure is not one of the execution");
    view.fold(&redriven(20));
    let status = |path: &str| view.states[path].status.clone();
    assert_eq!(status("Undone"), StateStatus::Running);
    assert_eq!(status("Deploy/Ask"), caught(4_000), "a redrive does not continue it");
    assert_eq!(view.failed_state(), None, "the failure of the earlier run is not that of this one");
}

#[test]
fn a_runbook_that_is_not_completed_continues_at_the_rejected_step() {
    let mut view = rolled_back();
    assert_eq!(view.rejected_before_fail(), None, "after another error the caught state may be long past");
    let cause = format!("{} on desk", rejection_cause("Deploy/Ask", "ann"));
    let failure = StepFailure { cause: cause.clone(), ..plain("Approval.Rejected") };
    view.states.get_mut("Deploy/Ask").unwrap().status = StateStatus::Caught { stopped_ms: 4_000, attempt: 1, failure };
    let not_completed = |cause: String| ErrorAndCause { error: RUNBOOK_NOT_COMPLETED.to_owned(), cause };
    view.failure = Some(not_completed(format!("{cause}. The steps for that case are done.")));
    assert_eq!(view.state_before_fail(), Some("Deploy/Ask"));
    let ended_by = |state_path, user| view.was_ended_by_rejection(state_path, user);
    assert!(ended_by("Deploy/Ask", "ann") && !ended_by("Deploy/Ask", "an") && !ended_by("Deploy/Check", "ann"));
    view.fold(&entered(9, StateType::Task, "Check"));
    let failure = plain("Broken");
    view.states.get_mut("Check").unwrap().status = StateStatus::Caught { stopped_ms: 9_000, attempt: 1, failure };
    assert_eq!(view.rejected_before_fail(), None, "another failure led to the end");
    assert!(!view.was_ended_by_rejection("Deploy/Ask", "ann"));
}

#[test]
fn another_version_reads_the_failure_of_a_view() {
    let mut view = rolled_back();
    let mut written = serde_json::to_value(&view).unwrap();
    assert_eq!(written["failure"], json!(["NotCompleted", ""]));
    assert_eq!(serde_json::from_value::<View>(written.clone()).unwrap(), view);
    written.as_object_mut().unwrap().remove("failure");
    view.failure = None;
    assert_eq!(serde_json::from_value::<View>(written).unwrap(), view);
}

fn caught(stopped_ms: u64) -> StateStatus {
    StateStatus::Caught { stopped_ms, attempt: 1, failure: plain("Approval.Rejected") }
}

#[test]
fn a_state_whose_failure_was_caught_is_not_one_that_is_done() {
    let mut view = rolled_back();
    let status = |view: &View, path: &str| view.states[path].status.clone();
    assert_eq!((status(&view, "Deploy"), status(&view, "Deploy/Ask")), (caught(6_000), caught(4_000)));
    view.sections = vec![Section { path: "Deploy".to_owned(), name: "Deploy".to_owned() }];
    assert_eq!((view.sections_done(), view.active().count()), (0, 1), "only the Fail state is left open");
    view.fold(&event(9, HistoryEventDetails::ExecutionAborted(error_and_cause("Cancelled"))));
    assert_eq!(status(&view, "Deploy"), caught(6_000), "the end of the execution does not stop it");
    let said = serde_json::to_value(&view.states["Deploy"]).unwrap();
    assert_eq!(
        (&said["doing"]["doing"], &said["doing"]["failure"]["error"]),
        (&json!("caught"), &json!("Approval.Rejected"))
    );
    view.fold(&entered(10, StateType::Parallel, "Deploy"));
    view.fold(&event(11, exited("Deploy")));
    assert_eq!(status(&view, "Deploy"), StateStatus::Exited { stopped_ms: 11_000 }, "a later visit succeeded");
}

#[test]
fn a_failure_that_a_map_tolerates_is_not_that_of_the_execution() {
    let (name, length): (std::sync::Arc<str>, _) = ("All".into(), 9);
    let begun = |view: &mut View| {
        let (state_type, input) = (StateType::Task, Default::default());
        view.fold(&entered(1, StateType::Map, "All"));
        view.fold(&event(2, HistoryEventDetails::MapStateStarted { name: name.clone(), length }));
        let each = HistoryEventDetails::StateEntered { state_type, name: "Each".into(), input };
        view.fold(&event_in(3, "All[0]", each));
        view.fold(&failure_of(4, "All[0]/Each", "Odd"));
    };
    let mut too_many = any();
    begun(&mut too_many);
    let failure = error_and_cause("States.ExceedToleratedFailureThreshold");
    too_many.fold(&event(5, HistoryEventDetails::MapStateFailed { name: name.clone(), failure: failure.clone() }));
    too_many.fold(&event(6, HistoryEventDetails::ExecutionFailed(failure)));
    assert_eq!(too_many.failed_state().unwrap().path, "All");
    let mut aborted = any();
    begun(&mut aborted);
    aborted.fold(&event(5, HistoryEventDetails::ExecutionAborted(error_and_cause("Cancelled"))));
    assert_eq!(aborted.failed_state(), None, "a person ended it");
}

#[test]
fn the_next_heartbeat_of_a_worker_or_of_the_holder_of_a_token_is_not_shown_as_the_end_of_its_task() {
    let status = |submitted: bool| {
        let task = json!({ "doing": "task", "arguments": {}, "firstLookMs": 1, "deadlineMs": 90_000, "look": 0, "lookStartedMs": 1,
                           "nextLookMs": null, "waiting": null, "parked": "token", "submitted": submitted,
                           "heartbeat": { "seconds": 5, "dueMs": 6_000 } });
        let row = json!({ "id": 1, "parent": null, "index": 0, "path": "", "state": "A", "visit": 1, "input": {}, "variables": {},
                          "activity": task, "retries": [], "attempt": 1, "enteredMs": 1, "lastEventId": 1 });
        let mut view = any();
        view.fold(&entered(1, StateType::Task, "A"));
        view.apply_frames(&[serde_json::from_value(row).unwrap()], None);
        view.states["A"].status.clone()
    };
    let StateStatus::Waiting(wait) = status(false) else { panic!("{:?}", status(false)) };
    assert_eq!((wait.is_of_worker(), wait.deadline_ms), (true, Some(90_000)));
    let parked = status(true);
    let heartbeat = Some(AwaitedHeartbeat::DueMs(6_000));
    assert_eq!(parked, StateStatus::Parked { deadline_ms: Some(90_000), heartbeat });
    assert_eq!((parked.timed_out_ms(5_999), parked.timed_out_ms(6_000)), (None, Some(6_000)));
}

#[test]
fn an_iteration_that_was_stopped_has_not_failed() {
    let (mut view, name): (View, std::sync::Arc<str>) = (any(), "All".into());
    view.fold(&entered(1, StateType::Map, "All"));
    view.fold(&event(2, HistoryEventDetails::MapStateStarted { name: name.clone(), length: 4 }));
    view.fold(&event_in(3, "All[0]", HistoryEventDetails::MapIterationAborted { name: name.clone(), index: 0 }));
    let failure = error_and_cause("E");
    view.fold(&event_in(4, "All[1]", HistoryEventDetails::MapIterationFailed { name, index: 1, failure }));
    assert_eq!((view.maps["All"].failed, view.maps["All"].ended()), (1, 1));
}

#[test]
fn all_iterations_of_a_distributed_map_that_succeeded_have_ended() {
    let (mut view, name): (View, std::sync::Arc<str>) = (any(), "All".into());
    view.fold(&entered(1, StateType::Map, "All"));
    view.fold(&event(2, HistoryEventDetails::MapStateStarted { name: name.clone(), length: 9 }));
    view.fold(&event(3, HistoryEventDetails::MapRunStarted { map_run: "mapRun:x/All:1".to_owned() }));
    assert!(!view.lacks_map_runs(), "while it runs, its frame counts them");
    view.fold(&event(4, HistoryEventDetails::MapRunSucceeded));
    view.fold(&event(5, HistoryEventDetails::MapStateSucceeded { name }));
    assert_eq!((view.maps["All"].succeeded, view.maps["All"].ended()), (9, 9));
    view.fold(&event(6, exited("All")));
    assert!(view.lacks_map_runs(), "only its run knows how many of them failed");
}

#[test]
fn a_retry_of_a_section_abandons_what_was_inside() {
    let mut view = any();
    let (state_type, input) = (StateType::Task, Default::default());
    view.fold(&entered(1, StateType::Parallel, "Both"));
    view.fold(&event(2, HistoryEventDetails::ParallelStateStarted { name: "Both".into() }));
    for (frame, name) in [("Both[0]", "Fails"), ("Both[1]", "Stops")] {
        let input = std::sync::Arc::clone(&input);
        view.fold(&event_in(3, frame, HistoryEventDetails::StateEntered { state_type, name: name.into(), input }));
    }
    view.fold(&failure_of(4, "Both[0]/Fails", "Broken"));
    let aborted = HistoryEventDetails::StateAborted { state_type, name: "Stops".into() };
    view.fold(&event_in(5, "Both[1]", aborted));
    assert_eq!(view.active().map(|state| state.path.as_str()).collect::<Vec<_>>(), ["Both[0]/Fails"]);
    let (state_path, failure) = ("Both".to_owned(), plain("Broken"));
    view.fold(&note(
        6,
        Note::RetryScheduled { state_path, attempt: 2, attempts_max: Some(4), next_attempt_ms: 9_000, failure },
    ));
    let retried = &view.states["Both"];
    assert_eq!((retried.attempt, retried.attempts_max), (2, Some(4)));
    assert!(matches!(retried.status, StateStatus::Retrying { attempts_max: Some(4), .. }), "{:?}", retried.status);
    assert_eq!((view.active().count(), view.failed().count()), (0, 0), "nothing inside runs until the next attempt");
}

#[test]
fn the_time_between_an_end_and_a_redrive_is_not_active_time() {
    let mut view = any();
    view.fold(&event(1, HistoryEventDetails::ExecutionStarted { input: Default::default() }));
    view.fold(&entered(2, StateType::Task, "A"));
    view.fold(&scheduled(2, "A"));
    view.fold(&failure_of(4, "A", "Approval.Rejected"));
    view.fold(&execution_failed(4, "Approval.Rejected"));
    assert_eq!(view.took_ms(50_000), 3_000);
    view.fold(&redriven(100));
    assert!(!view.states["A"].called, "its call is not repeated yet");
    view.fold(&scheduled(101, "A"));
    assert_eq!(view.took_ms(110_000), 13_000);
    let state = &view.states["A"];
    assert_eq!((state.entered_ms, state.called_ms), (2_000, Some(101_000)), "it is asked again now");
    assert_eq!(view.active_ms(state.entered_ms, 110_000), 12_000);
    assert_eq!(view.active_ms(101_000, 110_000), 9_000);
}

#[test]
fn a_view_survives_the_wire() {
    let view = failed(StateType::Task, true, of_step(ErrorClass::Quota));
    let text = serde_json::to_string(&view).unwrap();
    assert_eq!(serde_json::from_str::<View>(&text).unwrap(), view);
}

#[test]
fn the_state_before_a_fail_is_the_last_one_that_calls_something_and_can_be_entered_alone() {
    let ended_after = |states: &[(StateType, &str)]| {
        let mut view = view(&json!({ "StartAt": "A", "States": { "A": { "Type": "Succeed" } } }));
        let mut sequence = 0;
        for (state_type, path) in states {
            sequence += 1;
            view.fold(&entered(sequence, *state_type, path));
        }
        let (state_path, failure) = (states.last().unwrap().1.to_owned(), plain("Broken"));
        view.fold(&entry(50, EntryContent::Note(Box::new(Note::Failure { state_path, attempt: 1, failure }))));
        let failure = engine::journal::ErrorAndCause { error: "Broken".to_owned(), cause: String::new() };
        view.fold(&event(51, HistoryEventDetails::ExecutionFailed(failure)));
        view.state_before_fail().map(str::to_owned)
    };
    let fail = (StateType::Fail, "Stop");
    let task = |path| (StateType::Task, path);
    let choice = (StateType::Choice, "Ready?");
    assert_eq!(ended_after(&[task("A"), task("B"), choice, fail]).as_deref(), Some("B"));
    assert_eq!(ended_after(&[choice, fail]), None);
    assert_eq!(ended_after(&[task("A"), task("B")]), None, "no Fail state ended it");
    let both = (StateType::Parallel, "Both");
    assert_eq!(ended_after(&[both, task("Both[1]/Check"), (StateType::Fail, "Both[1]/Stop")]).as_deref(), Some("Both"));
    assert_eq!(ended_after(&[both, task("Both/Check"), (StateType::Fail, "Both/Stop")]).as_deref(), Some("Both/Check"));
}

#[test]
fn a_call_that_was_not_made_is_called_when_another_process_makes_it() {
    let task = json!({ "Type": "Task", "Resource": "flow:test:call", "End": true });
    let mut view = view(&json!({ "StartAt": "T", "States": { "T": task } }));
    let started = |sequence| {
        let (name, resource) = ("T".into(), "flow:test:call".into());
        event(sequence, HistoryEventDetails::TaskStarted { name, resource, worker: None })
    };
    let failure = error_and_cause(engine::journal::NOT_CALLED);
    let (name, resource) = ("T".into(), "flow:test:call".into());
    let withheld = HistoryEventDetails::TaskStartFailed { name, resource, failure };
    view.fold(&entered(1, StateType::Task, "T"));
    view.fold(&scheduled(2, "T"));
    view.fold(&started(3));
    assert_eq!((view.states["T"].called, view.states["T"].called_ms), (true, Some(2_000)));
    view.fold(&event(4, withheld));
    assert_eq!((view.states["T"].called, view.states["T"].called_ms), (false, None));
    assert!(view.failure.is_none() && view.states["T"].failure().is_none(), "the attempt continues");
    view.fold(&started(5));
    assert_eq!((view.states["T"].called, view.states["T"].called_ms), (true, Some(5_000)));
}

#[test]
fn the_end_of_a_wait_is_taken_from_a_later_view() {
    let definition =
        json!({ "StartAt": "Pause", "States": { "Pause": { "Type": "Wait", "Seconds": 3, "End": true } } });
    let mut earlier = view(&definition);
    let (state_type, name, input) = (StateType::Wait, "Pause".into(), Default::default());
    earlier.fold(&event(1, HistoryEventDetails::StateEntered { state_type, name, input }));
    let mut later = earlier.clone();
    later.set("Pause", StateStatus::Sleeping { due_ms: 4_000 });
    assert!(earlier.lacks_frames());
    earlier.apply_due_times_of(&later);
    assert_eq!(earlier.states["Pause"].status, StateStatus::Sleeping { due_ms: 4_000 });
    assert!(!earlier.lacks_frames());
    earlier.fold(&event(2, HistoryEventDetails::ExecutionSucceeded { output: Default::default() }));
    let ended = earlier.clone();
    earlier.apply_due_times_of(&later);
    assert_eq!(earlier, ended, "a state that ended keeps its end");
}
