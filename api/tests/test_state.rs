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
async fn a_failure_is_reported_with_the_rules_that_match_it() {
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
    let response = world.ask("TestState", asked(0)).await;
    let details = json!({ "retryIndex": 1, "retryBackoffIntervalSeconds": 3 });
    assert_eq!((&response["status"], &response["inspectionData"]["errorDetails"]), (&json!("RETRIABLE"), &details));
    let response = world.ask("TestState", asked(1)).await;
    let details = json!({ "retryIndex": 1, "catchIndex": 1 });
    assert_eq!((&response["status"], &response["inspectionData"]["errorDetails"]), (&json!("CAUGHT_ERROR"), &details));
    assert_eq!(response["nextState"], "Z");
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
    let response = world.ask("TestState", request(&state, more)).await;
    assert_eq!((&response["status"], &response["output"]), (&json!("SUCCEEDED"), &json!("[1,3]")));
    assert_eq!(response["inspectionData"]["afterItemSelector"], "[{\"n\":\"1\"},{\"n\":\"3\"}]");
}

/// A Map of the JSONata recordings, which tolerates one failure.
fn tolerant(more: Value) -> Value {
    let mut state = map(json!({
        "QueryLanguage": "JSONata", "Items": "{% $states.input.Values %}", "ToleratedFailureCount": 1,
        "Catch": [
            { "ErrorEquals": ["MockException"], "Next": "X" },
            { "ErrorEquals": ["States.ExceedToleratedFailureThreshold"], "Output": "{% $states.errorOutput %}", "Next": "Y" },
        ],
    }));
    state.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    state
}

fn failed(count: u64, mock: Value) -> Value {
    json!({
        "input": "{\"Values\": [\"first\", \"second\", \"third\"]}", "inspectionLevel": "DEBUG", "mock": mock,
        "stateConfiguration": { "mapIterationFailureCount": count },
    })
}

#[tokio::test]
async fn failed_iterations_beyond_what_a_map_tolerates_fail_it() {
    let world = World::new();
    let result = json!({ "result": "[0,0,1]" });
    let ask = async |state: &Value, more: Value| world.ask("TestState", request(state, more)).await;
    let response = ask(&tolerant(json!({})), failed(1, result.clone())).await;
    assert_eq!((&response["status"], &response["output"]), (&json!("SUCCEEDED"), &json!("[0,0,1]")));
    let response = ask(&tolerant(json!({})), failed(2, result.clone())).await;
    let error = "States.ExceedToleratedFailureThreshold";
    let cause = "The specified tolerated failure threshold was exceeded";
    let data = json!({ "input": "{\"Values\":[\"first\",\"second\",\"third\"]}", "maxConcurrency": 0,
        "toleratedFailureCount": 1, "errorDetails": { "catchIndex": 1 } });
    let output = json!({ "Error": error, "Cause": cause }).to_string();
    let expected = json!({ "status": "CAUGHT_ERROR", "error": error, "cause": cause, "nextState": "Y", "output": output,
        "inspectionData": data });
    assert_eq!(response, expected);
    let retry = json!([{ "ErrorEquals": ["Other"] }, { "ErrorEquals": [error], "MaxAttempts": 2 }]);
    let response = ask(&tolerant(json!({ "Retry": retry })), failed(2, result.clone())).await;
    let details = json!({ "retryIndex": 1, "retryBackoffIntervalSeconds": 1 });
    assert_eq!((&response["status"], &response["inspectionData"]["errorDetails"]), (&json!("RETRIABLE"), &details));
    let percentage = json!({ "ToleratedFailureCount": 9, "ToleratedFailurePercentage": 50 });
    assert_eq!(ask(&tolerant(percentage), failed(2, result.clone())).await["error"], error);
    let mut unlimited = tolerant(json!({}));
    unlimited.as_object_mut().unwrap().remove("ToleratedFailureCount");
    let response = ask(&unlimited, failed(2, result)).await;
    assert_eq!(response["status"], "SUCCEEDED", "AWS compares nothing with a Map that sets no limit: recorded");
    let mock = json!({ "errorOutput": { "error": "MockException", "cause": "c" } });
    assert_eq!(ask(&tolerant(json!({})), failed(2, mock)).await["error"], "MockException");
}

#[tokio::test]
async fn a_member_of_the_configuration_that_does_not_apply_is_refused() {
    let world = World::new();
    let with = async |state: &Value, configuration: Value, mock: Value| {
        let more = json!({ "stateConfiguration": configuration, "mock": mock, "input": "[1,2]" });
        world.refused("TestState", request(state, more)).await
    };
    let result = json!({ "result": "[]" });
    let error = json!({ "errorOutput": { "error": "E", "cause": "c" } });
    let failures = json!({ "mapIterationFailureCount": 3 });
    let greater = "MapIterationFailureCount cannot be greater than the number of items.";
    for mock in [&result, &error] {
        expect(with(&map(json!({})), failures.clone(), mock.clone()).await, greater);
    }
    let of_task = "TestState does not support MapIterationFailureCount for state type 'Task'.";
    expect(with(&call(), failures, error.clone()).await, of_task);
    let data = json!({ "mapItemReaderData": "[]" });
    expect(
        with(&call(), data.clone(), error.clone()).await,
        "TestState does not support MapItemReaderData for state type 'Task'.",
    );
    let no_reader = "TestState does not support MapItemReaderData for a Map state without an ItemReader.";
    expect(with(&map(json!({})), data, result.clone()).await, no_reader);
    let caused = json!({ "errorCausedByState": "I" });
    expect(
        with(&call(), caused.clone(), error.clone()).await,
        "TestState does not support ErrorCausedByState for state type 'Task'.",
    );
    let no_error = "TestState does not support ErrorCausedByState when a mocked error is not specified.";
    expect(with(&map(json!({})), caused, result.clone()).await, no_error);
    let elsewhere = json!({ "errorCausedByState": "Elsewhere" });
    let said = "ErrorCausedByState must name a state within the state under test";
    expect(with(&map(json!({})), elsewhere, error.clone()).await, said);
    let retries = json!({ "retrierRetryCount": 1 });
    expect(
        with(&call(), retries.clone(), error).await,
        "TestState does not support RetrierRetryCount for a state without Retry.",
    );
    let request = request(&call(), json!({ "stateConfiguration": retries, "roleArn": ROLE }));
    let said = "TestState does not support RetrierRetryCount when a mock is not specified.";
    expect(world.refused("TestState", request).await, said);
}

#[tokio::test]
async fn a_state_machine_without_the_name_of_a_state_is_no_state() {
    let world = World::new();
    for more in [json!({}), json!({ "mock": { "result": "{}" } })] {
        let refused = world.refused("TestState", request(&pass(), more)).await;
        let said = "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These fields are required: [Type] at /States/StateName'";
        assert_eq!(refused, pair("InvalidDefinition", said));
    }
}

#[tokio::test]
async fn the_data_of_every_reader_is_read_as_in_its_source() {
    let world = World::new();
    let read = async |resource: &str, config: Value, data: &str| {
        let resource = format!("arn:aws:states:::s3:{resource}");
        let reader =
            json!({ "Resource": resource, "Parameters": { "Bucket": "b", "Key": "k" }, "ReaderConfig": config });
        let selector = json!({ "v.$": "$$.Map.Item.Value" });
        let state = map(json!({ "ItemReader": reader, "ItemSelector": selector, "MaxConcurrency": 1 }));
        let more = json!({ "mock": { "result": "[]" }, "inspectionLevel": "TRACE", "stateConfiguration": { "mapItemReaderData": data } });
        let response = world.ask("TestState", request(&state, more)).await;
        let Some(selected) = response["inspectionData"]["afterItemSelector"].as_str() else {
            return response["error"].clone();
        };
        let selected: Vec<Value> = serde_json::from_str(selected).unwrap();
        let items: Value = selected.iter().map(|item| item["v"].clone()).collect();
        let path = response["inspectionData"]["afterItemsPath"].as_str().unwrap();
        assert_eq!(serde_json::from_str::<Value>(path).unwrap(), items, "{response}");
        items
    };
    let first_row = json!({ "InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW" });
    assert_eq!(
        read("getObject", first_row, "n,m\n1,2\n3,4\n").await,
        json!([{ "n": "1", "m": "2" }, { "n": "3", "m": "4" }])
    );
    let given =
        json!({ "InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["x"], "CSVDelimiter": "PIPE" });
    assert_eq!(read("getObject", given, "1|2\n").await, json!([{ "x": "1" }]));
    assert_eq!(read("getObject", json!({ "InputType": "JSONL" }), "1\n{\"a\":2}\n").await, json!([1, { "a": 2 }]));
    assert_eq!(read("getObject", json!({ "InputType": "JSON" }), "[1,[2]]").await, json!([1, [2]]));
    assert_eq!(read("getObject", json!({ "InputType": "JSON", "MaxItems": 1 }), "[1,2]").await, json!([1]));
    let manifest = json!({ "ManifestType": "ATHENA_DATA", "InputType": "JSONL" });
    assert_eq!(read("getObject", manifest, "{\"id\":1}\n").await, json!([{ "id": 1 }]));
    let inventory = json!({ "InputType": "MANIFEST" });
    assert_eq!(read("getObject", inventory, "Bucket,Key\nb,k\n").await, json!([{ "Bucket": "b", "Key": "k" }]));
    let flattened = json!({ "Transformation": "LOAD_AND_FLATTEN", "InputType": "JSON" });
    assert_eq!(read("listObjectsV2", flattened, "[7]").await, json!([7]));
    for listing in ["[{\"Key\":\"a\"}]", "{\"Contents\":[{\"Key\":\"a\"}],\"KeyCount\":1}"] {
        assert_eq!(read("listObjectsV2", json!({}), listing).await, json!([{ "Key": "a" }]));
    }
    assert_eq!(read("getObject", json!({ "InputType": "JSON" }), "{").await, "States.ItemReaderFailed");
}

#[tokio::test]
async fn every_stage_of_a_maps_items_is_shown() {
    let world = World::new();
    let reader = json!({
        "Resource": "arn:aws:states:::s3:getObject", "Parameters": { "Bucket": "b", "Key": "k" },
        "ReaderConfig": { "InputType": "JSON", "ItemsPointer": "/data/rows" }
    });
    let state = map(json!({
        "ItemReader": reader, "ItemSelector": { "k.$": "$$.Map.Item.Key", "v.$": "$$.Map.Item.Value", "s.$": "$$.Map.Item.Source" },
        "ItemBatcher": { "MaxItemsPerBatch": 2 }, "MaxConcurrencyPath": "$.most", "ToleratedFailurePercentage": 10,
    }));
    let more = json!({
        "input": "{\"most\":1}", "mock": { "result": "[1,2]" }, "inspectionLevel": "TRACE",
        "stateConfiguration": { "mapItemReaderData": "{\"data\":{\"rows\":{\"a\":1,\"b\":2,\"c\":3}}}" },
    });
    let response = world.ask("TestState", request(&state, more)).await;
    let shown = |name: &str| {
        let text = response["inspectionData"][name].as_str().unwrap_or_else(|| panic!("{name} is not in {response}"));
        serde_json::from_str::<Value>(text).unwrap()
    };
    assert_eq!(shown("afterItemsPointer"), json!({ "a": 1, "b": 2, "c": 3 }));
    let pair = |key: &str, value: u64| json!({ "Key": key, "Value": value });
    assert_eq!(shown("afterItemsPath"), json!([pair("a", 1), pair("b", 2), pair("c", 3)]));
    let item = |key: &str, value: u64| json!({ "k": key, "v": value, "s": "S3://b/k" });
    assert_eq!(shown("afterItemSelector"), json!([item("a", 1), item("b", 2), item("c", 3)]));
    let batches = json!([{ "Items": [item("a", 1), item("b", 2)] }, { "Items": [item("c", 3)] }]);
    assert_eq!(shown("afterItemBatcher"), batches);
    let data = &response["inspectionData"];
    assert_eq!((&data["maxConcurrency"], &data["toleratedFailurePercentage"]), (&json!(1), &json!(10.0)));
    assert_eq!((shown("afterResultSelector"), shown("afterResultPath")), (json!([1, 2]), json!([1, 2])));
}

#[tokio::test]
async fn the_variables_shown_are_those_after_the_state() {
    let world = World::new();
    let state = json!({ "Type": "Pass", "Assign": { "b": 2, "c.$": "$a" }, "End": true });
    let more = json!({ "variables": "{\"a\":1,\"b\":1}", "inspectionLevel": "DEBUG" });
    let answer = world.ask("TestState", request(&state, more)).await;
    let shown: Value = serde_json::from_str(answer["inspectionData"]["variables"].as_str().unwrap()).unwrap();
    assert_eq!(shown, json!({ "a": 1, "b": 2, "c": 1 }));
}

#[tokio::test]
async fn a_wait_answers_at_once_with_its_output_and_the_next_state() {
    let world = World::new();
    let state = json!({ "Type": "Wait", "Seconds": 3600, "OutputPath": "$.a", "Next": "B" });
    let answer = world.ask("TestState", request(&state, json!({ "input": "{\"a\":1}" }))).await;
    assert_eq!(answer, json!({ "status": "SUCCEEDED", "output": "1", "nextState": "B" }));
}

#[tokio::test]
async fn a_group_of_the_context_object_is_an_object() {
    let world = World::new();
    let state = json!({ "Type": "Pass", "End": true });
    let more = json!({ "context": "{\"Execution\":1}" });
    let refusal = world.refused("TestState", request(&state, more)).await;
    expect(refusal, "Invalid Context object provided: Execution must be an object");
}
