//! All operations accept and refuse the same definitions, with AWS's diagnostics.

use super::*;

async fn validated(world: &World, definition: &str, severity: &str) -> Value {
    world.ask("ValidateStateMachineDefinition", json!({ "definition": definition, "severity": severity })).await
}

#[tokio::test]
async fn a_problem_of_the_complete_definition_has_no_location() {
    let world = World::new();
    let endless = json!({ "StartAt": "A", "States": { "A": { "Type": "Pass", "Next": "A" } } }).to_string();
    let diagnostic =
        json!({ "severity": "ERROR", "code": "MISSING_END_STATE", "message": "Workflow has no terminal state" });
    let response = validated(&world, &endless, "ERROR").await;
    assert_eq!(response, json!({ "result": "FAIL", "diagnostics": [diagnostic], "truncated": false }));
    let request = json!({ "name": "m", "definition": endless, "roleArn": ROLE });
    let said = "Invalid State Machine Definition: 'MISSING_END_STATE: Workflow has no terminal state at null'";
    assert_eq!(world.refused("CreateStateMachine", request).await, pair("InvalidDefinition", said));
}

#[tokio::test]
async fn a_repeated_key_is_reported_with_both_lines() {
    let world = World::new();
    let text = "{ \"StartAt\": \"A\",\n \"States\": { \"A\": { \"Type\": \"Pass\", \"End\": true },\n \"A\": { \"Type\": \"Succeed\" } } }";
    let response = validated(&world, text, "ERROR").await;
    assert_eq!((&response["result"], &response["diagnostics"][0]["code"]), (&json!("FAIL"), &json!("DUPLICATE_KEY")));
    assert_eq!(response["diagnostics"][0]["message"], "The key 'A' occurs twice: in line 2 and in line 3");
    let request = json!({ "name": "m", "definition": text, "roleArn": ROLE });
    assert_eq!(world.refused("CreateStateMachine", request).await.0, "InvalidDefinition");
}

#[tokio::test]
async fn an_integration_without_a_step_is_warned_of() {
    let world = World::new();
    for (resource, warned) in [("sqs:sendMessage", 1), ("lambda:invoke", 0), ("states:startExecution.sync:2", 0)] {
        let definition = task(&format!("arn:aws:states:::{resource}")).to_string();
        let response = validated(&world, &definition, "WARNING").await;
        assert_eq!(response["result"], "OK", "{resource}");
        let warnings = response["diagnostics"].as_array().unwrap();
        assert_eq!(warnings.iter().filter(|found| found["code"] == "INTEGRATION_WITHOUT_STEP").count(), warned);
    }
}

#[tokio::test]
async fn an_integration_without_a_step_fails_and_nothing_catches_it() {
    let world = World::new();
    let mut definition = task("arn:aws:states:::sqs:sendMessage");
    definition["States"]["A"]["Catch"] = json!([{ "ErrorEquals": ["States.ALL"], "Next": "B" }]);
    definition["States"]["B"] = json!({ "Type": "Succeed" });
    let machine = world.machine("m", &definition).await;
    let execution = world.start(&machine, "e").await;
    let response = world.ended(&execution).await;
    assert_eq!((&response["status"], &response["error"]), (&json!("FAILED"), &json!("States.Runtime")));
    assert!(text(&response["cause"]).contains("sqs:sendMessage"), "{response}");
}

#[tokio::test]
async fn a_name_has_no_character_that_takes_two_units_of_utf_16() {
    let world = World::new();
    for name in ["order-\u{1f600}", "a\u{fffe}", "a\u{7}", "a b"] {
        let request = json!({ "name": name, "definition": pass().to_string(), "roleArn": ROLE });
        assert_eq!(world.refused("CreateStateMachine", request).await.0, "InvalidName", "{name:?}");
    }
    world.machine("bestellung-ü-注文", &pass()).await;
}

#[tokio::test]
async fn null_is_an_output() {
    let records = MemoryRecords::new();
    let machine = json!({ "StartAt": "A", "States": { "A": { "Type": "Pass", "InputPath": "$.a", "End": true } } });
    let world = World::over(&records);
    let machine = world.machine("m", &machine).await;
    let request = json!({ "stateMachineArn": machine, "name": "e", "input": "{\"a\":null}" });
    let execution = text(&world.ask("StartExecution", request).await["executionArn"]);
    assert_eq!(world.ended(&execution).await["output"], "null");
    let described = World::over(&records).ask("DescribeExecution", json!({ "executionArn": execution })).await;
    assert_eq!((&described["output"], &described["outputDetails"]["included"]), (&json!("null"), &json!(true)));
}

#[tokio::test]
async fn a_machine_that_takes_too_long_has_neither_error_nor_cause() {
    let world = World::new();
    let mut definition = wait();
    definition["TimeoutSeconds"] = json!(1);
    let machine = world.machine("m", &definition).await;
    let execution = world.start(&machine, "e").await;
    let response = world.ended(&execution).await;
    assert_eq!((&response["status"], response.get("error"), response.get("cause")), (&json!("TIMED_OUT"), None, None));
    let last = world.history(&execution).await.pop().unwrap();
    assert_eq!(last["executionTimedOutEventDetails"], json!({ "error": "States.Timeout" }));
    assert_eq!(last["previousEventId"], 0);
}
