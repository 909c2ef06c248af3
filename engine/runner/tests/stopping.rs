//! A stopped runner releases its store, so that the same process can open it again, and stops within its limit.

use std::{path::Path, sync::atomic::AtomicUsize, time::Instant};

use super::*;
use crate::{
    machine::{FrameRow, FrameState},
    store::LoggedRecords,
};

const CLOSE_MAX: Duration = Duration::from_secs(30);

/// A runner over the store of a folder, with an additional step that never answers.
fn opened(folder: &Path) -> RunnerHandle {
    opened_with(folder, Arc::default())
}

/// Like `opened`; the step that never answers notifies `called` at each call.
fn opened_with(folder: &Path, called: Arc<tokio::sync::Notify>) -> RunnerHandle {
    let mut registry = registry(Arc::default());
    let hangs = move |_: StepContext, _: Value| {
        called.notify_one();
        std::future::pending::<Result<Answer<Value>, StepError>>()
    };
    registry.register("test:hangs", "Never answers", &[], hangs);
    let store = Arc::new(Store::new(LoggedRecords::open(folder).unwrap()).unwrap());
    start(store, Arc::new(registry), Arc::new(SystemClock::default()), RunnerOptions::default())
}

/// Drops the last handle and closes the store.
fn close(handle: RunnerHandle) {
    let store = handle.shared_store();
    drop(handle);
    store.close(CLOSE_MAX).unwrap();
}

fn one_task(resource: &str) -> Value {
    definition(json!({ "A": { "Type": "Task", "Resource": resource, "End": true } }))
}

#[tokio::test]
async fn a_drained_store_is_opened_ten_times_in_one_process() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..10 {
        let handle = opened(folder.path());
        assert_eq!(handle.store().ids_with_prefix("t-", 100).unwrap().len(), round);
        let id = format!("t-{round}");
        handle.start_execution(new(&id, one_task("flow:test:echo"))).await.unwrap();
        assert_eq!(until_settled(&handle, &id).await.status, ExecutionStatus::Succeeded);
        assert_eq!(handle.drain(DRAIN_MAX).await, Drained { unanswered: 0, has_ended: true });
        close(handle);
    }
}

#[tokio::test]
async fn a_call_that_hangs_is_left_unanswered_after_the_limit_and_called_again_by_the_next_runner() {
    let folder = tempfile::tempdir().unwrap();
    let called = Arc::new(tokio::sync::Notify::new());
    let handle = opened_with(folder.path(), called.clone());
    handle.start_execution(new("t-1", one_task("flow:test:hangs"))).await.unwrap();
    called.notified().await;
    let mut follow = handle.follow("t-1", 1);
    let began = Instant::now();
    assert_eq!(handle.drain(Duration::from_millis(100)).await, Drained { unanswered: 1, has_ended: true });
    assert!(began.elapsed() >= Duration::from_millis(100));
    while follow.next().await.unwrap().is_some() {}
    drop(follow);
    close(handle);
    let handle = opened_with(folder.path(), called.clone());
    assert_eq!(handle.recover_all().await.unwrap(), 1);
    called.notified().await;
    assert_eq!(handle.drain(Duration::ZERO).await.unanswered, 1);
    close(handle);
}

#[tokio::test]
async fn a_runner_waits_until_no_execution_has_a_call_in_flight() {
    let folder = tempfile::tempdir().unwrap();
    let called = Arc::new(tokio::sync::Notify::new());
    let handle = opened_with(folder.path(), called.clone());
    handle.start_execution(new("t-1", one_task("flow:test:hangs"))).await.unwrap();
    called.notified().await;
    assert!(tokio::time::timeout(Duration::from_millis(200), handle.wait_for_calls()).await.is_err());
    // It drives executions as before.
    handle.start_execution(new("t-2", one_task("flow:test:echo"))).await.unwrap();
    assert_eq!(until_settled(&handle, "t-2").await.status, ExecutionStatus::Succeeded);
    // What hangs although its execution has ended is waited for by the drain alone.
    handle.cancel("t-1", "Test", "test").await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), handle.wait_for_calls()).await.unwrap();
    assert!(handle.drain(Duration::from_millis(100)).await.has_ended);
    handle.wait_for_calls().await;
    close(handle);
}

#[tokio::test]
async fn a_runner_that_has_stopped_answers_everybody_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let handle = opened(folder.path());
    let other = handle.clone();
    let mut settled = handle.settled();
    let (first, second) = tokio::join!(handle.drain(DRAIN_MAX), other.drain(DRAIN_MAX));
    assert!(first.has_ended && second.has_ended);
    assert!(matches!(other.recover_all().await, Err(RunnerError::Stopped)));
    assert!(matches!(other.start_execution(new("t-1", chain())).await, Err(RunnerError::Stopped)));
    assert_eq!(other.driven(vec!["t-1".into()]).await, Vec::<String>::new());
    assert!(settled.recv().await.is_err() && other.settled().recv().await.is_err());
    assert!(other.follow("t-1", 1).next().await.unwrap().is_none());
    assert!(other.drain(DRAIN_MAX).await.has_ended, "a second drain ends at once");
}

#[tokio::test]
async fn a_runner_without_a_handle_stops_and_lets_go_of_its_store() {
    let folder = tempfile::tempdir().unwrap();
    let handle = opened(folder.path());
    handle.start_execution(new("t-1", one_task("flow:test:hangs"))).await.unwrap();
    close(handle);
    let handle = opened(folder.path());
    assert!(handle.store().exists("t-1").unwrap());
    handle.drain(Duration::ZERO).await;
    close(handle);
}

#[tokio::test]
async fn a_runner_that_drains_records_the_call_in_flight_and_schedules_no_further_one() {
    let folder = tempfile::tempdir().unwrap();
    let (called, released) = (Arc::new(tokio::sync::Notify::new()), Arc::new(tokio::sync::Notify::new()));
    let runner = || {
        let (called, released) = (called.clone(), released.clone());
        let mut registry = registry(Arc::default());
        registry.register("test:held", "Answers when released", &[], move |_: StepContext, _: Value| {
            called.notify_one();
            let released = released.clone();
            async move {
                released.notified().await;
                Ok(Answer::done(json!(1)))
            }
        });
        let store = Arc::new(Store::new(LoggedRecords::open(folder.path()).unwrap()).unwrap());
        start(store, Arc::new(registry), Arc::new(SystemClock::default()), RunnerOptions::default())
    };
    let held = json!({ "Type": "Task", "Resource": "flow:test:held", "Next": "B" });
    let states = json!({ "A": held, "B": { "Type": "Task", "Resource": "flow:test:echo", "End": true } });
    let handle = runner();
    handle.start_execution(new("t-1", definition(states))).await.unwrap();
    called.notified().await;
    let release = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        released.notify_one();
    };
    let (drained, ()) = tokio::join!(handle.drain(DRAIN_MAX), release);
    assert_eq!(drained, Drained { unanswered: 0, has_ended: true });
    let scheduled = |handle: &RunnerHandle| {
        let entries = serde_json::to_string(&handle.store().entries("t-1", 1, 100).unwrap()).unwrap();
        entries.matches("TaskScheduled").count()
    };
    assert_eq!(scheduled(&handle), 1);
    close(handle);
    let handle = runner();
    assert_eq!(handle.recover_all().await.unwrap(), 1);
    assert_eq!(until_settled(&handle, "t-1").await.status, ExecutionStatus::Succeeded);
    assert_eq!(scheduled(&handle), 2);
    handle.drain(DRAIN_MAX).await;
    close(handle);
}

/// The commit of a turn may be in progress when the drain begins: its call is not made.
#[tokio::test]
async fn only_a_call_that_was_made_is_recorded_as_in_flight_by_a_runner_that_drains() {
    for _ in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let made = Arc::new(AtomicUsize::new(0));
        let mut registry = registry(Arc::default());
        let counter = made.clone();
        registry.register("test:counted", "Never answers", &[], move |_: StepContext, _: Value| {
            counter.fetch_add(1, Ordering::SeqCst);
            std::future::pending::<Result<Answer<Value>, StepError>>()
        });
        let store = Arc::new(Store::new(LoggedRecords::open(folder.path()).unwrap()).unwrap());
        let handle = start(store, Arc::new(registry), Arc::new(SystemClock::default()), RunnerOptions::default());
        let starts = handle.start_execution(new("t-1", one_task("flow:test:counted")));
        let (started, drained) = tokio::join!(starts, handle.drain(Duration::from_millis(100)));
        let made = made.load(Ordering::SeqCst);
        assert_eq!(drained.unanswered, made);
        if started.is_ok() {
            let frames = handle.store().frames("t-1").unwrap();
            let in_flight = |row: &&FrameRow| matches!(row.frame_state, FrameState::Task { next_poll_ms: None, .. });
            assert_eq!(frames.iter().filter(in_flight).count(), made);
        }
        close(handle);
    }
}
