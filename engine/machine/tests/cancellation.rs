//! A cancelled execution makes no more calls, and ends.

use serde_json::json;

use super::*;

fn side_by_side() -> Value {
    let retried = json!({ "Type": "Task", "Resource": "flow:test:step", "TimeoutSeconds": 60,
                          "Retry": [{ "ErrorEquals": ["States.ALL"] }], "Next": "After" });
    let branch = |name: &str, state: &Value| json!({ "StartAt": name, "States": { name: state, "After": task(None) } });
    let wait = json!({ "Type": "Wait", "Seconds": 5, "Next": "After" });
    json!({ "StartAt": "P", "States": { "P": { "Type": "Parallel", "End": true,
            "Branches": [branch("A", &retried), branch("B", &task(Some("After"))), branch("W", &wait)] } } })
}

fn cancelling() -> Trial {
    let mut trial = Trial::start(side_by_side(), json!({}));
    trial.give(Input::CancelAfterCalls { error: "Cancelled".to_owned(), cause: "by a person".to_owned() });
    trial.commands.clear();
    trial
}

fn calls(trial: &Trial) -> usize {
    trial.commands.iter().filter(|command| matches!(command, Command::CallStep(_))).count()
}

#[test]
fn calls_in_flight_answer_first_and_none_is_made_after_the_cancel() {
    let mut trial = cancelling();
    assert_eq!(trial.status(), ExecutionStatus::Running);
    trial.done("P[1]/B", json!("made"));
    assert_eq!(trial.status(), ExecutionStatus::Running, "A has not answered");
    trial.now_ms += 10_000;
    trial.give(Input::TimerFired);
    assert_eq!((trial.status(), calls(&trial)), (ExecutionStatus::Running, 0), "the Wait ended and no state follows");
    trial.fail("P[0]/A", ErrorClass::Busy);
    assert_eq!((trial.status(), calls(&trial)), (ExecutionStatus::Aborted, 0));
    assert!(trial.types().contains(&"TaskSucceeded".to_owned()), "what B made is recorded");
    trial.give(Input::Resume { environment: None, recover: false });
    let called: Vec<String> = trial.polls().into_iter().map(|call| call.3).collect();
    assert_eq!(called, ["P[0]/A", "P[1]/After"], "a redrive continues after B");
}

#[test]
fn a_call_that_never_answers_ends_at_its_deadline() {
    let mut trial = cancelling();
    trial.done("P[1]/B", json!("made"));
    trial.sleep();
    assert_eq!((trial.now_ms, trial.status()), (1_060_000, ExecutionStatus::Aborted));
}

#[test]
fn with_nothing_in_flight_it_ends_at_once_and_so_it_does_after_a_crash() {
    let definition = json!({ "StartAt": "W", "States": { "W": { "Type": "Wait", "Seconds": 60, "End": true } } });
    let mut trial = Trial::start(definition, json!({}));
    trial.give(Input::CancelAfterCalls { error: "Cancelled".to_owned(), cause: String::new() });
    assert_eq!(trial.status(), ExecutionStatus::Aborted);
    let mut trial = cancelling();
    trial.give(Input::Recover);
    assert_eq!((trial.status(), calls(&trial)), (ExecutionStatus::Aborted, 0), "nothing answers for the lost calls");
}

/// The executions that are to be stopped.
fn stopped(trial: &Trial) -> Vec<&str> {
    let stopped = trial.commands.iter().map(|command| match command {
        Command::StopExecution { id } => Some(id.as_str()),
        _ => None,
    });
    stopped.flatten().collect()
}

/// An execution whose Task `A` waits for the end of another one, beside `B`.
fn awaiting() -> Trial {
    let mut trial = Trial::start(side_by_side(), json!({}));
    awaits(&mut trial);
    trial
}

fn awaits(trial: &mut Trial) {
    let (next_poll_ms, execution) = (trial.now_ms + 50, Some("child:1".to_owned()));
    let reason = "RUNNING".to_owned();
    trial
        .answer("P[0]/A", StepAnswer::Pending { reason, next_poll_ms, instructions: None, submitted: None, execution });
}

#[test]
fn the_execution_that_a_task_waits_for_is_stopped_with_the_task() {
    let cancel = || Input::Cancel { error: "Stop".to_owned(), cause: String::new() };
    let mut cancelled = awaiting();
    cancelled.give(cancel());
    assert_eq!(stopped(&cancelled), ["child:1"]);
    let mut polled = awaiting();
    polled.sleep();
    polled.give(cancel());
    assert_eq!(stopped(&polled), ["child:1"], "a poll is in flight");
    let mut failed = awaiting();
    failed.fail("P[1]/B", ErrorClass::Invalid);
    assert_eq!((failed.status(), stopped(&failed)), (ExecutionStatus::Failed, vec!["child:1"]));
    let mut timed_out = awaiting();
    timed_out.now_ms += 60_000;
    timed_out.give(Input::TimerFired);
    assert!(stopped(&timed_out).is_empty(), "the poll that is due comes first");
    awaits(&mut timed_out);
    assert_eq!(stopped(&timed_out), ["child:1"]);
}

#[test]
fn an_execution_that_has_ended_is_not_stopped() {
    let mut trial = awaiting();
    trial.sleep();
    trial.done("P[0]/A", json!("its output"));
    trial.give(Input::Cancel { error: "Stop".to_owned(), cause: String::new() });
    assert_eq!((trial.status(), stopped(&trial).len()), (ExecutionStatus::Aborted, 0));
}
