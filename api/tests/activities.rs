//! A worker's answer reaches its task, and no other.

use engine::{runner::ManualClock, step::StepError};
use serde_json::json;

use super::*;
use crate::{
    Operation,
    flow::{DescribeExecution, DescribeExecutionRequest, SignalTask, SignalTaskRequest, TaskOutcome},
    view::Remedy,
};

#[tokio::test]
async fn an_activity_is_created_once_and_deleted_for_good() {
    let world = World::new();
    let first = world.ask("CreateActivity", json!({ "name": "a" })).await;
    assert_eq!(world.ask("CreateActivity", json!({ "name": "a" })).await, first);
    let arn = text(&first["activityArn"]);
    let response = world.ask("DescribeActivity", json!({ "activityArn": arn })).await;
    let encryption = json!({ "type": "AWS_OWNED_KEY" });
    let activity = json!({
        "activityArn": arn, "name": "a", "creationDate": first["creationDate"], "encryptionConfiguration": encryption,
    });
    assert_eq!(response, activity);
    for _ in 0..2 {
        assert_eq!(world.ask("DeleteActivity", json!({ "activityArn": arn })).await, json!({}));
    }
    let missing = pair("ActivityDoesNotExist", &format!("Activity Does Not Exist: '{arn}'"));
    assert_eq!(world.refused("DescribeActivity", json!({ "activityArn": arn })).await, missing);
    assert_eq!(world.refused("GetActivityTask", json!({ "activityArn": arn })).await, missing);
    let name = "TestActivity InvalidName$";
    let refused = world.refused("CreateActivity", json!({ "name": name })).await;
    assert_eq!(refused, pair("InvalidName", &format!("Invalid Name: '{name}'")));
}

#[tokio::test]
async fn a_worker_fetches_a_task_and_its_answer_continues_the_execution() {
    let world = World::new();
    let activity = text(&world.ask("CreateActivity", json!({ "name": "a" })).await["activityArn"]);
    let machine = world.machine("m", &task(&activity)).await;
    let request = json!({ "stateMachineArn": machine, "name": "e", "input": r#"{"a":1}"# });
    let execution = text(&world.ask("StartExecution", request).await["executionArn"]);
    let offered = world.ask("GetActivityTask", json!({ "activityArn": activity, "workerName": "w" })).await;
    assert_eq!(offered["input"], r#"{"a":1}"#);
    world.ask("SendTaskHeartbeat", json!({ "taskToken": offered["taskToken"] })).await;
    let invalid = json!({ "taskToken": offered["taskToken"], "output": "done" });
    assert_eq!(world.refused("SendTaskSuccess", invalid).await.0, "InvalidOutput");
    let answer = json!({ "taskToken": offered["taskToken"], "output": r#"{"b":2}"# });
    world.ask("SendTaskSuccess", answer.clone()).await;
    assert_eq!(world.ended(&execution).await["output"], r#"{"b":2}"#);
    assert_eq!(world.refused("SendTaskSuccess", answer).await.0, "TaskTimedOut", "the task has ended");
}

#[tokio::test]
async fn a_worker_that_fails_fails_its_task() {
    let world = World::new();
    let activity = text(&world.ask("CreateActivity", json!({ "name": "a" })).await["activityArn"]);
    let machine = world.machine("m", &task(&activity)).await;
    let execution = world.start(&machine, "e").await;
    let offered = world.ask("GetActivityTask", json!({ "activityArn": activity })).await;
    let answer = json!({ "taskToken": offered["taskToken"], "error": "Broken", "cause": "by a test" });
    world.ask("SendTaskFailure", answer).await;
    let response = world.ended(&execution).await;
    assert_eq!(
        (&response["status"], &response["error"], &response["cause"]),
        (&json!("FAILED"), &json!("Broken"), &json!("by a test"))
    );
}

#[tokio::test]
async fn a_token_of_nobodys_is_refused() {
    let world = World::new();
    let refused = world.refused("SendTaskHeartbeat", json!({ "taskToken": "garbage" })).await;
    assert_eq!(refused, pair("InvalidToken", "Invalid Token: 'Invalid token'"));
}

#[tokio::test]
async fn an_activity_is_deleted_also_if_an_execution_that_waited_for_it_was_stopped() {
    let world = World::new();
    let activity = text(&world.ask("CreateActivity", json!({ "name": "a" })).await["activityArn"]);
    let machine = world.machine("m", &task(&activity)).await;
    let execution = world.start(&machine, "stopped").await;
    world.ask("StopExecution", json!({ "executionArn": execution })).await;
    assert_eq!(world.ended(&execution).await["status"], "ABORTED");
    assert_eq!(world.ask("DeleteActivity", json!({ "activityArn": activity })).await, json!({}));
}

#[tokio::test]
async fn a_task_of_an_activity_that_does_not_exist_fails_when_scheduled_and_when_it_is_deleted() {
    let world = World::new();
    let activity = text(&world.ask("CreateActivity", json!({ "name": "a" })).await["activityArn"]);
    let mut definition = task(&activity);
    definition["States"]["A"]["Catch"] = json!([{ "ErrorEquals": ["States.ALL"], "Next": "B" }]);
    definition["States"]["B"] = json!({ "Type": "Succeed" });
    let machine = world.machine("m", &definition).await;
    let fetched = world.start(&machine, "fetched").await;
    let offered = world.ask("GetActivityTask", json!({ "activityArn": activity })).await;
    let waiting = world.start(&machine, "waiting").await;
    world.ask("DeleteActivity", json!({ "activityArn": activity })).await;
    let late = world.start(&machine, "late").await;
    for (execution, follows_entering) in [(waiting, "ActivityScheduled"), (late, "ExecutionFailed")] {
        let response = world.ended(&execution).await;
        assert_eq!(
            (&response["status"], &response["error"]),
            (&json!("FAILED"), &json!("States.Runtime")),
            "States.Runtime is not caught"
        );
        let prefix = "An error occurred while executing the state 'A' (entered at the event id #2).";
        assert_eq!(response["cause"], format!("{prefix} The activity {activity} does not exist."));
        let history = world.history(&execution).await;
        let types: Vec<&str> = history.iter().filter_map(|event| event["type"].as_str()).collect();
        assert_eq!((types[2], types.last()), (follows_entering, Some(&"ExecutionFailed")));
        let (_, id) = execution.split_once(":execution:").unwrap();
        let request = DescribeExecutionRequest { id: id.to_owned(), as_shown: false };
        let view = DescribeExecution::answer(&world.api, request).await.unwrap().view;
        assert_eq!(view.remedy(), Remedy::Resume, "once the activity is created, a resume continues");
        let details = view.failed_state().and_then(|state| state.failure()?.details.as_ref());
        assert!(details.is_some_and(StepError::is_missing_activity), "a code says so, and not only the cause");
    }
    let answer = json!({ "taskToken": offered["taskToken"], "output": "1" });
    world.ask("SendTaskSuccess", answer).await;
    assert_eq!(world.ended(&fetched).await["output"], "1", "a worker that fetched the task can still answer");
}

#[tokio::test]
async fn an_answer_after_the_deadline_is_refused_also_if_no_process_drove_the_execution() {
    let records = MemoryRecords::new();
    let first = World::over(&records);
    let activity = text(&first.ask("CreateActivity", json!({ "name": "a" })).await["activityArn"]);
    let mut definition = task(&activity);
    definition["States"]["A"]["TimeoutSeconds"] = json!(3600);
    first.api.start_workflow(super::workflow::workflow("w-1", &definition)).await.unwrap();
    let offered = first.ask("GetActivityTask", json!({ "activityArn": activity })).await;
    first.runner.drain(Duration::from_secs(10)).await;
    let later = ManualClock::new(SystemClock::default().now_ms() + 7_200_000);
    let second = World::at(&records, Arc::new(later));
    let by = engine::journal::Signaller { user: "ann".to_owned(), host: "here".to_owned(), comment: None };
    let (id, state, outcome) = ("w-1".to_owned(), "A".to_owned(), TaskOutcome::Success("1".to_owned()));
    let request = SignalTaskRequest { id, state, outcome, by, early: false };
    let refused = SignalTask::answer(&second.api, request).await.unwrap_err();
    assert_eq!(refused.kind, crate::TASK_TIMED_OUT);
    assert!(refused.message.starts_with("\"A\" of w-1 timed out at "), "{}", refused.message);
    let answer = json!({ "taskToken": offered["taskToken"], "output": "1" });
    assert_eq!(second.refused("SendTaskSuccess", answer).await.0, "TaskTimedOut");
}
