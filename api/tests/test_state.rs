//! TestState answers as AWS does. Sources: recordings of AWS; API Reference, TestState.

use super::*;

fn map(more: Value) -> Value {
    let processor = json!({
        "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" },
        "StartAt": "I", "States": { "I": { "Type": "Pass", "End": true } }
    });
    let mut map = json!({ "Type": "Map", "ItemProcessor": processor, "End": true });
    map.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    map
}

fn call() -> Value {
    json!({ "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": { "FunctionName": "f" }, "End": true })
}

fn request(state: &Value, more: Value) -> Value {
    let mut request = json!({ "definition": state.to_string() });
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    request
}

#[track_caller]
fn expect((kind, message): (String, String), expected: &str) {
    assert_eq!((&*kind, &*message), ("ValidationException", expected));
}

#[tokio::test]
async fn what_cannot_be_tested_together_is_refused() {
    let world = World::new();
    let mock = |result: &str| json!({ "mock": { "result": result } });
    let refused = async |state: &Value, more: Value| world.refused("TestState", request(state, more)).await;
    expect(refused(&call(), json!({})).await, "RoleArn must be specified when testing a Task state");
    let secrets = json!({ "mock": { "result": "{}" }, "revealSecrets": true });
    expect(refused(&call(), secrets).await, "TestState does not support RevealSecrets when a mock is specified.");
    let pass = json!({ "Type": "Pass", "End": true });
    expect(refused(&pass, mock("{}")).await, "State type 'Pass' is not supported when a mock is specified");
    expect(refused(&call(), mock("{")).await, "Mocked result must be valid JSON");
    expect(refused(&map(json!({})), mock("{}")).await, "Mocked result must be an array.");
    let writer = json!({ "ResultWriter": { "WriterConfig": { "OutputType": "JSON" } } });
    expect(refused(&map(writer), mock("[]")).await, "Mocked result must be a JSON object.");
    let count = json!({ "stateConfiguration": { "mapIterationFailureCount": 0 } });
    let said = "TestState does not support MapIterationFailureCount when a mock is not specified.";
    expect(refused(&map(json!({})), count).await, said);
    let (kind, message) = refused(&map(json!({})), json!({})).await;
    assert_eq!(kind, "InvalidDefinition");
    assert!(message.starts_with("TestState API does not support Map or Parallel states."), "{message}");
}

#[tokio::test]
async fn a_state_that_could_not_be_created_is_not_tried_out() {
    let world = World::new();
    let state = json!({ "Type": "Pass", "QueryLanguage": "JSONata", "Output": { "v": "{% phone %}" }, "End": true });
    let (kind, message) = world.refused("TestState", request(&state, json!({}))).await;
    assert_eq!(kind, "InvalidDefinition");
    assert!(
        message.contains("UNSUPPORTED_JSONATA_EXPRESSION") && message.contains("/States/StateName/Output/v"),
        "{message}"
    );
}

#[tokio::test]
async fn a_failure_is_told_with_the_rules_that_serve_it() {
    let world = World::new();
    let mut state = call();
    state["Retry"] =
        json!([{ "ErrorEquals": ["Other"] }, { "ErrorEquals": ["E"], "MaxAttempts": 1, "IntervalSeconds": 3 }]);
    state["Catch"] = json!([{ "ErrorEquals": ["Other"], "Next": "Y" }, { "ErrorEquals": ["States.ALL"], "Next": "Z" }]);
    let asked = |retries: u32| {
        let mock = json!({ "errorOutput": { "error": "E", "cause": "c" } });
        let configuration = json!({ "retrierRetryCount": retries });
        request(&state, json!({ "mock": mock, "inspectionLevel": "DEBUG", "stateConfiguration": configuration }))
    };
    let told = world.ask("TestState", asked(0)).await;
    let details = json!({ "retryIndex": 1, "retryBackoffIntervalSeconds": 3 });
    assert_eq!((&told["status"], &told["inspectionData"]["errorDetails"]), (&json!("RETRIABLE"), &details));
    let told = world.ask("TestState", asked(1)).await;
    let details = json!({ "retryIndex": 1, "catchIndex": 1 });
    assert_eq!((&told["status"], &told["inspectionData"]["errorDetails"]), (&json!("CAUGHT_ERROR"), &details));
    assert_eq!(told["nextState"], "Z");
}

#[tokio::test]
async fn a_maps_items_are_shown_as_they_go_through_its_fields() {
    let world = World::new();
    let reader = json!({
        "Resource": "arn:aws:states:::s3:getObject", "Parameters": { "Bucket": "b", "Key": "k" },
        "ReaderConfig": { "InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW" }
    });
    let selector = json!({ "n.$": "$$.Map.Item.Value.n" });
    let state = map(json!({ "ItemReader": reader, "ItemSelector": selector }));
    let configuration = json!({ "mapItemReaderData": "n,m\n1,2\n3,4\n" });
    let more =
        json!({ "mock": { "result": "[1, 3]" }, "inspectionLevel": "TRACE", "stateConfiguration": configuration });
    let told = world.ask("TestState", request(&state, more)).await;
    assert_eq!((&told["status"], &told["output"]), (&json!("SUCCEEDED"), &json!("[1,3]")));
    assert_eq!(told["inspectionData"]["afterItemSelector"], "[{\"n\":\"1\"},{\"n\":\"3\"}]");
}
