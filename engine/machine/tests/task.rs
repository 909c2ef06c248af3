//! Tasks: answers, waits, deadlines, retries, pauses.

use serde_json::json;

use super::*;

fn one(extra: Value) -> Value {
    let mut state = task(None);
    for (name, value) in extra.as_object().unwrap() {
        state[name] = value.clone();
    }
    json!({ "StartAt": "T", "States": { "T": state } })
}

#[test]
fn a_late_or_doubled_answer_changes_nothing() {
    let retry = json!({ "Retry": [{ "ErrorEquals": ["Flow.Unknown"], "IntervalSeconds": 1 }] });
    let mut trial = Trial::start(one(retry), json!({}));
    let (frame, visit, attempt, _) = trial.polls()[0].clone();
    let failed = StepAnswer::Failed(StepError::new(ErrorClass::Unknown, "lost"));
    trial.give(Input::Answered { frame, visit, attempt, answer: failed.clone() });
    let before = trial.execution.header.last_sequence;
    trial.give(Input::Answered { frame, visit, attempt, answer: failed });
    trial.give(Input::Answered {
        frame,
        visit,
        attempt,
        answer: StepAnswer::Done { output: json!(1), changes: vec![] },
    });
    assert_eq!(trial.execution.header.last_sequence, before);
    trial.sleep();
    trial.give(Input::Answered {
        frame,
        visit,
        attempt,
        answer: StepAnswer::Done { output: json!(1), changes: vec![] },
    });
    assert_eq!(trial.status(), ExecutionStatus::Running, "the first attempt's answer must not end the second");
    trial.done("T", json!("second"));
    assert_eq!(trial.output(), json!("second"));
}

#[test]
fn every_attempt_of_a_visit_has_the_same_token_and_another_visit_another() {
    let retry = json!({ "Retry": [{ "ErrorEquals": ["States.ALL"] }] });
    let mut trial = Trial::start(one(retry), json!({}));
    trial.fail("T", ErrorClass::Unknown);
    trial.sleep();
    trial.fail("T", ErrorClass::Invalid);
    trial.sleep();
    trial.give(Input::Cancel { error: "Stop".to_owned(), cause: String::new() });
    trial.give(Input::Resume { environment: None, recover: false });
    let tokens: Vec<_> = trial
        .commands
        .iter()
        .filter_map(|command| match command {
            Command::CallStep(call) => Some(call.token.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(tokens.len(), 4);
    assert!(tokens[0] == tokens[1] && tokens[1] == tokens[2] && tokens[2] != tokens[3]);
}

#[test]
fn a_wait_gives_up_at_its_deadline_and_says_what_it_saw_last() {
    let mut trial = Trial::start(one(json!({ "TimeoutSeconds": 100 })), json!({}));
    trial.pending("T", 60_000);
    trial.sleep();
    trial.pending("T", 60_000);
    trial.sleep();
    assert_eq!((trial.now_ms, trial.error().as_str()), (1_100_000, "States.Timeout"));
    let cause = &trial.execution.header.failure.as_ref().unwrap().cause;
    assert!(cause.contains("The last poll found: creating."), "{cause}");
}

#[test]
fn after_a_long_sleep_of_the_machine_a_wait_polls_once_more_before_it_gives_up() {
    let mut trial = Trial::start(one(json!({ "TimeoutSeconds": 100 })), json!({}));
    trial.pending("T", 60_000);
    trial.now_ms += 1_000_000;
    trial.give(Input::TimerFired);
    assert_eq!(trial.polls().len(), 1, "past its deadline, but not polled since");
    let last_ms = trial.now_ms + 600_000;
    assert_eq!(trial.execution.header.next_wake_ms, Some(last_ms), "the poll decides, unless it does not answer");
    trial.done("T", json!("issued"));
    assert_eq!(trial.output(), json!("issued"));
}

#[test]
fn a_last_poll_that_hangs_after_the_deadline_does_not_hold_the_execution_for_ever() {
    let mut trial = Trial::start(one(json!({ "TimeoutSeconds": 100 })), json!({}));
    trial.now_ms += 200_000;
    trial.give(Input::Recover);
    trial.sleep();
    assert_eq!((trial.status(), trial.error().as_str()), (ExecutionStatus::Failed, "States.Timeout"));
}

#[test]
fn expired_credentials_pause_and_lose_no_attempt() {
    let mut trial = Trial::start(one(json!({})), json!({}));
    trial.fail("T", ErrorClass::Credentials);
    assert!(trial.execution.header.paused && trial.status() == ExecutionStatus::Running);
    assert!(trial.commands.contains(&Command::Settled));
    trial.give(Input::Resume { environment: None, recover: false });
    assert!(!trial.execution.header.paused);
    assert_eq!(trial.polls()[0].2, 1, "the same attempt");
    trial.done("T", json!(1));
    assert_eq!(trial.status(), ExecutionStatus::Succeeded);
}

#[test]
fn what_this_machine_refuses_is_not_retried_and_what_a_service_refuses_is() {
    let retry = json!({ "Retry": [{ "ErrorEquals": ["States.ALL"], "MaxAttempts": 2, "IntervalSeconds": 5 }] });
    let mut trial = Trial::start(one(retry.clone()), json!({}));
    trial.fail("T", ErrorClass::Permission);
    assert_eq!((trial.now_ms, trial.error().as_str()), (1_000_000, "Flow.Permission"));
    let mut trial = Trial::start(one(retry), json!({}));
    trial.answer("T", StepAnswer::Failed(StepError::new(ErrorClass::Permission, "no").during("ec2:CreateVpc")));
    assert_eq!(trial.status(), ExecutionStatus::Running);
}

#[test]
fn retries_end_and_the_failure_keeps_what_the_step_said() {
    let retry = json!({ "Retry": [{ "ErrorEquals": ["Flow.Throttled"], "MaxAttempts": 2, "IntervalSeconds": 5 }] });
    let mut trial = Trial::start(one(retry), json!({}));
    for _ in 0..2 {
        trial.fail("T", ErrorClass::Throttled);
        trial.sleep();
    }
    trial.fail("T", ErrorClass::Throttled);
    assert_eq!((trial.now_ms, trial.error().as_str()), (1_015_000, "Flow.Throttled"));
    let kept = trial
        .notes()
        .iter()
        .any(|note| matches!(note, Note::Failure { attempt: 3, failure, .. } if failure.details.is_some()));
    assert!(kept);
}

#[test]
fn the_note_of_a_retry_has_the_last_attempt_that_its_rule_allows() {
    let retry = json!({ "Retry": [
        { "ErrorEquals": ["Flow.Throttled"], "MaxAttempts": 3, "IntervalSeconds": 1 },
        { "ErrorEquals": ["Flow.Unknown"], "MaxAttempts": 1, "IntervalSeconds": 1 },
    ] });
    let mut trial = Trial::start(one(retry), json!({}));
    for error in [ErrorClass::Throttled, ErrorClass::Throttled, ErrorClass::Unknown, ErrorClass::Throttled] {
        trial.fail("T", error);
        trial.sleep();
    }
    let attempts = trial.notes().into_iter().filter_map(|note| match note {
        Note::RetryScheduled { attempt, attempts_max, .. } => Some((*attempt, *attempts_max)),
        _ => None,
    });
    // The other rule has begun one of the five attempts.
    assert_eq!(attempts.collect::<Vec<_>>(), [(2, Some(4)), (3, Some(4)), (4, Some(4)), (5, Some(5))]);
}

#[test]
fn a_catch_receives_the_error_and_continues_at_its_next_state() {
    let mut definition = one(json!({
        "Catch": [{ "ErrorEquals": ["Flow.NameTaken"], "Next": "Other", "Output": { "why": "{% $states.errorOutput.Error %}" } }]
    }));
    definition["States"]["Other"] = json!({ "Type": "Succeed" });
    let mut trial = Trial::start(definition, json!({}));
    trial.fail("T", ErrorClass::NameTaken);
    assert_eq!(trial.output(), json!({ "why": "Flow.NameTaken" }));
}

#[test]
fn an_answer_from_outside_ends_a_wait() {
    let mut trial = Trial::start(one(json!({})), json!({}));
    trial.pending("T", 60_000);
    let row = trial.execution.frames.in_order().next().unwrap().row.clone();
    trial.give(Input::Signalled {
        frame: row.id,
        visit: row.visit,
        attempt: None,
        answer: Ok(json!({ "by": "hand" })),
        by: None,
    });
    assert_eq!(trial.output(), json!({ "by": "hand" }));
}

#[test]
fn a_turn_that_begins_no_tasks_records_the_answer_and_leaves_the_next_task_without_a_call() {
    let states = json!({ "A": task(Some("P")), "P": { "Type": "Pass", "Next": "B" }, "B": task(None) });
    let mut trial = Trial::start(json!({ "StartAt": "A", "States": states }), json!({}));
    trial.execution.begin_no_tasks(true);
    let (frame, visit, attempt, _) = trial.polls()[0].clone();
    let answer = StepAnswer::Done { output: json!(1), changes: Vec::new() };
    trial.turn(Input::Answered { frame, visit, attempt, answer });
    assert_eq!(trial.types().iter().filter(|kind| *kind == "TaskScheduled").count(), 1, "{:?}", trial.types());
    assert_eq!(trial.types().last().map(String::as_str), Some("StateEntered"));
    assert!(trial.polls().is_empty() && !trial.execution.header.awake && trial.execution.has_more_to_do());
    // A due time that arrives meanwhile changes nothing.
    let entries = trial.entries.len();
    trial.turn(Input::TimerFired);
    assert_eq!(trial.entries.len(), entries);
    trial.execution.begin_no_tasks(false);
    trial.give(Input::TimerFired);
    trial.done("B", json!(2));
    assert_eq!((trial.status(), trial.output()), (ExecutionStatus::Succeeded, json!(2)));
}

/// Whether the call of the only frame is in flight, and its number.
fn call(trial: &Trial) -> (bool, u64) {
    let row = &trial.execution.frames.in_order().next().unwrap().row;
    let FrameState::Task { poll, .. } = row.frame_state else { panic!("{:?}", row.frame_state) };
    (trial.execution.in_flight(), u64::from(poll))
}

#[test]
fn a_call_that_was_not_made_is_due_at_once_and_not_made_again() {
    let mut trial = Trial::start(one(json!({})), json!({}));
    let (frame, visit, attempt, _) = trial.polls()[0].clone();
    let withheld = || Input::Withheld { frame, visit, attempt, reason: "another account".to_owned() };
    let calls = |trial: &Trial| {
        let mut recorded = crate::journal::Recorded::default();
        trial.entries.iter().for_each(|entry| recorded.fold(entry));
        recorded.calls_after(0).map(|call| call.succeeded).collect::<Vec<_>>()
    };
    assert_eq!((call(&trial), calls(&trial)), ((true, 1), vec![None]));
    trial.turn(withheld());
    assert_eq!((call(&trial), calls(&trial)), ((false, 0), vec![]), "no call was made");
    assert_eq!(trial.types()[2..], ["TaskScheduled", "TaskStarted", "TaskStartFailed"]);
    let last = serde_json::to_string(trial.entries.last().unwrap()).unwrap();
    assert!(last.contains(r#""error":"Flow.NotCalled","cause":"no call was made: another account""#), "{last}");
    assert_eq!(trial.execution.header.next_wake_ms, Some(trial.now_ms));
    // The next process makes it as the first call.
    trial.give(Input::Recover);
    trial.give(Input::TimerFired);
    assert_eq!((call(&trial), calls(&trial)), ((true, 1), vec![None]));
    assert_eq!(trial.types()[4..], ["TaskStartFailed", "TaskStarted"]);
    let is_called_again = |content: &EntryContent| match content {
        EntryContent::Note(note) => matches!(**note, Note::CalledAgain { .. }),
        EntryContent::Event(_) => false,
    };
    let notes = |trial: &Trial| trial.entries.iter().filter(|entry| is_called_again(&entry.content)).count();
    assert_eq!(notes(&trial), 0, "no attempt may have run");
    // That process was killed, so the call may have been made. A process that stops does not change that.
    trial.give(Input::Recover);
    assert_eq!((call(&trial), notes(&trial)), ((true, 2), 1));
    trial.turn(withheld());
    assert_eq!((call(&trial), trial.types().len()), ((true, 2), 6));
    trial.done("T", json!(1));
    assert_eq!(calls(&trial), [Some(true)]);
    assert_eq!(trial.status(), ExecutionStatus::Succeeded);
}

/// An answer from outside to the attempt of the only frame.
fn signal(trial: &Trial) -> Input {
    let row = &trial.execution.frames.in_order().next().unwrap().row;
    let (frame, visit, attempt) = (row.id, row.visit, Some(row.attempt));
    Input::Signalled { frame, visit, attempt, answer: Ok(json!("late")), by: None }
}

#[test]
fn the_holder_of_a_task_token_does_not_answer_an_approval() {
    let mut trial = Trial::start(one(json!({})), json!({}));
    let instructions = crate::step::Instructions {
        sentence: "Go?".to_owned(),
        values: Vec::new(),
        answer: None,
        approval: Some(Box::default()),
    };
    let (reason, next_poll_ms) = ("asks".to_owned(), trial.now_ms + 60_000);
    let pending = StepAnswer::Pending {
        reason,
        next_poll_ms,
        instructions: Some(instructions),
        submitted: None,
        execution: None,
    };
    trial.answer("T", pending);
    let mut forged = signal(&trial);
    assert!(!trial.execution.awaits(&forged, trial.now_ms));
    trial.give(forged.clone());
    assert_eq!(trial.status(), ExecutionStatus::Running);
    let Input::Signalled { by, .. } = &mut forged else { panic!("{forged:?}") };
    *by = Some(crate::journal::Signaller { user: "ann".to_owned(), host: "h".to_owned(), comment: None });
    assert!(trial.execution.awaits(&forged, trial.now_ms));
    trial.give(forged);
    assert_eq!(trial.status(), ExecutionStatus::Succeeded);
}

#[test]
fn an_answer_after_the_deadline_changes_nothing_and_the_task_times_out() {
    let mut trial = Trial::start(one(json!({ "TimeoutSeconds": 100 })), json!({}));
    trial.pending("T", 60_000);
    let in_time = signal(&trial);
    assert!(trial.execution.awaits(&in_time, 1_099_999) && !trial.execution.awaits(&in_time, 1_100_000));
    trial.now_ms = 1_100_000;
    let entries = trial.entries.len();
    trial.give(in_time);
    assert_eq!((trial.entries.len(), trial.status()), (entries, ExecutionStatus::Running));
    // The next process polls once more, then the deadline decides.
    trial.give(Input::TimerFired);
    trial.pending("T", 60_000);
    assert_eq!((trial.status(), trial.error().as_str()), (ExecutionStatus::Failed, "States.Timeout"));
}

#[test]
fn a_missed_heartbeat_and_the_deadline_of_the_execution_end_the_time_to_answer_too() {
    let mut state =
        one(json!({ "HeartbeatSeconds": 10, "Resource": "arn:aws:states:us-east-1:111111111111:activity:a" }));
    state["TimeoutSeconds"] = json!(50);
    let mut trial = Trial::start(state, json!({}));
    let (frame, visit, attempt) = {
        let row = &trial.execution.frames.in_order().next().unwrap().row;
        (row.id, row.visit, row.attempt)
    };
    assert!(trial.execution.awaits(&signal(&trial), 1_049_999), "no worker has it: no heartbeat is due");
    assert!(!trial.execution.awaits(&signal(&trial), 1_050_000), "the execution has timed out");
    trial.give(Input::Fetched { frame, visit, attempt, worker: None });
    trial.now_ms += 10_000;
    let entries = trial.entries.len();
    trial.give(Input::Heartbeat { frame, visit, attempt });
    trial.give(signal(&trial));
    assert_eq!(trial.entries.len(), entries, "both come too late");
    trial.give(Input::TimerFired);
    assert_eq!(trial.status(), ExecutionStatus::Failed);
}

#[test]
fn a_server_that_was_away_gives_the_holders_of_tasks_one_interval_to_report() {
    let task = one(json!({ "HeartbeatSeconds": 10, "Resource": "arn:aws:states:us-east-1:111111111111:activity:a" }));
    let mut trial = Trial::start(task, json!({}));
    let (frame, visit, attempt) = {
        let row = &trial.execution.frames.in_order().next().unwrap().row;
        (row.id, row.visit, row.attempt)
    };
    trial.execution.count_heartbeats_from(2_000_000);
    assert_eq!(trial.execution.timers.first(), None, "no worker has the task");
    trial.give(Input::Fetched { frame, visit, attempt, worker: None });
    let due_ms = |trial: &Trial| trial.execution.timers.first().map(|(due_ms, _)| *due_ms);
    assert_eq!(due_ms(&trial), Some(1_010_000));
    // The server was away from 1,003,000 to 1,060,000: every heartbeat in between was lost.
    trial.now_ms = 1_060_000;
    trial.execution.count_heartbeats_from(trial.now_ms);
    assert_eq!(due_ms(&trial), Some(1_070_000));
    trial.give(Input::TimerFired);
    assert!(!trial.types().contains(&"TaskTimedOut".to_owned()));
    trial.now_ms = 1_069_999;
    assert!(trial.execution.awaits(&signal(&trial), trial.now_ms), "its worker answers after the restart");
    trial.sleep();
    assert!(trial.types().contains(&"TaskTimedOut".to_owned()), "{:?}", trial.types());
}

#[test]
fn a_rule_for_missed_heartbeats_does_not_match_the_end_of_the_time() {
    let state = one(json!({ "TimeoutSeconds": 30, "HeartbeatSeconds": 10,
        "Resource": "arn:aws:states:us-east-1:111111111111:activity:a",
        "Retry": [{ "ErrorEquals": ["States.HeartbeatTimeout"], "MaxAttempts": 5 }] }));
    let ends = |is_fetched: bool| {
        let mut trial = Trial::start(state.clone(), json!({}));
        let (frame, visit, attempt) = {
            let row = &trial.execution.frames.in_order().next().unwrap().row;
            (row.id, row.visit, row.attempt)
        };
        if is_fetched {
            trial.give(Input::Fetched { frame, visit, attempt, worker: None });
        }
        trial.sleep();
        let retries = trial.notes().iter().filter(|note| matches!(note, Note::RetryScheduled { .. })).count();
        (trial.status(), retries)
    };
    assert_eq!(ends(true), (ExecutionStatus::Running, 1), "its worker sent no heartbeat");
    assert_eq!(ends(false), (ExecutionStatus::Failed, 0), "no worker has it");
}

#[test]
fn a_call_that_may_have_run_before_its_process_ended_is_noted_when_it_is_made_again() {
    let mut trial = Trial::start(one(json!({})), json!({}));
    trial.give(Input::Recover);
    let again = |trial: &Trial| trial.notes().iter().filter(|note| matches!(note, Note::CalledAgain { .. })).count();
    assert_eq!(again(&trial), 1);
    trial.pending("T", 60_000);
    trial.sleep();
    trial.give(Input::Recover);
    assert_eq!(again(&trial), 1, "the poll of a wait that was answered earlier is no news");
}
