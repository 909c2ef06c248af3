//! An answer from outside is not lost between two processes, and the journal records who gave it.

use super::*;
use crate::journal::{EntryContent, ErrorAndCause, Note, Signaller};

fn runner_with_clock(records: &MemoryRecords) -> RunnerHandle {
    let store = Arc::new(Store::new(records.clone()).unwrap());
    start(store, Arc::new(registry(Arc::default())), Arc::new(SystemClock::default()), RunnerOptions::default())
}

/// A runner with the execution `t-1`, whose Task `A` waits for an answer.
async fn with_a_waiting_task() -> (RunnerHandle, TaskToken) {
    let handle = runner_with_clock(&MemoryRecords::new());
    let task = definition(json!({ "A": { "Type": "Task", "Resource": "flow:test:slow", "End": true } }));
    let mut follow = handle.follow("t-1", 1);
    handle.start_execution(new("t-1", task)).await.unwrap();
    while !matches!(follow.next().await.unwrap(), Some(RunnerEvent::Asleep { .. })) {}
    let token = token(&handle, "t-1", "A").unwrap();
    (handle, token)
}

fn wait_then_slow() -> Value {
    definition(json!({
        "A": { "Type": "Wait", "Seconds": 3600, "Next": "B" },
        "B": { "Type": "Task", "Resource": "flow:test:slow", "End": true }
    }))
}

fn ann() -> Option<Signaller> {
    Some(Signaller { user: "ann".to_owned(), host: "desk".to_owned(), comment: None })
}

fn notes(handle: &RunnerHandle, id: &str) -> Vec<Note> {
    let entries = handle.store().entries(id, 1, 1_000).unwrap();
    let note = |content| match content {
        EntryContent::Note(note) => Some(*note),
        EntryContent::Event(_) => None,
    };
    entries.into_iter().filter_map(|entry| note(entry.content)).collect()
}

#[tokio::test]
async fn an_early_answer_survives_a_restart_and_is_given_when_its_state_waits() {
    let records = MemoryRecords::new();
    let first = runner_with_clock(&records);
    first.start_execution(new("t-1", wait_then_slow())).await.unwrap();
    first.signal_early("t-1", "B", Ok(json!("approved")), ann()).await.unwrap();
    first.signal_early("t-1", "B", Ok(json!("approved")), ann()).await.unwrap();
    let kept = Note::SignalKept { state: "B".to_owned(), by: ann(), succeeded: true };
    assert_eq!(notes(&first, "t-1"), std::slice::from_ref(&kept), "durable when it is acknowledged, and once");
    first.drain(DRAIN_MAX).await;
    // The Wait has ended on this clock.
    let clock = ManualClock::new(SystemClock::default().now_ms() + 7_200_000);
    let store = Arc::new(Store::new(records.clone()).unwrap());
    let second = start(store, Arc::new(registry(Arc::default())), Arc::new(clock), RunnerOptions::default());
    assert_eq!(second.recover_all().await.unwrap(), 1);
    let header = until_settled(&second, "t-1").await;
    assert_eq!(header.output.as_deref(), Some(&json!("approved")));
    let applied = Note::SignalApplied { state_path: "B".to_owned(), by: ann(), succeeded: true };
    let notes = notes(&second, "t-1");
    assert!(notes.first() == Some(&kept) && notes.last() == Some(&applied), "{notes:?}");
}

#[tokio::test]
async fn an_early_answer_that_cannot_be_kept_is_refused_also_of_an_execution_in_the_store() {
    let records = MemoryRecords::new();
    let first = runner_with_clock(&records);
    first.start_execution(new("t-1", wait_then_slow())).await.unwrap();
    let none = first.signal_early("none", "B", Ok(json!(1)), None).await;
    assert!(matches!(none, Err(RunnerError::ExecutionDoesNotExist { .. })));
    first.drain(DRAIN_MAX).await;
    let second = runner_with_clock(&records);
    for state in ["C", "A"] {
        let refused = second.signal_early("t-1", state, Ok(json!(1)), None).await;
        assert!(matches!(refused, Err(RunnerError::SignalRefused { .. })), "{refused:?}");
    }
    second.cancel("t-1", "Cancelled", "by a test").await.unwrap();
    let refused = second.signal_early("t-1", "B", Ok(json!(1)), None).await;
    assert!(matches!(&refused, Err(RunnerError::SignalRefused { message }) if message.contains("has ended")));
    assert_eq!(second.driven(vec!["t-1".into()]).await, Vec::<String>::new());
}

#[tokio::test]
async fn who_answered_a_waiting_task_is_in_its_journal() {
    let (handle, token) = with_a_waiting_task().await;
    let rejected = Err(ErrorAndCause { error: "Rejected".to_owned(), cause: "no".to_owned() });
    assert!(handle.answer_task(&token, rejected, ann()).await.unwrap());
    let signalled = Note::Signalled { state_path: "A".to_owned(), by: ann().unwrap(), succeeded: false };
    assert!(notes(&handle, "t-1").contains(&signalled));
}

#[tokio::test]
async fn of_two_answers_at_once_only_one_is_confirmed() {
    let (handle, token) = with_a_waiting_task().await;
    let answer = |n: u32| handle.answer_task(&token, Ok(json!(n)), None);
    let answers = futures::future::join_all((0..8).map(answer)).await;
    let confirmed: Vec<usize> = (0..8).filter(|at| *answers[*at].as_ref().unwrap()).collect();
    let [confirmed] = confirmed[..] else { panic!("{confirmed:?} were confirmed") };
    assert_eq!(until_settled(&handle, "t-1").await.output.as_deref(), Some(&json!(confirmed)));
}

#[tokio::test]
async fn an_early_answer_is_kept_only_where_nothing_waits() {
    let handle = runner_with_clock(&MemoryRecords::new());
    let task = definition(json!({ "A": { "Type": "Task", "Resource": "flow:test:slow", "End": true } }));
    handle.start_execution(new("waits-later", wait_then_slow())).await.unwrap();
    assert!(handle.signal_early("waits-later", "B", Ok(json!(1)), ann()).await.unwrap());
    let mut follow = handle.follow("waits", 1);
    handle.start_execution(new("waits", task)).await.unwrap();
    while !matches!(follow.next().await.unwrap(), Some(RunnerEvent::Asleep { .. })) {}
    assert!(!handle.signal_early("waits", "A", Ok(json!(1)), ann()).await.unwrap());
}

/// A program ends when its execution is cancelled, its state times out, or a person answers for it.
#[tokio::test]
async fn a_call_learns_that_its_attempt_is_over() {
    let ended = Arc::new(AtomicU32::new(0));
    let counter = ended.clone();
    let mut registry = Registry::new();
    registry.register("test:hangs", "Hangs until its attempt is over", &[], move |context: StepContext, _: Value| {
        let counter = counter.clone();
        async move {
            context.abandonment.abandoned().await;
            counter.fetch_add(1, Ordering::SeqCst);
            Ok(Answer::done(json!("too late")))
        }
    });
    let store = Arc::new(Store::new(MemoryRecords::new()).unwrap());
    let handle = start(store, Arc::new(registry), Arc::new(SystemClock::default()), RunnerOptions::default());
    let hangs = |more: Value| {
        let mut state = json!({ "Type": "Task", "Resource": "flow:test:hangs", "End": true });
        state.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        definition(json!({ "A": state }))
    };
    let entered = async |id: &str, definition: Value| {
        let mut follow = handle.follow(id, 1);
        handle.start_execution(new(id, definition)).await.unwrap();
        while !matches!(follow.next().await.unwrap(), Some(RunnerEvent::Entry { .. })) {}
    };
    entered("cancelled", hangs(json!({}))).await;
    handle.cancel("cancelled", "Cancelled", "by a test").await.unwrap();
    entered("answered", hangs(json!({}))).await;
    let token = token(&handle, "answered", "A").unwrap();
    assert!(handle.answer_task(&token, Ok(json!("by a person")), None).await.unwrap());
    entered("timed-out", hangs(json!({ "TimeoutSeconds": 1 }))).await;
    let statuses = [
        until_settled(&handle, "cancelled").await,
        until_settled(&handle, "answered").await,
        until_settled(&handle, "timed-out").await,
    ];
    assert_eq!(
        statuses.map(|header| header.status),
        [ExecutionStatus::Aborted, ExecutionStatus::Succeeded, ExecutionStatus::Failed]
    );
    handle.drain(DRAIN_MAX).await;
    assert_eq!(ended.load(Ordering::SeqCst), 3);
}

/// A clock that does not move: what is due later stays so.
struct StillClock(u64);

impl Clock for StillClock {
    fn now_ms(&self) -> u64 {
        self.0
    }

    fn real_duration_until(&self, due_ms: u64) -> Duration {
        if due_ms > self.0 { Duration::from_secs(3_600) } else { Duration::ZERO }
    }
}

#[tokio::test]
async fn a_worker_answers_after_a_restart_that_took_longer_than_its_heartbeats_may() {
    const ACTIVITY: &str = "arn:aws:states:us-east-1:111111111111:activity:a";
    let records = MemoryRecords::new();
    let runner_at = |now_ms| {
        let store = Arc::new(Store::new(records.clone()).unwrap());
        let clock = Arc::new(StillClock(now_ms));
        start(store, Arc::new(registry(Arc::default())), clock, RunnerOptions::default())
    };
    let first = runner_at(1_000);
    let task = json!({ "Type": "Task", "Resource": ACTIVITY, "HeartbeatSeconds": 5, "End": true });
    first.start_execution(new("t-1", definition(json!({ "A": task })))).await.unwrap();
    let task = first.fetch(ACTIVITY, None, DRAIN_MAX).await.unwrap().unwrap();
    first.drain(DRAIN_MAX).await;
    let second = runner_at(60_000);
    assert_eq!(second.recover_all().await.unwrap(), 1);
    assert!(second.heartbeat(&task.token).await.unwrap());
    assert!(second.answer_task(&task.token, Ok(json!("done")), None).await.unwrap());
    let header = until_settled(&second, "t-1").await;
    assert_eq!(header.status, ExecutionStatus::Succeeded);
}
