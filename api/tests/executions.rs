//! The API's reports of an execution match its events.

use serde_json::json;

use super::*;

#[tokio::test]
async fn a_description_holds_input_and_output_as_texts() {
    let world = World::new();
    let machine = world.machine("m", &task("flow:test:echo")).await;
    let request =
        json!({ "stateMachineArn": machine, "name": "e", "input": "{ \"a\": [1] }", "traceHeader": "Root=1" });
    let started = world.ask("StartExecution", request).await;
    let response = world.ended(&text(&started["executionArn"])).await;
    let expected = json!({
        "executionArn": format!("{PREFIX}:execution:m:e"), "stateMachineArn": machine, "name": "e",
        "status": "SUCCEEDED", "startDate": started["startDate"], "stopDate": response["stopDate"],
        "input": "{ \"a\": [1] }", "inputDetails": { "included": true },
        "output": "{\"a\":[1]}", "outputDetails": { "included": true }, "traceHeader": "Root=1",
        "redriveCount": 0, "redriveStatus": "NOT_REDRIVABLE",
        "redriveStatusReason": "Execution is SUCCEEDED and cannot be redriven",
    });
    assert_eq!(response, expected);
    assert!(
        response["startDate"].as_f64().unwrap() > 1e9 && response["startDate"].as_f64().unwrap() < 1e11,
        "in seconds"
    );
}

#[tokio::test]
async fn metadata_alone_holds_no_data() {
    let world = World::new();
    let machine = world.machine("m", &task("flow:test:repaired")).await;
    let execution = world.start(&machine, "e").await;
    let ended = world.ended(&execution).await;
    assert_eq!((&ended["error"], &ended["cause"]), (&json!("Broken"), &json!("as meant")));
    let request = json!({ "executionArn": execution, "includedData": "METADATA_ONLY" });
    let response = world.ask("DescribeExecution", request).await;
    for member in ["input", "inputDetails", "output", "error", "cause"] {
        assert_eq!(response.get(member), None, "{member}");
    }
}

#[tokio::test]
async fn a_stopped_execution_says_why() {
    let world = World::new();
    let machine = world.machine("m", &wait()).await;
    let execution = world.start(&machine, "e").await;
    let request = json!({ "executionArn": execution, "error": "Tired", "cause": "it was late" });
    let stopped = world.ask("StopExecution", request).await;
    let response = world.ended(&execution).await;
    assert_eq!(
        (&response["status"], &response["error"], &response["cause"]),
        (&json!("ABORTED"), &json!("Tired"), &json!("it was late"))
    );
    assert_eq!(response["stopDate"], stopped["stopDate"]);
    assert_eq!(world.ask("StopExecution", json!({ "executionArn": execution })).await, stopped, "unchanged");
}

#[tokio::test]
async fn an_execution_that_does_not_exist_is_an_error() {
    let world = World::new();
    let arn = format!("{PREFIX}:execution:m:none");
    let missing = pair("ExecutionDoesNotExist", &format!("Execution Does Not Exist: '{arn}'"));
    for operation in [
        "DescribeExecution",
        "GetExecutionHistory",
        "StopExecution",
        "RedriveExecution",
        "DescribeStateMachineForExecution",
        "ListMapRuns",
    ] {
        assert_eq!(world.refused(operation, json!({ "executionArn": arn })).await, missing, "{operation}");
    }
}

#[tokio::test]
async fn a_redriven_execution_continues_where_it_failed() {
    let world = World::new();
    let definition = json!({ "StartAt": "A", "States": {
        "A": { "Type": "Task", "Resource": "flow:test:echo", "Next": "B" },
        "B": { "Type": "Task", "Resource": "flow:test:repaired", "End": true },
    } });
    let machine = world.machine("m", &definition).await;
    let execution = world.start(&machine, "e").await;
    let failed = world.ended(&execution).await;
    assert_eq!((&failed["status"], &failed["redriveStatus"]), (&json!("FAILED"), &json!("REDRIVABLE")));
    world.repair();
    let redriven = world.ask("RedriveExecution", json!({ "executionArn": execution })).await;
    let response = world.ended(&execution).await;
    assert_eq!((&response["status"], &response["redriveCount"]), (&json!("SUCCEEDED"), &json!(1)));
    assert_eq!(response["redriveDate"], redriven["redriveDate"]);
    let entered =
        |event: &&Value| event["type"] == "TaskStateEntered" && event["stateEnteredEventDetails"]["name"] == "A";
    assert_eq!(world.history(&execution).await.iter().filter(entered).count(), 1);
    let (kind, message) = world.refused("RedriveExecution", json!({ "executionArn": execution })).await;
    assert_eq!(
        (kind.as_str(), message.as_str()),
        ("ExecutionNotRedrivable", "Execution is SUCCEEDED and cannot be redriven")
    );
}

#[tokio::test]
async fn a_repeated_redrive_is_one() {
    let world = World::new();
    let machine = world.machine("m", &wait()).await;
    let execution = world.start(&machine, "e").await;
    world.ask("StopExecution", json!({ "executionArn": execution })).await;
    let request = json!({ "executionArn": execution, "clientToken": "one" });
    let first = world.ask("RedriveExecution", request.clone()).await;
    assert_eq!(world.ask("RedriveExecution", request).await, first);
    let (kind, _) = world.refused("RedriveExecution", json!({ "executionArn": execution, "clientToken": "two" })).await;
    assert_eq!(kind, "ExecutionNotRedrivable");
    let response = world.ask("DescribeExecution", json!({ "executionArn": execution })).await;
    assert_eq!(response["redriveCount"], 1);
}

#[tokio::test]
async fn an_execution_keeps_the_state_machine_it_began_with() {
    let world = World::new();
    let definition = serde_json::to_string_pretty(&wait()).unwrap();
    let request = json!({ "name": "m", "definition": definition, "roleArn": ROLE });
    let machine = text(&world.ask("CreateStateMachine", request).await["stateMachineArn"]);
    let execution = world.start(&machine, "e").await;
    let response = world.ask("DescribeStateMachineForExecution", json!({ "executionArn": execution })).await;
    assert_eq!(response["definition"], definition, "the same text");
    let request = json!({ "stateMachineArn": machine, "definition": pass().to_string(), "roleArn": format!("{ROLE}-2"),
        "tracingConfiguration": { "enabled": true } });
    world.ask("UpdateStateMachine", request).await;
    let response = world.ask("DescribeStateMachineForExecution", json!({ "executionArn": execution })).await;
    assert_eq!(serde_json::from_str::<Value>(&text(&response["definition"])).unwrap(), wait());
    assert_eq!(
        (&response["roleArn"], &response["name"], &response["stateMachineArn"]),
        (&json!(ROLE), &json!("m"), &json!(machine))
    );
    assert_eq!(response["tracingConfiguration"], json!({ "enabled": false }));
    assert_eq!(response.get("revisionId"), None, "the first revision has no id");
}

#[tokio::test]
async fn another_process_answers_the_same() {
    let records = MemoryRecords::new();
    let world = World::over(&records);
    let machine = world.machine("m", &wait()).await;
    let execution = world.start(&machine, "e").await;
    let response = world.ask("DescribeExecution", json!({ "executionArn": execution })).await;
    world.runner.drain(std::time::Duration::from_secs(10)).await;
    drop(world);
    let world = World::over(&records);
    world.runner.recover_all().await.unwrap();
    assert_eq!(world.ask("DescribeExecution", json!({ "executionArn": execution })).await, response);
    world.ask("StopExecution", json!({ "executionArn": execution })).await;
    assert_eq!(world.ended(&execution).await["status"], "ABORTED");
}
