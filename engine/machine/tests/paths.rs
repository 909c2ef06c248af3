//! A JSONPath state selects, inserts and refuses data as Step Functions does.

use super::*;
use crate::step::ErrorClass;

pub(super) fn cause(trial: &Trial) -> String {
    trial.execution.header.failure.as_ref().unwrap().cause.clone()
}

#[test]
fn data_goes_through_all_five_fields_in_their_order() {
    let mut trial = start(
        json!({ "A": {
            "Type": "Task", "Resource": "flow:test:step", "InputPath": "$.order",
            "Parameters": { "id.$": "$.id", "name.$": "$$.State.Name", "fixed": [1] },
            "ResultSelector": { "got.$": "$.value" }, "ResultPath": "$.order.result", "OutputPath": "$.order", "End": true
        } }),
        json!({ "order": { "id": 7 }, "rest": true }),
    );
    let sent = trial.commands.iter().find_map(|command| match command {
        Command::CallStep(call) => Some((*call.arguments).clone()),
        _ => None,
    });
    assert_eq!(sent, Some(json!({ "id": 7, "name": "A", "fixed": [1] })));
    trial.done("A", json!({ "value": 1, "noise": 2 }));
    assert_eq!(trial.output(), json!({ "id": 7, "result": { "got": 1 } }));
}

#[test]
fn null_paths_empty_the_input_discard_the_result_and_empty_the_output() {
    let pass = |field: &str| {
        let mut state = json!({ "Type": "Pass", "Result": { "r": 1 }, "End": true });
        state[field] = Value::Null;
        start(json!({ "A": state }), json!({ "in": 1 })).output()
    };
    assert_eq!(pass("InputPath"), json!({ "r": 1 }));
    assert_eq!(pass("ResultPath"), json!({ "in": 1 }));
    assert_eq!(pass("OutputPath"), json!({}));
}

#[test]
fn a_literal_result_keeps_names_that_resemble_queries() {
    let trial = start(json!({ "A": { "Type": "Pass", "Result": { "x.$": "$.a" }, "End": true } }), json!({}));
    assert_eq!(trial.output(), json!({ "x.$": "$.a" }));
}

#[test]
fn a_missing_path_fails_in_awss_words_and_nothing_catches_it() {
    let catch =
        json!([{ "ErrorEquals": ["States.ALL"], "Next": "B" }, { "ErrorEquals": ["States.Runtime"], "Next": "B" }]);
    let catch = json!([catch[1], catch[0]]);
    let trial = start(
        json!({
            "A": { "Type": "Task", "Resource": "flow:test:step", "InputPath": "$.no.such", "Catch": catch, "End": true },
            "B": { "Type": "Succeed" }
        }),
        json!({}),
    );
    assert_eq!(trial.error(), "States.Runtime");
    assert_eq!(
        cause(&trial),
        "An error occurred while executing the state 'A' (entered at the event id #2). \
         Invalid path '$.no.such' : Missing property in path $['no']"
    );
}

#[test]
fn a_caught_error_is_placed_in_the_input() {
    let mut trial = start(
        json!({
            "A": { "Type": "Task", "Resource": "flow:test:step", "End": true,
                   "Catch": [{ "ErrorEquals": ["States.ALL"], "ResultPath": "$.failed", "Next": "B" }] },
            "B": { "Type": "Pass", "Parameters": { "error.$": "$.failed.Error", "kept.$": "$.kept" }, "End": true }
        }),
        json!({ "kept": 1 }),
    );
    trial.fail("A", ErrorClass::Unknown);
    assert_eq!(trial.output(), json!({ "error": "Flow.Unknown", "kept": 1 }));
}

#[test]
fn rules_join_and_negate_and_a_missing_variable_fails() {
    let choice = |rule: Value, input: Value| {
        let mut rule = rule;
        rule["Next"] = json!("B");
        start(
            json!({ "A": { "Type": "Choice", "Choices": [rule], "Default": "C" },
                    "B": { "Type": "Pass", "Result": "fits", "End": true }, "C": { "Type": "Pass", "Result": "not", "End": true } }),
            input,
        )
    };
    let both = json!({ "And": [
        { "Variable": "$.a", "NumericGreaterThan": 1 }, { "Not": { "Variable": "$.b", "StringMatches": "x*" } }
    ] });
    assert_eq!(choice(both.clone(), json!({ "a": 2, "b": "y" })).output(), "fits");
    assert_eq!(choice(both.clone(), json!({ "a": 2, "b": "xy" })).output(), "not");
    let either =
        json!({ "Or": [{ "Variable": "$.a", "IsPresent": true }, { "Variable": "$.b", "BooleanEquals": true }] });
    assert_eq!(choice(either, json!({ "b": true })).output(), "fits");
    assert_eq!(choice(both, json!({ "b": "y" })).error(), "States.Runtime");
}

#[test]
fn waits_take_their_time_from_the_input_and_refuse_other_values() {
    let wait = |field: &str, value: Value| {
        let mut state = json!({ "Type": "Wait", "End": true });
        state[field] = json!("$.t");
        start(json!({ "A": state }), json!({ "t": value }))
    };
    assert_eq!(wait("SecondsPath", json!(5)).execution.header.next_wake_ms, Some(1_005_000));
    assert!(cause(&wait("SecondsPath", json!(-1))).ends_with("references a negative value: $.t == -1"));
    assert!(cause(&wait("SecondsPath", json!(1.5))).ends_with("cannot be parsed as a long value: $.t == 1.5"));
    assert_eq!(wait("TimestampPath", json!("1970-01-01T00:30:00Z")).execution.header.next_wake_ms, Some(1_800_000));
    assert!(cause(&wait("TimestampPath", json!("soon"))).contains("format string: $.t == soon"));
    assert!(cause(&wait("TimestampPath", json!("2200-01-01T00:00:00Z"))).ends_with("Wait state delay is too long."));
}

fn distributed(more: &Value) -> Value {
    let fails = json!({ "Type": "Choice", "Default": "Fails", "Choices": [{ "Variable": "$", "IsNumeric": true, "Next": "Ends" }] });
    let processor = json!({
        "ProcessorConfig": { "Mode": "DISTRIBUTED" }, "StartAt": "Which",
        "States": { "Which": fails, "Fails": { "Type": "Fail", "Error": "Bad" }, "Ends": { "Type": "Succeed" } }
    });
    let mut map = json!({ "Type": "Map", "ItemProcessor": processor, "End": true });
    map.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "A": map })
}

#[test]
fn a_distributed_map_tolerates_as_many_failures_as_it_says_and_has_no_iterations_in_its_history() {
    let items = json!([1, "x", 3, 4]);
    let trial = start(distributed(&json!({ "ToleratedFailureCount": 1 })), items.clone());
    assert_eq!(trial.output(), json!([1, 3, 4]));
    let types =
        ["StateEntered", "MapStateStarted", "MapRunStarted", "MapRunSucceeded", "MapStateSucceeded", "StateExited"];
    assert_eq!(trial.types()[1..7], types);
    let trial = start(distributed(&json!({ "ToleratedFailurePercentage": 20 })), items.clone());
    assert_eq!(trial.error(), "States.ExceedToleratedFailureThreshold");
    assert_eq!(start(distributed(&json!({})), items).error(), "States.ExceedToleratedFailureThreshold");
}

#[test]
fn batches_hold_no_more_items_than_they_may_beside_what_they_share() {
    let batcher = json!({ "MaxItemsPerBatch": 2, "BatchInput": { "job.$": "$$.State.Name" } });
    let mut states = distributed(&json!({ "ItemBatcher": batcher }));
    states["A"]["ItemProcessor"]["States"] = json!({ "Which": { "Type": "Pass", "End": true } });
    let trial = start(states, json!([1, 2, 3]));
    let batch = |items: Value| json!({ "BatchInput": { "job": "A" }, "Items": items });
    assert_eq!(trial.output(), json!([batch(json!([1, 2])), batch(json!([3]))]));
}

#[test]
fn a_task_token_is_waited_for_until_a_heartbeat_is_missed() {
    let task = json!({ "A": {
        "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "HeartbeatSeconds": 10,
        "Parameters": { "token.$": "$$.Task.Token" }, "End": true
    } });
    let mut trial = start(task, json!({}));
    trial.done("A", json!({ "MessageId": "m" }));
    assert_eq!(trial.types().last().unwrap(), "TaskSubmitted");
    let (frame, visit) = (1, trial.execution.frames[1].row.visit);
    trial.now_ms += 9_000;
    trial.give(Input::Heartbeat { frame, visit, attempt: 1 });
    assert_eq!(trial.execution.header.next_wake_ms, Some(trial.now_ms + 10_000), "the heartbeat begins anew");
    trial.sleep();
    assert_eq!((trial.error().as_str(), cause(&trial).as_str()), ("States.Timeout", ""));
}

#[test]
fn a_worker_that_is_late_finds_the_task_gone() {
    let task = json!({ "A": {
        "Type": "Task", "Resource": "arn:aws:states:us-east-1:111111111111:activity:work", "TimeoutSeconds": 5, "End": true
    } });
    let mut trial = start(task, json!({ "job": 1 }));
    assert!(trial.commands.iter().any(|command| matches!(command, Command::Offer(_))));
    let visit = trial.execution.frames[1].row.visit;
    trial.give(Input::Fetched { frame: 1, visit, attempt: 1, worker: Some("w".to_owned()) });
    assert_eq!(trial.types().last().unwrap(), "TaskStarted");
    trial.sleep();
    assert_eq!(trial.error(), "States.Timeout");
    trial.give(Input::Signalled { frame: 1, visit, attempt: Some(1), answer: Ok(json!(1)), by: None });
    assert_eq!(trial.error(), "States.Timeout", "a late answer changes nothing");
}

#[test]
fn a_distributed_map_reads_its_items_and_hands_its_results_over() {
    let reader = json!({
        "Resource": "flow:file:read", "Parameters": { "Path.$": "$.from" },
        "ReaderConfig": { "InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW", "MaxItems": 2 }
    });
    let writer = json!({ "Resource": "flow:file:write", "Parameters": { "Path": "out.json" } });
    let mut states = distributed(&json!({ "ItemReader": reader, "ResultWriter": writer }));
    states["A"]["ItemProcessor"]["States"] = json!({ "Which": { "Type": "Pass", "InputPath": "$.id", "End": true } });
    let mut trial = start(states, json!({ "from": "in.csv" }));
    let asked = |trial: &Trial| {
        let poll = trial.commands.iter().rev().find_map(|command| match command {
            Command::CallStep(call) => Some((call.resource.clone(), (*call.arguments).clone())),
            _ => None,
        });
        poll.unwrap()
    };
    assert_eq!(asked(&trial), ("flow:file:read".to_owned(), json!({ "Path": "in.csv" })));
    trial.done("A", json!("id,n\n1,a\n2,b\n3,c\n"));
    assert_eq!(asked(&trial), ("flow:file:write".to_owned(), json!({ "Path": "out.json", "Results": ["1", "2"] })));
    trial.fail("A", ErrorClass::Failed);
    assert_eq!(trial.error(), "Flow.Failed");
    trial.give(Input::Resume { environment: None, recover: false });
    assert_eq!(asked(&trial).1["Results"], json!(["1", "2"]), "iterations that had ended are not repeated");
    trial.done("A", json!({ "Path": "out.json" }));
    assert_eq!(trial.output()["ResultWriterDetails"], json!({ "Path": "out.json" }));
}

#[test]
fn output_path_plays_no_part_in_what_a_catcher_hands_on() {
    for output_path in [json!("$.Payload"), json!("$.no.such"), json!("$.kept"), Value::Null] {
        let mut trial = start(
            json!({
                "A": { "Type": "Task", "Resource": "flow:test:step", "OutputPath": output_path, "End": true,
                       "Catch": [{ "ErrorEquals": ["States.ALL"], "ResultPath": "$.failed", "Next": "B" }] },
                "B": { "Type": "Pass", "Parameters": { "error.$": "$.failed.Error", "kept.$": "$.kept" }, "End": true }
            }),
            json!({ "kept": 1 }),
        );
        trial.fail("A", ErrorClass::Unknown);
        assert_eq!(trial.output(), json!({ "error": "Flow.Unknown", "kept": 1 }), "{output_path}");
    }
}

#[test]
fn a_result_that_is_too_large_is_caught_and_names_what_was_called() {
    let mut trial = start(
        json!({
            "A": { "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:111111111111:function:f", "End": true,
                   "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "B" }] },
            "B": { "Type": "Succeed" }
        }),
        json!({}),
    );
    trial.done("A", json!("x".repeat(270_000)));
    let reported = trial.output();
    assert_eq!(reported["Error"], "States.DataLimitExceeded");
    let cause = reported["Cause"].as_str().unwrap();
    assert!(cause.contains("'arn:aws:lambda:us-east-1:111111111111:function:f'"), "{cause}");
}

#[test]
fn causes_name_paths_into_the_context_object_without_their_second_dollar() {
    let wait = json!({ "A": { "Type": "Wait", "SecondsPath": "$$.State.Name", "End": true } });
    assert!(cause(&start(wait, json!({}))).ends_with("cannot be parsed as a long value: $.State.Name == A"));
    let missing = json!({ "A": { "Type": "Fail", "ErrorPath": "$.none" } });
    let said = "The JSONPath '$.none' specified for the field 'ErrorPath' could not be found in the input '{\"a\":1}'";
    assert!(cause(&start(missing, json!({ "a": 1 }))).ends_with(said));
}

#[test]
fn the_results_of_a_distributed_map_have_the_form_that_its_writer_wants() {
    let output = |transformation: &str| {
        let writer = json!({ "WriterConfig": { "Transformation": transformation, "OutputType": "JSON" } });
        let mut states = distributed(&json!({ "ResultWriter": writer }));
        states["A"]["ItemProcessor"]["States"] = json!({ "Which": { "Type": "Pass", "End": true } });
        start(states, json!([[1, 2], [3], "x"])).output()
    };
    assert_eq!(output("FLATTEN"), json!([1, 2, 3, "x"]));
    assert_eq!(output("COMPACT"), json!([[1, 2], [3], "x"]));
    let all = output("NONE");
    assert_eq!((&all[1]["Output"], &all[1]["Status"]), (&json!("[3]"), &json!("SUCCEEDED")));
}

#[test]
fn a_reader_takes_no_number_of_items_below_zero() {
    let reader = json!({
        "Resource": "flow:file:read", "Parameters": { "Path": "in.json" }, "ReaderConfig": { "MaxItemsPath": "$.most" }
    });
    let mut trial = start(distributed(&json!({ "ItemReader": reader })), json!({ "most": -1 }));
    trial.done("A", json!("[1, 2]"));
    assert_eq!(
        (trial.error().as_str(), cause(&trial).as_str()),
        ("States.ItemReaderFailed", "field MaxItems must be positive")
    );
}

#[test]
fn a_reader_without_credentials_pauses_and_its_map_begins_once() {
    let reader = json!({ "Resource": "flow:file:read", "Parameters": { "Path": "in.json" } });
    let mut trial = start(distributed(&json!({ "ItemReader": reader })), json!({}));
    trial.fail("A", ErrorClass::Credentials);
    assert!(trial.execution.header.paused);
    trial.give(Input::Resume { environment: None, recover: false });
    trial.done("A", json!("[1, 2]"));
    assert_eq!(trial.output(), json!([1, 2]));
    let begun = |entry: &&crate::journal::JournalEntry| format!("{:?}", entry.content).contains("MapStateStarted");
    assert_eq!(trial.entries.iter().filter(begun).count(), 1);
    let mut trial = start(distributed(&json!({ "ItemReader": reader })), json!({}));
    trial.fail("A", ErrorClass::Invalid);
    assert_eq!(trial.error(), "States.ItemReaderFailed");
}

#[test]
fn a_cause_names_the_rule_and_the_element() {
    let at = |state: Value| {
        let definition = json!({ "StartAt": "A", "States": { "A": state, "Z": { "Type": "Succeed" } } });
        cause(&Trial::start(definition, json!({})))
    };
    let choice = json!({ "Type": "Choice", "Default": "Z", "Choices": [
        { "Condition": "{% false %}", "Next": "Z" }, { "Condition": "{% $states.input.x %}", "Next": "Z" }
    ] });
    assert!(at(choice).contains("for the field 'Choices[1]/Condition'"));
    let pass = json!({ "Type": "Pass", "Output": { "values": ["{% $states.input.x %}", 1] }, "Next": "Z" });
    assert!(at(pass).contains("for the field 'Output/values[0]'"));
    let branch = json!({ "StartAt": "F", "States": { "F": { "Type": "Fail", "Error": "E" } } });
    let rules = json!([
        { "ErrorEquals": ["Other"], "Next": "Z" },
        { "ErrorEquals": ["States.ALL"], "Output": { "v": "{% $states.input.x %}" }, "Next": "Z" }
    ]);
    let parallel = json!({ "Type": "Parallel", "Branches": [branch], "Catch": rules, "Next": "Z" });
    assert!(at(parallel).contains("for the field 'Catch[1]/Output/v'"));
}
