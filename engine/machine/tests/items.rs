//! The items of a Map: arrays, the pairs of an object, and what the context object says of an item.

use serde_json::json;

use super::{paths::cause, *};

/// A Map of a JSONPath machine whose iterations return their inputs.
fn map(mode: &str, fields: Value) -> Value {
    let processor = json!({
        "ProcessorConfig": { "Mode": mode, "ExecutionType": "STANDARD" },
        "StartAt": "I", "States": { "I": { "Type": "Pass", "End": true } }
    });
    let mut map = json!({ "Type": "Map", "ItemProcessor": processor, "End": true });
    map.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    json!({ "StartAt": "A", "States": { "A": map } })
}

fn run(definition: &Value, input: Value) -> Trial {
    Trial::start_as_it_is(definition, input)
}

#[test]
fn a_distributed_map_iterates_the_pairs_of_an_object() {
    let input = json!({ "by": { "b": 1, "a": [2] } });
    let pairs = json!([{ "Key": "b", "Value": 1 }, { "Key": "a", "Value": [2] }]);
    assert_eq!(run(&map("DISTRIBUTED", json!({ "ItemsPath": "$.by" })), input.clone()).output(), pairs);
    assert_eq!(run(&map("DISTRIBUTED", json!({})), input["by"].clone()).output(), pairs);
    let jsonata = map("DISTRIBUTED", json!({ "Items": "{% $states.input.by %}" }));
    assert_eq!(Trial::start(jsonata, input.clone()).output(), pairs);
    let batches = map("DISTRIBUTED", json!({ "ItemsPath": "$.by", "ItemBatcher": { "MaxItemsPerBatch": 2 } }));
    assert_eq!(run(&batches, input.clone()).output(), json!([{ "Items": pairs }]));
    let none = run(&map("DISTRIBUTED", json!({})), json!({}));
    assert_eq!(none.output(), json!([]));
    let length = |entry: &crate::journal::JournalEntry| match &entry.content {
        EntryContent::Event(event) => match &event.details {
            HistoryEventDetails::MapStateStarted { length, .. } => Some(*length),
            _ => None,
        },
        EntryContent::Note(_) => None,
    };
    let started = run(&map("DISTRIBUTED", json!({ "ItemsPath": "$.by" })), input);
    assert_eq!(started.entries.iter().find_map(length), Some(2));
}

#[test]
fn the_context_object_has_key_value_index_and_source_of_an_item() {
    let selector = json!({
        "key.$": "$$.Map.Item.Key", "value.$": "$$.Map.Item.Value", "index.$": "$$.Map.Item.Index",
        "source.$": "$$.Map.Item.Source",
    });
    let input = json!({ "b": 1, "a": 2 });
    let expected = json!([
        { "key": "b", "value": 1, "index": 0, "source": "STATE_DATA" },
        { "key": "a", "value": 2, "index": 1, "source": "STATE_DATA" },
    ]);
    assert_eq!(run(&map("DISTRIBUTED", json!({ "ItemSelector": selector })), input.clone()).output(), expected);
    let batcher = json!({ "ItemSelector": selector, "ItemBatcher": { "MaxItemsPerBatch": 2 } });
    assert_eq!(run(&map("DISTRIBUTED", batcher), input.clone()).output(), json!([{ "Items": expected }]));
    let jsonata = json!({ "ItemSelector": "{% $states.context.Map.Item %}", "Items": "{% $states.input %}" });
    let items = Trial::start(map("DISTRIBUTED", jsonata), input).output();
    assert_eq!(items[1], json!({ "Index": 1, "Key": "a", "Value": 2, "Source": "STATE_DATA" }));
    let array = json!({ "ItemSelector": { "item.$": "$$.Map.Item" } });
    for mode in ["INLINE", "DISTRIBUTED"] {
        let items = run(&map(mode, array.clone()), json!([{ "Key": 1, "Value": 2 }])).output();
        let item = json!({ "Index": 0, "Value": { "Key": 1, "Value": 2 }, "Source": "STATE_DATA" });
        assert_eq!(items, json!([{ "item": item }]), "an item of an array has no key: {mode}");
    }
}

#[test]
fn an_inline_map_refuses_an_object_as_recorded() {
    let trial = run(&map("INLINE", json!({ "ItemsPath": "$.by" })), json!({ "by": { "a": 1 } }));
    assert!(cause(&trial).ends_with("Reference path \"$.by\" must point to array."), "{}", cause(&trial));
    let trial = Trial::start(map("INLINE", json!({})), json!({ "a": 1 }));
    assert!(cause(&trial).ends_with("Map state input must be an array but was: {\"a\":1}"), "{}", cause(&trial));
}

#[test]
fn items_that_a_reader_read_name_their_source() {
    let selector = json!({ "source.$": "$$.Map.Item.Source", "key.$": "$$.Map.Item.Key" });
    let reader =
        json!({ "Resource": "arn:aws:states:::s3:getObject", "Parameters": { "Bucket": "b", "Key": "k/o.json" } });
    let mut trial = run(&map("DISTRIBUTED", json!({ "ItemReader": reader, "ItemSelector": selector })), json!({}));
    trial.done("A", json!(r#"{"x": 1}"#));
    assert_eq!(trial.output(), json!([{ "source": "S3://b/k/o.json", "key": "x" }]));
    let reader =
        json!({ "Resource": "arn:aws:states:::s3:listObjectsV2", "Parameters": { "Bucket": "b", "Prefix": "p" } });
    let selector = json!({ "source.$": "$$.Map.Item.Source" });
    let mut trial = run(&map("DISTRIBUTED", json!({ "ItemReader": reader, "ItemSelector": selector })), json!({}));
    trial.done("A", json!([{ "Key": "p/1" }]));
    assert_eq!(trial.output(), json!([{ "source": "S3://b" }]));
}

#[test]
fn a_heartbeat_that_is_not_below_its_time_out_fails_the_state() {
    let task = json!({ "Type": "Task", "Resource": "flow:test:step", "TimeoutSecondsPath": "$.timeout",
        "HeartbeatSecondsPath": "$.heartbeat", "End": true, "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "B" }] });
    let definition = json!({ "StartAt": "A", "States": { "A": task, "B": { "Type": "Succeed" } } });
    for heartbeat in [10, 11] {
        let trial = run(&definition, json!({ "timeout": 10, "heartbeat": heartbeat }));
        assert_eq!(trial.error(), "States.Runtime");
        assert!(cause(&trial).contains("HeartbeatSeconds must be smaller than TimeoutSeconds"), "{}", cause(&trial));
    }
    assert_eq!(run(&definition, json!({ "timeout": 10, "heartbeat": 9 })).polls().len(), 1);
    let task = json!({ "Type": "Task", "Resource": "flow:test:step", "TimeoutSeconds": "{% $states.input.t %}",
        "HeartbeatSeconds": "{% $states.input.t %}", "End": true });
    let trial = Trial::start(json!({ "StartAt": "A", "States": { "A": task } }), json!({ "t": 5 }));
    assert_eq!(trial.error(), "States.Runtime");
}

#[test]
fn a_missing_step_ends_the_execution_from_within_a_distributed_map_and_a_parallel() {
    let call = json!({ "StartAt": "T", "States": { "T": { "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage",
        "End": true, "Retry": [{ "ErrorEquals": ["States.ALL"] }] } } });
    let mut each = map("DISTRIBUTED", json!({ "ToleratedFailurePercentage": 100, "MaxConcurrency": 1 }));
    each["States"]["A"]["ItemProcessor"]["States"] = call["States"].clone();
    each["States"]["A"]["ItemProcessor"]["StartAt"] = json!("T");
    let beside = json!({ "Type": "Parallel", "End": true, "Branches": [call, {
        "StartAt": "W", "States": { "W": { "Type": "Wait", "Seconds": 9, "End": true } }
    }] });
    let within = json!({ "Type": "Parallel", "End": true, "Branches": [each] });
    for (state, path) in [(each["States"]["A"].clone(), "A[0]/T"), (beside, "A[0]/T"), (within, "A/A[0]/T")] {
        let mut state = state;
        state["Retry"] = json!([{ "ErrorEquals": ["States.ALL"] }]);
        state["Catch"] = json!([{ "ErrorEquals": ["States.ALL"], "Next": "B" }]);
        let definition = json!({ "StartAt": "A", "States": { "A": state, "B": { "Type": "Succeed" } } });
        let mut trial = run(&definition, json!([1, 2]));
        trial.answer(path, StepAnswer::Failed(StepError::missing_step("There is no step")));
        assert_eq!((trial.status(), trial.error().as_str()), (ExecutionStatus::Failed, "States.Runtime"), "{path}");
        assert_eq!(cause(&trial), "There is no step");
        assert!(trial.polls().is_empty(), "no other call is made: {path}");
    }
}

#[test]
fn an_ordinary_runtime_error_of_a_child_execution_is_tolerated() {
    let mut each = map("DISTRIBUTED", json!({ "ToleratedFailureCount": 1 }));
    each["States"]["A"]["ItemProcessor"]["States"]["I"]["InputPath"] = json!("$.none");
    assert_eq!(run(&each, json!([{}])).output(), json!([]));
}

#[test]
fn only_a_result_that_is_too_large_is_caught_by_the_wildcard() {
    let text = "x".repeat(200_000);
    let caught = |rule: &str| {
        let task = json!({ "Type": "Task", "Resource": "flow:test:step", "End": true,
            "Parameters": { "a.$": "$", "b.$": "$" }, "Catch": [{ "ErrorEquals": [rule], "Next": "B" }] });
        let definition = json!({ "StartAt": "A", "States": { "A": task, "B": { "Type": "Succeed" } } });
        run(&definition, json!(text))
    };
    assert_eq!(caught("States.ALL").error(), "States.DataLimitExceeded");
    assert_eq!(caught("States.DataLimitExceeded").output()["Error"], "States.DataLimitExceeded");
}
