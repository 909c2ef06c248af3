//! Watchers see an execution as asleep exactly while nothing of it proceeds.

use super::*;
use crate::{
    journal::{EntryContent, HistoryEventDetails},
    runner::Follow,
};

const ACTIVITY: &str = "arn:aws:states:us-east-1:111111111111:activity:none";

fn runner_of(registry: Registry, clock: Arc<dyn Clock>, records: &MemoryRecords) -> RunnerHandle {
    let store = Arc::new(Store::new(records.clone()).unwrap());
    start(store, Arc::new(registry), clock, RunnerOptions::default())
}

fn plain(records: &MemoryRecords) -> RunnerHandle {
    runner_of(registry(Arc::default()), Arc::new(SystemClock::default()), records)
}

/// The events that a watcher receives, abbreviated: the types of history events, `settled`, and `asleep` with its time.
#[derive(Debug, PartialEq)]
enum Seen {
    Event(String),
    Asleep(Option<u64>),
    Settled,
}

async fn seen(follow: &mut Follow) -> Option<Seen> {
    loop {
        return Some(match follow.next().await.unwrap()? {
            RunnerEvent::Entry { entry, .. } => match entry.content {
                EntryContent::Event(event) => {
                    let json = serde_json::to_value(&event.details).unwrap();
                    Seen::Event(json["type"].as_str().unwrap().to_owned())
                }
                EntryContent::Note(_) => continue,
            },
            RunnerEvent::Asleep { next_wake_ms, .. } => Seen::Asleep(next_wake_ms),
            RunnerEvent::Settled { .. } => Seen::Settled,
            _ => continue,
        });
    }
}

/// All events up to the first `Asleep`, which comes last.
async fn until_asleep(follow: &mut Follow) -> (Vec<String>, Option<u64>) {
    let mut events = Vec::new();
    loop {
        match seen(follow).await.unwrap() {
            Seen::Event(event) => events.push(event),
            Seen::Asleep(next_wake_ms) => return (events, next_wake_ms),
            Seen::Settled => panic!("it settled after {events:?}"),
        }
    }
}

/// Brings a watcher that has read everything to the point where it only waits for new events.
async fn listening(follow: &mut Follow, handle: &RunnerHandle) {
    // Its request reaches the dispatcher before this one, so it is answered first.
    tokio::select! {
        biased;
        event = follow.next() => panic!("nothing has happened yet: {event:?}"),
        _ = handle.driven(Vec::new()) => {}
    }
}

#[tokio::test]
async fn a_wait_is_asleep_until_its_time_for_an_early_and_for_a_late_watcher() {
    let handle = plain(&MemoryRecords::new());
    let mut early = handle.follow("t-1", 1);
    let wait = definition(json!({ "A": { "Type": "Wait", "Seconds": 3600, "End": true } }));
    let before_ms = handle.clock().now_ms();
    handle.start_execution(new("t-1", wait)).await.unwrap();
    let (events, next_wake_ms) = until_asleep(&mut early).await;
    assert_eq!(events, ["ExecutionStarted", "StateEntered"]);
    assert!(next_wake_ms.is_some_and(|due_ms| due_ms >= before_ms + 3_600_000), "{next_wake_ms:?}");
    let mut late = handle.follow("t-1", 1);
    assert_eq!(until_asleep(&mut late).await, (events, next_wake_ms));
    let mut later = handle.follow("t-1", 3);
    assert_eq!(until_asleep(&mut later).await, (Vec::new(), next_wake_ms));
    handle.cancel("t-1", "Cancelled", "by a test").await.unwrap();
    for follow in [&mut early, &mut late, &mut later] {
        assert_eq!(seen(follow).await, Some(Seen::Event("ExecutionAborted".to_owned())));
        assert_eq!(seen(follow).await, Some(Seen::Settled));
    }
    let mut after_the_end = handle.follow("t-1", 4);
    assert_eq!(seen(&mut after_the_end).await, Some(Seen::Settled));
    handle.drain(DRAIN_MAX).await;
    assert_eq!(seen(&mut after_the_end).await, None, "what has ended does not sleep");
}

#[tokio::test]
async fn a_task_that_a_worker_must_do_has_no_time() {
    let handle = plain(&MemoryRecords::new());
    let mut follow = handle.follow("t-1", 1);
    let task = definition(json!({ "A": { "Type": "Task", "Resource": ACTIVITY, "End": true } }));
    handle.start_execution(new("t-1", task)).await.unwrap();
    let (events, next_wake_ms) = until_asleep(&mut follow).await;
    assert_eq!(events, ["ExecutionStarted", "StateEntered", "TaskScheduled"]);
    assert_eq!(next_wake_ms, None);
    let offer = handle.fetch(ACTIVITY, None, Duration::from_secs(10)).await.unwrap().unwrap();
    assert_eq!(until_asleep(&mut follow).await, (vec!["TaskStarted".to_owned()], None), "a worker has it");
    assert!(handle.answer_task(&offer.token, Ok(json!(1)), None).await.unwrap());
    assert_eq!(seen(&mut follow).await, Some(Seen::Event("TaskSucceeded".to_owned())));
}

#[tokio::test]
async fn a_branch_that_waits_beside_a_call_does_not_let_the_execution_sleep() {
    let mut registry = registry(Arc::default());
    let (called, opened) = (Arc::new(tokio::sync::Notify::new()), Arc::new(tokio::sync::Notify::new()));
    let (calls, opens) = (called.clone(), opened.clone());
    registry.register("test:door", "Waits for the key", &[], move |_: StepContext, _: Value| {
        let opens = opens.clone();
        calls.notify_one();
        async move {
            opens.notified().await;
            Ok(Answer::done(json!("open")))
        }
    });
    let handle = runner_of(registry, Arc::new(SystemClock::default()), &MemoryRecords::new());
    let branch = |state: Value| json!({ "StartAt": "B", "States": { "B": state } });
    let both = definition(json!({ "A": { "Type": "Parallel", "End": true, "Branches": [
        branch(json!({ "Type": "Wait", "Seconds": 3600, "End": true })),
        branch(json!({ "Type": "Task", "Resource": "flow:test:door", "End": true }))
    ] } }));
    let mut early = handle.follow("t-1", 1);
    handle.start_execution(new("t-1", both)).await.unwrap();
    called.notified().await;
    let mut late = handle.follow("t-1", 1);
    while seen(&mut late).await != Some(Seen::Event("TaskStarted".to_owned())) {}
    opened.notify_one();
    let (events, next_wake_ms) = until_asleep(&mut early).await;
    let end = events.len() - 2;
    assert_eq!(events[end..], ["TaskSucceeded", "StateExited"], "{events:?}");
    assert!(next_wake_ms.is_some(), "the Wait of the other branch");
    assert_eq!(until_asleep(&mut late).await, (events[end..].to_vec(), next_wake_ms));
}

#[tokio::test]
async fn a_wait_that_is_due_sleeps_until_at_once() {
    let records = MemoryRecords::new();
    let first = plain(&records);
    let wait = definition(json!({ "A": { "Type": "Wait", "Seconds": 3600, "End": true } }));
    first.start_execution(new("t-1", wait)).await.unwrap();
    first.drain(DRAIN_MAX).await;
    let clock = ManualClock::new(SystemClock::default().now_ms() + 7_200_000);
    let now_ms = clock.now_ms();
    let second = runner_of(registry(Arc::default()), Arc::new(clock), &records);
    let mut follow = second.follow("t-1", 3);
    listening(&mut follow, &second).await;
    second.recover("t-1").await.unwrap();
    let (events, next_wake_ms) = until_asleep(&mut follow).await;
    assert_eq!(events, Vec::<String>::new());
    assert!(next_wake_ms.is_some_and(|due_ms| due_ms < now_ms));
    assert_eq!(seen(&mut follow).await, Some(Seen::Event("StateExited".to_owned())));
    assert_eq!(seen(&mut follow).await, Some(Seen::Event("ExecutionSucceeded".to_owned())));
    assert_eq!(seen(&mut follow).await, Some(Seen::Settled));
}

#[tokio::test]
async fn what_this_runner_does_not_drive_reports_no_sleep() {
    let records = MemoryRecords::new();
    let first = plain(&records);
    let wait = definition(json!({ "A": { "Type": "Wait", "Seconds": 3600, "End": true } }));
    first.start_execution(new("t-1", wait)).await.unwrap();
    first.drain(DRAIN_MAX).await;
    let second = plain(&records);
    let (mut follow, mut none) = (second.follow("t-1", 2), second.follow("none", 1));
    assert_eq!(seen(&mut follow).await, Some(Seen::Event("StateEntered".to_owned())));
    // Both requests are sent before the stop: messages are received in the order in which they were sent.
    let drained = async {
        tokio::task::yield_now().await;
        second.drain(DRAIN_MAX).await
    };
    let (followed, nothing, _) = tokio::join!(seen(&mut follow), seen(&mut none), drained);
    assert_eq!((followed, nothing), (None, None));
    // A recovered execution is reported as asleep.
    let third = plain(&records);
    assert_eq!(third.recover_all().await.unwrap(), 1);
    assert!(until_asleep(&mut third.follow("t-1", 1)).await.1.is_some());
}

/// The turn reaches its cost limit after about fifty events: the rest is due at once.
#[tokio::test]
async fn an_execution_that_has_more_to_do_is_due_at_once() {
    let handle = plain(&MemoryRecords::new());
    let mut states = serde_json::Map::new();
    for number in 0..40 {
        let next = format!("P{number}");
        let name = if number == 0 { "A".to_owned() } else { format!("P{}", number - 1) };
        states.insert(name, json!({ "Type": "Pass", "Next": next }));
    }
    states.insert("P39".to_owned(), json!({ "Type": "Succeed" }));
    let mut follow = handle.follow("t-1", 1);
    listening(&mut follow, &handle).await;
    handle.start_execution(new("t-1", definition(states.into()))).await.unwrap();
    assert_eq!(until_asleep(&mut follow).await.1, Some(0));
    let last = HistoryEventDetails::ExecutionSucceeded { output: Arc::new(json!({})) };
    loop {
        if let Some(RunnerEvent::Entry { entry, .. }) = follow.next().await.unwrap()
            && matches!(&entry.content, EntryContent::Event(event) if event.details == last)
        {
            break;
        }
    }
}
