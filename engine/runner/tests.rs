//! The runner with real tasks and threads; the clock jumps, so that no wait takes time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};

use super::*;
use crate::{
    machine::{ExecutionHeader, ExecutionStatus},
    step::{Answer, ErrorClass, Registry, StepContext, StepError, TaskToken},
    store::{MemoryRecords, SledRecords, Store},
};

mod asleep;
mod blocking;
mod earlier_formats;
mod lanes;
mod resuming;
mod signals;
mod stopping;

const DRAIN_MAX: Duration = Duration::from_secs(10);

fn definition(states: Value) -> Value {
    json!({ "QueryLanguage": "JSONata", "StartAt": "A", "States": states })
}

fn chain() -> Value {
    definition(json!({
        "A": { "Type": "Task", "Resource": "flow:test:echo", "Arguments": { "n": 1 }, "Next": "W" },
        "W": { "Type": "Wait", "Seconds": 3600, "Next": "B" },
        "B": { "Type": "Task", "Resource": "flow:test:slow", "Next": "C" },
        "C": { "Type": "Task", "Resource": "flow:test:flaky", "Retry": [{ "ErrorEquals": ["Flow.Unknown"] }], "End": true }
    }))
}

/// Steps that count their calls: `echo` answers at once, `slow` at the third poll, `flaky` at the second attempt.
fn registry(calls: Arc<Mutex<Vec<String>>>) -> Registry {
    let mut registry = Registry::new();
    let note = move |context: &StepContext| calls.lock().unwrap().push(context.state_path.clone());
    let counted = note.clone();
    registry.register("test:echo", "Echoes", &[], move |context: StepContext, input: Value| {
        counted(&context);
        async move { Ok(Answer::done(input)) }
    });
    let counted = note.clone();
    registry.register("test:slow", "Waits", &[], move |context: StepContext, _: Value| {
        counted(&context);
        async move {
            match context.poll {
                ..3 => Ok(Answer::pending("creating", Duration::from_secs(60))),
                _ => Ok(Answer::done(json!({ "polls": context.poll }))),
            }
        }
    });
    registry.register("test:flaky", "Fails once", &[], move |context: StepContext, _: Value| {
        note(&context);
        async move {
            match context.attempt {
                1 => Err(StepError::new(ErrorClass::Unknown, "lost")),
                attempt => Ok(Answer::done(json!({ "attempt": attempt }))),
            }
        }
    });
    registry
}

fn runner(records: &MemoryRecords, calls: &Arc<Mutex<Vec<String>>>) -> RunnerHandle {
    let store = Arc::new(Store::new(records.clone()).unwrap());
    start(store, Arc::new(registry(calls.clone())), Arc::new(ManualClock::new(1_000)), RunnerOptions::default())
}

fn new(id: &str, definition: Value) -> NewExecution {
    NewExecution::new(id, "test", &definition, json!({}))
}

/// The token of the current attempt of a state; `None` if the execution is not in that state.
fn token(handle: &RunnerHandle, id: &str, state: &str) -> Option<TaskToken> {
    let row = handle.store().frames(id).unwrap().into_iter().find(|row| *row.state == *state)?;
    Some(TaskToken { execution: id.to_owned(), frame: row.id, visit: row.visit, attempt: row.attempt })
}

async fn until_settled(handle: &RunnerHandle, id: &str) -> Arc<ExecutionHeader> {
    handle.follow(id, 1).settled().await.unwrap()
}

#[tokio::test]
async fn a_chain_of_calls_waits_and_retries_ends_with_each_call_made_as_often_as_needed() {
    let (records, calls) = (MemoryRecords::new(), Arc::default());
    let handle = runner(&records, &calls);
    let header = handle.start_execution(new("t-1", chain())).await.unwrap();
    assert_eq!(header.status, ExecutionStatus::Running);
    let header = until_settled(&handle, "t-1").await;
    assert_eq!(header.output.as_deref(), Some(&json!({ "attempt": 2 })));
    assert_eq!(*calls.lock().unwrap(), ["A", "B", "B", "B", "C", "C"]);
    assert!(header.stopped_ms.unwrap() > 1_000 + 3_600_000, "the Wait took its time on the clock");
}

#[tokio::test]
async fn another_process_continues_where_the_last_one_stopped() {
    let (records, calls): (_, Arc<Mutex<Vec<String>>>) = (MemoryRecords::new(), Arc::default());
    let first = runner(&records, &calls);
    let mut follow = first.follow("t-1", 1);
    first.start_execution(new("t-1", chain())).await.unwrap();
    while follow.next().await.unwrap().is_some() && !calls.lock().unwrap().contains(&"B".to_owned()) {}
    first.drain(DRAIN_MAX).await;
    assert!(matches!(first.start_execution(new("t-2", chain())).await, Err(RunnerError::Stopped)));
    let second = runner(&records, &calls);
    second.recover("t-1").await.unwrap();
    assert_eq!(until_settled(&second, "t-1").await.output.as_deref(), Some(&json!({ "attempt": 2 })));
    assert_eq!(calls.lock().unwrap().iter().filter(|path| *path == "A").count(), 1, "what succeeded is not repeated");
}

#[tokio::test]
async fn a_watcher_misses_no_entry_and_sees_none_twice() {
    let (records, calls) = (MemoryRecords::new(), Arc::default());
    let handle = runner(&records, &calls);
    let mut early = handle.follow("t-1", 1);
    handle.start_execution(new("t-1", chain())).await.unwrap();
    let mut seen = Vec::new();
    while let Some(event) = early.next().await.unwrap() {
        match event {
            RunnerEvent::Entry { entry, .. } => seen.push(entry.sequence),
            RunnerEvent::Settled { header } => {
                assert_eq!(header.last_sequence, seen.len() as u64);
                break;
            }
            _ => {}
        }
    }
    assert!(seen.iter().copied().eq(1..=seen.len() as u64));
    assert_eq!(handle.store().entries("t-1", 1, 1000).unwrap().len(), seen.len());
}

#[tokio::test]
async fn a_second_execution_on_the_same_subject_is_refused_while_the_first_runs() {
    let (records, calls) = (MemoryRecords::new(), Arc::default());
    let store = Arc::new(Store::new(records).unwrap());
    let handle = start(store, Arc::new(registry(calls)), Arc::new(SystemClock::default()), RunnerOptions::default());
    let waits = definition(json!({ "A": { "Type": "Wait", "Seconds": 3600, "End": true } }));
    let subject = Some("endpoints-aws/shop".to_owned());
    handle.start_execution(NewExecution { subject: subject.clone(), ..new("t-1", waits.clone()) }).await.unwrap();
    let refused = handle.start_execution(NewExecution { subject: subject.clone(), ..new("t-2", waits.clone()) }).await;
    assert!(matches!(refused, Err(RunnerError::SubjectBusy { other, .. }) if other == "t-1"));
    handle.cancel("t-1", "Cancelled", "by a test").await.unwrap();
    handle.start_execution(NewExecution { subject, ..new("t-2", waits) }).await.unwrap();
}

#[tokio::test]
async fn the_same_id_and_input_attach_and_another_input_is_refused() {
    let (records, calls) = (MemoryRecords::new(), Arc::default());
    let handle = runner(&records, &calls);
    handle.start_execution(new("t-1", chain())).await.unwrap();
    assert_eq!(handle.start_execution(new("t-1", chain())).await.unwrap().id, "t-1");
    let other = NewExecution { input: json!({ "other": true }), ..new("t-1", chain()) };
    assert!(matches!(handle.start_execution(other).await, Err(RunnerError::ExecutionAlreadyExists { .. })));
}

#[tokio::test]
async fn a_step_that_panics_is_a_failed_attempt_not_the_end_of_the_runner() {
    let mut registry = Registry::new();
    let attempts = Arc::new(AtomicU32::new(0));
    let count = attempts.clone();
    registry.register("test:panics", "Panics once", &[], move |_: StepContext, _: Value| {
        let first = count.fetch_add(1, Ordering::Relaxed) == 0;
        async move { if first { panic!("as meant by the test") } else { Ok(Answer::done(json!(1))) } }
    });
    let store = Arc::new(Store::new(MemoryRecords::new()).unwrap());
    let handle = start(store, Arc::new(registry), Arc::new(ManualClock::new(0)), RunnerOptions::default());
    let task = json!({ "A": { "Type": "Task", "Resource": "flow:test:panics", "Retry": [{ "ErrorEquals": ["Flow.Unknown"] }], "End": true } });
    handle.start_execution(new("t-1", definition(task))).await.unwrap();
    assert_eq!(until_settled(&handle, "t-1").await.output.as_deref(), Some(&json!(1)));
}

/// A step that answered at once and now waits neither blocks the dispatcher nor is forgotten.
#[tokio::test]
async fn a_step_that_was_prompt_and_then_waits_is_waited_for_beside_the_others() {
    let mut registry = registry(Arc::default());
    let opened = Arc::new(tokio::sync::Notify::new());
    let waits_for = opened.clone();
    registry.register(
        "test:door",
        "Is prompt three times, then waits for the key",
        &[],
        move |_: StepContext, n: u32| {
            let opened = waits_for.clone();
            async move {
                if n > 3 {
                    opened.notified().await;
                }
                Ok(Answer::done(json!(n)))
            }
        },
    );
    registry.register("test:key", "Opens", &[], move |_: StepContext, _: Value| {
        opened.notify_one();
        async move { Ok(Answer::done(json!("open"))) }
    });
    let store = Arc::new(Store::new(MemoryRecords::new()).unwrap());
    let handle = start(store, Arc::new(registry), Arc::new(ManualClock::new(0)), RunnerOptions::default());
    let door = |n: u32, next: &str| {
        let state = json!({ "Type": "Task", "Resource": "flow:test:door", "Arguments": n, "Next": next });
        (["A", "B", "C", "D"][n as usize - 1].to_owned(), state)
    };
    let mut doors = serde_json::Map::from_iter([door(1, "B"), door(2, "C"), door(3, "D"), door(4, "End")]);
    doors.insert("End".to_owned(), json!({ "Type": "Succeed" }));
    handle.start_execution(new("t-1", definition(doors.into()))).await.unwrap();
    let key = json!({ "A": { "Type": "Task", "Resource": "flow:test:key", "End": true } });
    handle.start_execution(new("t-2", definition(key))).await.unwrap();
    assert_eq!(until_settled(&handle, "t-1").await.output.as_deref(), Some(&json!(4)));
    assert_eq!(until_settled(&handle, "t-2").await.status, ExecutionStatus::Succeeded);
}

#[tokio::test]
async fn an_answer_ends_a_wait_and_one_of_another_attempt_does_not() {
    let store = Arc::new(Store::new(MemoryRecords::new()).unwrap());
    let clock = Arc::new(SystemClock::default());
    let handle = start(store, Arc::new(registry(Arc::default())), clock, RunnerOptions::default());
    let task = json!({ "A": { "Type": "Task", "Resource": "flow:test:slow", "End": true } });
    let mut follow = handle.follow("t-1", 1);
    handle.start_execution(new("t-1", definition(task))).await.unwrap();
    loop {
        if let Some(RunnerEvent::Entry { entry, .. }) = follow.next().await.unwrap()
            && matches!(&entry.content, crate::journal::EntryContent::Note(note) if matches!(**note, crate::journal::Note::Waiting { .. }))
        {
            break;
        }
    }
    let token = token(&handle, "t-1", "A").unwrap();
    let other = TaskToken { attempt: token.attempt + 1, ..token.clone() };
    assert!(!handle.answer_task(&other, Ok(json!(1)), None).await.unwrap());
    assert!(handle.answer_task(&token, Ok(json!("by hand")), None).await.unwrap());
    assert_eq!(until_settled(&handle, "t-1").await.output.as_deref(), Some(&json!("by hand")));
}

#[tokio::test]
async fn a_thousand_at_once_share_the_disk_and_all_end() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::new(SledRecords::open(folder.path()).unwrap()).unwrap());
    let handle =
        start(store, Arc::new(registry(Arc::default())), Arc::new(ManualClock::new(0)), RunnerOptions::default());
    let starts = (0..1_000).map(|n| {
        let handle = handle.clone();
        async move { handle.start_execution(new(&format!("t-{n}"), chain())).await.unwrap() }
    });
    futures::future::join_all(starts).await;
    for n in 0..1_000 {
        assert_eq!(until_settled(&handle, &format!("t-{n}")).await.status, ExecutionStatus::Succeeded);
    }
    assert!(handle.commits() < 6_000, "{} commits for 6,000 steps and more", handle.commits());
}

#[tokio::test]
async fn a_wait_beside_a_paused_call_continues_after_the_resume() {
    let records = MemoryRecords::new();
    let mut registry = Registry::new();
    let denied = Arc::new(AtomicU32::new(0));
    let count = denied.clone();
    registry.register("test:expired", "Has no credentials at first", &[], move |_: StepContext, _: Value| {
        let first = count.fetch_add(1, Ordering::Relaxed) == 0;
        async move {
            if first { Err(StepError::new(ErrorClass::Credentials, "expired")) } else { Ok(Answer::done(json!(1))) }
        }
    });
    let registry = Arc::new(registry);
    let store = || Arc::new(Store::new(records.clone()).unwrap());
    let branch = |state: Value| json!({ "StartAt": "B", "States": { "B": state } });
    let both = definition(json!({ "A": { "Type": "Parallel", "End": true, "Branches": [
        branch(json!({ "Type": "Wait", "Seconds": 3600, "End": true })),
        branch(json!({ "Type": "Task", "Resource": "flow:test:expired", "End": true }))
    ] } }));
    let first = start(store(), registry.clone(), Arc::new(SystemClock::default()), RunnerOptions::default());
    first.start_execution(new("t-1", both)).await.unwrap();
    assert!(until_settled(&first, "t-1").await.paused);
    first.drain(DRAIN_MAX).await;
    let clock = ManualClock::new(SystemClock::default().now_ms());
    let second = start(store(), registry, Arc::new(clock), RunnerOptions::default());
    let mut follow = second.follow("t-1", 1);
    second.resume("t-1", None).await.unwrap();
    let ended = async {
        while let Some(event) = follow.next().await.unwrap() {
            if matches!(&event, RunnerEvent::Settled { header } if header.status == ExecutionStatus::Succeeded) {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), ended).await.expect("the wait was forgotten");
}

#[tokio::test]
async fn two_starts_at_once_of_one_id_or_one_subject_begin_one_execution() {
    let (records, calls) = (MemoryRecords::new(), Arc::default());
    let handle = runner(&records, &calls);
    let waits =
        definition(json!({ "A": { "Type": "Wait", "Seconds": 3600, "Next": "B" }, "B": { "Type": "Succeed" } }));
    let starts = (0..20).map(|_| handle.start_execution(new("t-1", waits.clone())));
    for started in futures::future::join_all(starts).await {
        assert_eq!(started.unwrap().id, "t-1");
    }
    let subject = Some("shop".to_owned());
    // No worker fetches the task: the first execution does not end before the last is sent.
    let never = definition(
        json!({ "A": { "Type": "Task", "Resource": "arn:aws:states:us-east-1:111111111111:activity:none", "End": true } }),
    );
    let starts = (0..20).map(|number| {
        handle.start_execution(NewExecution { subject: subject.clone(), ..new(&format!("s-{number}"), never.clone()) })
    });
    let begun = futures::future::join_all(starts).await.into_iter().filter(Result::is_ok).count();
    assert_eq!(begun, 1, "the subject was worked on twice");
    assert_eq!(until_settled(&handle, "t-1").await.status, ExecutionStatus::Succeeded);
}

/// The wall clock set back by an hour.
struct ClockSetBack(SystemClock);

const HOUR_MS: u64 = 3_600_000;

impl Clock for ClockSetBack {
    fn now_ms(&self) -> u64 {
        self.0.now_ms() - HOUR_MS
    }

    fn real_duration_until(&self, due_ms: u64) -> Duration {
        self.0.real_duration_until(due_ms + HOUR_MS)
    }
}

#[tokio::test]
async fn a_clock_that_went_back_an_hour_between_two_processes_loses_nothing() {
    let records = MemoryRecords::new();
    let runner_with = |clock: Arc<dyn Clock>| {
        let store = Arc::new(Store::new(records.clone()).unwrap());
        start(store, Arc::new(registry(Arc::default())), clock, RunnerOptions::default())
    };
    let first = runner_with(Arc::new(SystemClock::default()));
    let states = json!({
        "A": { "Type": "Task", "Resource": "flow:test:slow", "Next": "B" },
        "B": { "Type": "Task", "Resource": "flow:test:echo", "End": true }
    });
    first.start_execution(new("t-1", definition(states))).await.unwrap();
    first.drain(DRAIN_MAX).await;
    let second = runner_with(Arc::new(ClockSetBack(SystemClock::default())));
    second.recover("t-1").await.unwrap();
    loop {
        if let Some(token) = token(&second, "t-1", "A")
            && second.answer_task(&token, Ok(json!("by hand")), None).await.unwrap()
        {
            break;
        }
        tokio::task::yield_now().await;
    }
    let header = until_settled(&second, "t-1").await;
    assert_eq!(header.status, ExecutionStatus::Succeeded);
    let mut follow = second.follow("t-1", 1);
    let mut times = Vec::new();
    while let Some(RunnerEvent::Entry { entry, .. }) = follow.next().await.unwrap() {
        times.push(entry.timestamp_ms);
    }
    assert!(times.len() > 5 && times.is_sorted(), "{times:?}");
    assert!(header.stopped_ms >= times.last().copied());
}
