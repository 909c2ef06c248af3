//! An execution that is resumed in another environment acts in that environment.

use async_trait::async_trait;

use super::*;
use crate::{machine::Reentry, step::Registries};

/// Steps that depend on the environment: in `old` every call fails for credentials, in `hangs` no call answers, and in any other the
/// name of the environment is the output.
struct Environments;

#[async_trait]
impl Registries for Environments {
    async fn registry(&self, environment: &Value) -> Result<Registry, StepError> {
        let region = environment["region"].as_str().unwrap_or_default().to_owned();
        if region == "old" {
            return Err(StepError::new(ErrorClass::Credentials, "expired"));
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
        Ok(registry)
    }
}

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
