//! An execution that is resumed in another environment acts in that environment.

use async_trait::async_trait;

use super::*;
use crate::{machine::Reentry, step::Registries};

/// Steps that depend on the environment: in `old` every call fails for credentials, in `hangs` no call answers, `elsewhere` is another
/// process's, in `uncompared` a step that has begun finds that this process cannot act, and in any other the name of the environment is the
/// output. `test:slow` acts everywhere.
struct Environments;

#[async_trait]
impl Registries for Environments {
    async fn registry(&self, environment: &Value) -> Result<Registry, StepError> {
        let region = environment["region"].as_str().unwrap_or_default().to_owned();
        if region == "old" {
            return Err(StepError::new(ErrorClass::Credentials, "expired"));
        }
        if region == "uncompared" {
            return Err(StepError::new(ErrorClass::Credentials, "not compared"));
        }
        let mut registry = Registry::new();
        registry.register("test:where", "Says where it is", &[], move |_: StepContext, _: Value| {
            let region = region.clone();
            async move {
                if region == "hangs" {
                    std::future::pending::<()>().await;
                }
                Ok(Answer::done(json!(region)))
            }
        });
        registry.register("test:slow", "Takes a moment", &[], |_: StepContext, _: Value| async {
            SLOW_CALLS.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(200)).await;
            Ok(Answer::done(json!("slow")))
        });
        Ok(registry)
    }

    async fn declines(&self, environment: &Value, resource: &str) -> Option<String> {
        let declines = environment["region"] == "elsewhere" && resource == "flow:test:where";
        declines.then(|| "no credentials".to_owned())
    }

    async fn declines_after(&self, environment: &Value, error: &StepError) -> Option<String> {
        (environment["region"] == "uncompared").then(|| error.cause.clone())
    }
}

/// The number of calls of `test:slow`.
static SLOW_CALLS: AtomicU32 = AtomicU32::new(0);

fn runner_in(records: &MemoryRecords) -> RunnerHandle {
    let store = Arc::new(Store::new(records.clone()).unwrap());
    start(store, Arc::new(Environments), Arc::new(SystemClock::default()), RunnerOptions::default())
}

fn in_region(id: &str, region: &str) -> NewExecution {
    let states = json!({
        "A": { "Type": "Task", "Resource": "flow:test:where", "Next": "B" },
        "B": { "Type": "Task", "Resource": "flow:test:where", "End": true }
    });
    NewExecution { environment: json!({ "region": region }), ..new(id, definition(states)) }
}

#[tokio::test]
async fn a_paused_execution_continues_in_the_new_environment_and_stays_there() {
    let records = MemoryRecords::new();
    let first = runner_in(&records);
    first.start_execution(in_region("t-1", "old")).await.unwrap();
    assert!(until_settled(&first, "t-1").await.paused);
    first.resume("t-1", None).await.unwrap();
    let paused = async {
        while !first.store().header("t-1").unwrap().unwrap().paused {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DRAIN_MAX, paused).await.expect("without another environment it pauses again");
    let mut settled = first.settled();
    first.resume("t-1", Some(json!({ "region": "new" }))).await.unwrap();
    assert_eq!(settled.recv().await.unwrap().output.as_deref(), Some(&json!("new")));
    first.drain(DRAIN_MAX).await;
    let header = Store::new(records).unwrap().header("t-1").unwrap().unwrap();
    assert_eq!(*header.environment, json!({ "region": "new" }));
}

#[tokio::test]
async fn a_call_that_was_in_flight_is_repeated_in_the_new_environment() {
    let records = MemoryRecords::new();
    let first = runner_in(&records);
    first.start_execution(in_region("t-1", "hangs")).await.unwrap();
    first.drain(Duration::ZERO).await;
    let second = runner_in(&records);
    let mut settled = second.settled();
    second.resume("t-1", Some(json!({ "region": "new" }))).await.unwrap();
    assert_eq!(settled.recv().await.unwrap().output.as_deref(), Some(&json!("new")));
}

#[tokio::test]
async fn an_end_that_came_before_a_resume_of_the_unfinished_stays() {
    let handle = runner_in(&MemoryRecords::new());
    handle.start_execution(in_region("t-1", "hangs")).await.unwrap();
    handle.cancel("t-1", "Cancelled", "by a test").await.unwrap();
    assert_eq!(handle.resume_unfinished("t-1", None).await.unwrap(), Some(ExecutionStatus::Aborted));
    let header = handle.store().header("t-1").unwrap().unwrap();
    assert_eq!((header.status, header.redrive_count), (ExecutionStatus::Aborted, 0));
}

#[tokio::test]
async fn a_refused_reentry_leaves_the_subject_to_others() {
    let handle = runner_in(&MemoryRecords::new());
    let subject = Some("shop".to_owned());
    let on_subject = |id: &str| NewExecution { subject: subject.clone(), ..in_region(id, "hangs") };
    handle.start_execution(on_subject("t-1")).await.unwrap();
    handle.cancel("t-1", "Cancelled", "by a test").await.unwrap();
    let nowhere = Reentry { state: "None such".into(), input: Arc::default(), variables: Arc::default() };
    let refused = handle.resume_from("t-1", None, vec![nowhere]).await;
    assert!(matches!(refused, Err(RunnerError::ReentryRefused { .. })), "{refused:?}");
    handle.start_execution(on_subject("t-2")).await.unwrap();
    let busy = handle.resume("t-1", None).await;
    assert!(matches!(busy, Err(RunnerError::SubjectBusy { other, .. }) if other == "t-2"));
}

/// The reason why a runner stops driving an execution.
async fn released(follow: &mut Follow) -> String {
    let released = async {
        loop {
            match follow.next().await.unwrap() {
                Some(RunnerEvent::Released { reason, .. }) => return reason,
                Some(_) => {}
                None => panic!("the runner stopped"),
            }
        }
    };
    tokio::time::timeout(DRAIN_MAX, released).await.expect("the execution is not released")
}

#[tokio::test]
async fn an_execution_for_which_this_process_cannot_act_is_left_and_not_paused() {
    let handle = runner_in(&MemoryRecords::new());
    let mut follow = handle.follow("t-1", 1);
    handle.start_execution(in_region("t-1", "elsewhere")).await.unwrap();
    for _ in 0..2 {
        assert_eq!(released(&mut follow).await, "no credentials");
        assert!(handle.driven(vec!["t-1".to_owned()]).await.is_empty());
        let header = handle.store().header("t-1").unwrap().unwrap();
        assert!(!header.paused && header.status == ExecutionStatus::Running);
        assert!(!header.awake && header.next_wake_ms.is_some(), "its call was not made, and is due");
        handle.recover("t-1").await.unwrap();
    }
    released(&mut follow).await;
    handle.resume("t-1", Some(json!({ "region": "new" }))).await.unwrap();
    assert_eq!(until_settled(&handle, "t-1").await.output.as_deref(), Some(&json!("new")));
    let entries = serde_json::to_string(&handle.store().entries("t-1", 1, 100).unwrap()).unwrap();
    assert!(!entries.to_lowercase().contains("calledagain"), "no attempt may have run before: {entries}");
    assert!(entries.contains("no call was made: no credentials"), "{entries}");
    let count = |kind: &str| entries.matches(&format!("\"{kind}\"")).count();
    assert_eq!(count("TaskStarted"), count("TaskSucceeded") + count("TaskStartFailed"), "{entries}");
}

/// The step may have made a request before, so the history does not say that no call was made.
#[tokio::test]
async fn an_execution_whose_step_finds_that_this_process_cannot_act_is_left_with_its_call_in_flight() {
    let handle = runner_in(&MemoryRecords::new());
    let mut follow = handle.follow("t-1", 1);
    handle.start_execution(in_region("t-1", "uncompared")).await.unwrap();
    for _ in 0..2 {
        assert_eq!(released(&mut follow).await, "not compared");
        assert!(handle.driven(vec!["t-1".to_owned()]).await.is_empty());
        let header = handle.store().header("t-1").unwrap().unwrap();
        assert!(!header.paused && header.awake && header.status == ExecutionStatus::Running);
        handle.recover("t-1").await.unwrap();
    }
    released(&mut follow).await;
    handle.resume("t-1", Some(json!({ "region": "new" }))).await.unwrap();
    assert_eq!(until_settled(&handle, "t-1").await.output.as_deref(), Some(&json!("new")));
    let entries = serde_json::to_string(&handle.store().entries("t-1", 1, 100).unwrap()).unwrap();
    assert!(!entries.contains("no call was made") && !entries.contains("TaskFailed"), "{entries}");
}

#[tokio::test]
async fn a_call_that_this_process_has_made_ends_before_it_leaves_the_execution() {
    let handle = runner_in(&MemoryRecords::new());
    let task = |resource: &str| json!({ "Type": "Task", "Resource": resource, "End": true });
    let branches = json!([
        { "StartAt": "Where", "States": { "Where": task("flow:test:where") } },
        { "StartAt": "Slow", "States": { "Slow": task("flow:test:slow") } }
    ]);
    let states = json!({ "A": { "Type": "Parallel", "Branches": branches, "End": true } });
    let mut follow = handle.follow("t-1", 1);
    let both = NewExecution { environment: json!({ "region": "elsewhere" }), ..new("t-1", definition(states)) };
    handle.start_execution(both).await.unwrap();
    released(&mut follow).await;
    assert_eq!(SLOW_CALLS.load(Ordering::SeqCst), 1);
    handle.resume("t-1", Some(json!({ "region": "new" }))).await.unwrap();
    assert_eq!(until_settled(&handle, "t-1").await.output.as_deref(), Some(&json!(["new", "slow"])));
    assert_eq!(SLOW_CALLS.load(Ordering::SeqCst), 1, "its answer was recorded");
}

#[tokio::test]
async fn a_watcher_that_missed_the_release_of_its_execution_receives_it() {
    let handle = runner_in(&MemoryRecords::new());
    let mut late = handle.follow("t-1", 1);
    handle.start_execution(in_region("t-1", "elsewhere")).await.unwrap();
    let is_left = async {
        while !handle.driven(vec!["t-1".to_owned()]).await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DRAIN_MAX, is_left).await.expect("the execution is not released");
    // More events than a watcher may lag: four for each iteration.
    let pass = json!({ "StartAt": "P", "States": { "P": { "Type": "Pass", "End": true } } });
    let items: Vec<u32> = (0..1_100).collect();
    let map = json!({ "A": { "Type": "Map", "Items": items, "ItemProcessor": pass, "End": true } });
    handle.start_execution(new("t-2", definition(map))).await.unwrap();
    assert_eq!(until_settled(&handle, "t-2").await.status, ExecutionStatus::Succeeded);
    assert_eq!(released(&mut late).await, "the owner of the store does not drive it any more");
}
