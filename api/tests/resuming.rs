//! Continuing executions: by several callers at once, and only by a process that can act for them.

use engine::{machine::ExecutionStatus, runner::NewExecution};

use super::{workflow::workflow, *};
use crate::{
    ENVIRONMENT_REFUSED, Operation,
    flow::{
        ExecutionIdRequest, RecoverExecution, ResumeExecution, ResumeRequest, ResumeResponse, StartExecution,
        StartExecutionRequest,
    },
};

fn request(id: &str, redrive_count: Option<u32>) -> ResumeRequest {
    ResumeRequest { id: id.to_owned(), environment: None, from: Vec::new(), only_unfinished: false, redrive_count }
}

async fn resume(world: &World, redrive_count: Option<u32>) -> Option<ExecutionStatus> {
    let ResumeResponse { ended_before } =
        ResumeExecution::answer(&world.api, request("w-1", redrive_count)).await.unwrap();
    ended_before
}

#[tokio::test]
async fn of_two_callers_that_resume_a_failed_execution_at_once_one_redrives_it() {
    let world = World::new();
    world.api.start_workflow(workflow("w-1", &task("flow:test:repaired"))).await.unwrap();
    let arn = format!("{PREFIX}:execution:work:w-1");
    assert_eq!(world.ended(&arn).await["status"], "FAILED");
    // Both have read that it has failed and was never redriven.
    assert_eq!(resume(&world, Some(0)).await, None);
    assert_eq!(world.ended(&arn).await["status"], "FAILED");
    assert_eq!(resume(&world, Some(0)).await, Some(ExecutionStatus::Failed));
    assert_eq!(world.ended(&arn).await["redriveCount"], 1);
    world.repair();
    assert_eq!(resume(&world, Some(1)).await, None);
    assert_eq!(world.ended(&arn).await["status"], "SUCCEEDED");
    for redrive_count in [Some(1), Some(2), None] {
        assert_eq!(resume(&world, redrive_count).await, Some(ExecutionStatus::Succeeded));
    }
}

#[tokio::test]
async fn a_resume_of_a_pruned_execution_names_its_id() {
    let world = World::new();
    for only_unfinished in [true, false] {
        let request = ResumeRequest { only_unfinished, ..request("work-1", None) };
        let fault = ResumeExecution::answer(&world.api, request).await.unwrap_err();
        assert_eq!((fault.kind, &*fault.message), ("ExecutionDoesNotExist", "there is no execution named 'work-1'"));
    }
}

/// The credentials of a client and those of the owner may differ, and the owner may change between two calls: what begins to drive an
/// execution verifies the environment itself.
#[tokio::test]
async fn an_owner_drives_only_executions_for_which_it_can_act() {
    let elsewhere = json!({ "accountId": OTHER_ACCOUNT });
    let start = |id: &str| StartExecutionRequest { environment: elsewhere.clone(), ..workflow(id, &wait()) };
    let records = MemoryRecords::new();
    let first = World::over(&records);
    let refused = StartExecution::answer(&first.api, start("w-1")).await.unwrap_err();
    assert_eq!(refused.kind, ENVIRONMENT_REFUSED);
    assert!(first.runner.store().summary("w-1").unwrap().is_none(), "nothing was started");
    // A process with the credentials of that account leaves an execution.
    let left = NewExecution { environment: elsewhere.clone(), ..NewExecution::new("w-2", "work", &wait(), json!({})) };
    first.runner.start_execution(left).await.unwrap();
    first.runner.drain(Duration::from_secs(10)).await;
    drop(first);
    let world = World::over(&records);
    let id = "w-2".to_owned();
    let recovered = RecoverExecution::answer(&world.api, ExecutionIdRequest { id: id.clone() }).await;
    assert_eq!(recovered.unwrap_err().kind, ENVIRONMENT_REFUSED);
    let unfinished = ResumeRequest { only_unfinished: true, ..request("w-2", None) };
    let resumed = ResumeExecution::answer(&world.api, unfinished.clone()).await;
    assert_eq!(resumed.unwrap_err().kind, ENVIRONMENT_REFUSED);
    assert!(world.runner.driven(vec![id.clone()]).await.is_empty());
    let here = ResumeRequest { environment: Some(json!({})), ..unfinished };
    ResumeExecution::answer(&world.api, here).await.unwrap();
    assert_eq!(world.runner.driven(vec![id.clone()]).await, [id]);
}
