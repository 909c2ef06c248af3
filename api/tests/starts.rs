//! A repeated start returns the running execution; any other start starts a new one.

use serde_json::json;

use super::*;

#[tokio::test]
async fn the_same_start_while_it_runs_is_the_same_execution() {
    let world = World::new();
    let machine = world.machine("m", &wait()).await;
    let request = json!({ "stateMachineArn": machine, "name": "e", "input": r#"{"a":1}"# });
    let first = world.ask("StartExecution", request.clone()).await;
    assert_eq!(first["executionArn"], format!("{PREFIX}:execution:m:e"));
    assert_eq!(world.ask("StartExecution", request.clone()).await, first);
    let exists = pair("ExecutionAlreadyExists", &format!("Execution Already Exists: '{PREFIX}:execution:m:e'"));
    let other = json!({ "stateMachineArn": machine, "name": "e", "input": "{}" });
    assert_eq!(world.refused("StartExecution", other).await, exists, "another input");
    world.ask("StopExecution", json!({ "executionArn": first["executionArn"] })).await;
    assert_eq!(world.refused("StartExecution", request).await, exists, "it has ended");
}

#[tokio::test]
async fn of_many_starts_under_one_name_one_runs_with_its_own_input() {
    let world = World::new();
    let machine = world.machine("m", &wait()).await;
    let asked = &world;
    let starts = (0..20).map(|n| {
        let request = json!({ "stateMachineArn": machine, "name": "e", "input": n.to_string() });
        async move { asked.try_ask("StartExecution", request).await.is_ok().then_some(n) }
    });
    let started: Vec<i32> = futures::future::join_all(starts).await.into_iter().flatten().collect();
    assert_eq!(started.len(), 1);
    let response = world.ask("DescribeExecution", json!({ "executionArn": format!("{PREFIX}:execution:m:e") })).await;
    assert_eq!(response["input"], started[0].to_string());
}

#[tokio::test]
async fn a_start_without_a_name_gets_a_uuid() {
    let world = World::new();
    let machine = world.machine("m", &pass()).await;
    let response = world.ask("StartExecution", json!({ "stateMachineArn": machine })).await;
    let arn = text(&response["executionArn"]);
    let name = arn.rsplit(':').next().unwrap();
    let lengths: Vec<usize> = name.split('-').map(str::len).collect();
    assert_eq!(lengths, [8, 4, 4, 4, 12]);
    assert_eq!(&name[14..15], "7", "{name} is of version 7, which sorts by time");
    assert_eq!(world.ended(&arn).await["input"], "{}");
}

#[tokio::test]
async fn an_input_that_is_not_json_is_refused_in_the_words_of_aws() {
    let world = World::new();
    let machine = world.machine("m", &pass()).await;
    for (input, complaint) in [
        (
            "not some json",
            "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
        ),
        ("{'a': 1}", "Unexpected character (''' (code 39)): was expecting double-quote to start field name"),
        ("", "Invalid execution input."),
        ("{\"a\": 1 \"b\"}", "Unexpected character ('\"' (code 34)): was expecting comma to separate Object entries"),
        ("[1", "Unexpected end-of-input"),
    ] {
        let message = format!("Invalid State Machine Execution Input: '{complaint}'");
        let request = json!({ "stateMachineArn": machine, "input": input });
        assert_eq!(world.refused("StartExecution", request).await, pair("InvalidExecutionInput", &message));
    }
    for input in ["2", "\"text\"", "null"] {
        let response = world.ask("StartExecution", json!({ "stateMachineArn": machine, "input": input })).await;
        assert_eq!(world.ended(&text(&response["executionArn"])).await["input"], input);
    }
}

#[tokio::test]
async fn an_input_is_measured_in_bytes() {
    let world = World::new();
    let machine = world.machine("m", &pass()).await;
    let input = |text: String| json!({ "stateMachineArn": machine, "input": format!("\"{text}\"") });
    world.ask("StartExecution", input("x".repeat(262_142))).await;
    let (kind, _) = world.refused("StartExecution", input("x".repeat(262_143))).await;
    assert_eq!(kind, "ValidationException");
    let (kind, _) = world.refused("StartExecution", input("é".repeat(200_000))).await;
    assert_eq!(kind, "InvalidExecutionInput", "the characters fit, the bytes do not");
}

#[tokio::test]
async fn an_express_execution_answers_with_its_outcome() {
    let world = World::new();
    let request = json!({ "name": "x", "definition": pass().to_string(), "roleArn": ROLE, "type": "EXPRESS" });
    let machine = text(&world.ask("CreateStateMachine", request).await["stateMachineArn"]);
    let response = world.ask("StartSyncExecution", json!({ "stateMachineArn": machine, "name": "e" })).await;
    assert_eq!(
        (&response["status"], &response["output"], &response["input"]),
        (&json!("SUCCEEDED"), &json!(r#"{"n":1}"#), &json!("{}"))
    );
    assert!(text(&response["executionArn"]).starts_with(&format!("{PREFIX}:express:x:e:")));
    assert!(response["billingDetails"]["billedDurationInMilliseconds"].as_u64().unwrap() >= 100);
    let request = json!({ "stateMachineArn": machine, "name": "e", "includedData": "METADATA_ONLY" });
    let again = world.ask("StartSyncExecution", request).await;
    assert_ne!(again["executionArn"], response["executionArn"], "EXPRESS names need not be unique");
    assert_eq!((again.get("output"), again.get("input")), (None, None));
}

#[tokio::test]
async fn what_is_for_one_type_is_refused_for_the_other() {
    let world = World::new();
    let unsupported =
        pair("StateMachineTypeNotSupported", "This operation is not supported by this type of state machine");
    let standard = world.machine("m", &pass()).await;
    assert_eq!(world.refused("StartSyncExecution", json!({ "stateMachineArn": standard })).await, unsupported);
    let request = json!({ "name": "x", "definition": pass().to_string(), "roleArn": ROLE, "type": "EXPRESS" });
    let express = text(&world.ask("CreateStateMachine", request).await["stateMachineArn"]);
    assert_eq!(world.refused("ListExecutions", json!({ "stateMachineArn": express })).await, unsupported);
    let execution = world.start(&express, "e").await;
    let wrong = pair("InvalidArn", "Invalid Arn: 'Resource type not valid in this context: express'");
    for operation in ["StopExecution", "RedriveExecution", "DescribeStateMachineForExecution"] {
        assert_eq!(world.refused(operation, json!({ "executionArn": execution })).await, wrong, "{operation}");
    }
    // AWS refuses these two as well. Flow answers them, so that a person can see the execution.
    assert_eq!(world.ended(&execution).await["status"], "SUCCEEDED");
    assert_eq!(world.history(&execution).await.len(), 4);
}
