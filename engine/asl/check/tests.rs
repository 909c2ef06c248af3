//! Definitions that AWS refuses, with its codes and locations. Sources: floci, issues 2670, 2735, 2745, 2968 and pull request 2786
//! (measured on AWS); recordings of AWS; the specification.
#![allow(clippy::unwrap_used)]
use serde_json::json;

use super::*;

fn problems(definition: &Value) -> Vec<(&'static str, String, String)> {
    let found = check(definition, &|_| true);
    let errors = found.into_iter().filter(|problem| problem.severity == Severity::Error);
    errors.map(|problem| (problem.code, problem.location, problem.message)).collect()
}

#[track_caller]
fn refused(definition: &Value, expected: &[(&str, &str, &str)]) {
    let found = problems(definition);
    let found: Vec<_> = found.iter().map(|(code, location, message)| (*code, &**location, &**message)).collect();
    assert_eq!(found, expected, "{definition}");
}

#[track_caller]
fn has(definition: &Value, code: &str, location: &str) {
    let found = problems(definition);
    assert!(
        found.iter().any(|problem| problem.0 == code && problem.1 == location),
        "{code} {location} not in {found:?}"
    );
}

fn machine(states: Value) -> Value {
    json!({ "StartAt": "A", "States": states })
}

fn jsonata(state: Value) -> Value {
    json!({ "QueryLanguage": "JSONata", "StartAt": "A", "States": { "A": state, "Z": { "Type": "Succeed" } } })
}

const SCHEMA: &str = "SCHEMA_VALIDATION_FAILED";
const TARGET: &str = "MISSING_TRANSITION_TARGET";

#[test]
fn a_machine_must_be_able_to_end_and_to_reach_its_states() {
    let endless = json!({ "A": { "Type": "Pass", "Next": "B" }, "B": { "Type": "Wait", "Seconds": 1, "Next": "A" } });
    let no_end = ("MISSING_END_STATE", "", "Workflow has no terminal state");
    refused(&machine(endless.clone()), &[no_end]);
    let mut with_loose_state = endless.clone();
    with_loose_state["C"] = json!({ "Type": "Pass", "Next": "A" });
    refused(&machine(with_loose_state.clone()), &[no_end]);
    with_loose_state["C"] = json!({ "Type": "Succeed" });
    refused(&machine(with_loose_state), &[(TARGET, "/States/C", "State \"C\" is not reachable.")]);
    let lost = machine(json!({ "A": { "Type": "Pass", "Next": "NOPE" } }));
    refused(&lost, &[(TARGET, "/States/A/Next", "Missing 'Next' target: NOPE"), no_end]);
    let branch = json!({ "StartAt": "B", "States": { "B": { "Type": "Pass", "Next": "B" } } });
    refused(&machine(json!({ "A": { "Type": "Parallel", "Branches": [branch], "End": true } })), &[no_end]);
}

#[test]
fn a_target_is_missed_where_it_is_named() {
    let choice =
        json!({ "Type": "Choice", "Default": "X", "Choices": [{ "Variable": "$.a", "IsNull": true, "Next": "Y" }] });
    let states = json!({ "A": choice, "Z": { "Type": "Succeed" } });
    has(&machine(states.clone()), TARGET, "/States/A/Default");
    has(&machine(states), TARGET, "/States/A/Choices[0]/Next");
    let task =
        json!({ "Type": "Task", "Resource": "r", "End": true, "Catch": [{ "ErrorEquals": ["E"], "Next": "X" }] });
    has(&machine(json!({ "A": task })), TARGET, "/States/A/Catch[0]/Next");
    has(&json!({ "StartAt": "X", "States": { "Z": { "Type": "Succeed" } } }), TARGET, "/StartAt");
}

#[test]
fn a_name_is_given_once_in_the_whole_machine() {
    let branch = |name: &str| json!({ "StartAt": name, "States": { name: { "Type": "Pass", "End": true } } });
    let parallel = |one: &str, other: &str| {
        machine(json!({ "A": { "Type": "Parallel", "Branches": [branch(one), branch(other)], "End": true } }))
    };
    let twice = ("DUPLICATE_STATE_NAME", "/States/A/Branches[1]/States/B", "Duplicate State name: B");
    refused(&parallel("B", "B"), &[twice]);
    has(&parallel("B", "A"), "DUPLICATE_STATE_NAME", "/States/A/Branches[1]/States/A");
    refused(&parallel("B", "C"), &[]);
}

#[test]
fn an_expression_reads_what_is_offered() {
    let top = |name: &str| format!("Reference to '{name}' at the top level is not supported.");
    let unsupported = "UNSUPPORTED_JSONATA_EXPRESSION";
    let state = json!({ "Type": "Pass", "Output": { "v": "{% phone.number %}", "w": ["{% $$ %}"] }, "Next": "Z" });
    let locations = ["/States/A/Output/v", "/States/A/Output/w[0]"];
    refused(&jsonata(state), &[(unsupported, locations[0], &top("phone")), (unsupported, locations[1], &top("$"))]);
    let outside = json!({ "Type": "Pass", "Output": "{% $states.errorOutput.Cause %}", "Next": "Z" });
    has(&jsonata(outside), unsupported, "/States/A/Output");
    let rule = json!({ "ErrorEquals": ["E"], "Output": "{% $states.errorOutput %}", "Next": "Z" });
    refused(&jsonata(json!({ "Type": "Task", "Resource": "r", "Catch": [rule], "Next": "Z" })), &[]);
}

#[test]
fn a_result_is_read_where_a_state_has_one() {
    let result = "{% $states.result.a %}";
    let unsupported = "UNSUPPORTED_JSONATA_EXPRESSION";
    let task = |field: &str, value: Value| {
        let mut task = json!({ "Type": "Task", "Resource": "r", "Next": "Z" });
        task[field] = value;
        jsonata(task)
    };
    refused(&task("Output", json!({ "v": [result] })), &[]);
    refused(&task("Assign", json!({ "v": result })), &[]);
    has(&task("Arguments", json!({ "v": result })), unsupported, "/States/A/Arguments/v");
    has(&task("TimeoutSeconds", json!(result)), unsupported, "/States/A/TimeoutSeconds");
    let rule = json!({ "ErrorEquals": ["E"], "Output": result, "Next": "Z" });
    has(&task("Catch", json!([rule])), unsupported, "/States/A/Catch[0]/Output");
    has(&jsonata(json!({ "Type": "Pass", "Output": result, "Next": "Z" })), unsupported, "/States/A/Output");
    let rule = json!({ "Condition": "{% $states.result %}", "Next": "Z" });
    let choice = jsonata(json!({ "Type": "Choice", "Choices": [rule], "Default": "Z" }));
    has(&choice, unsupported, "/States/A/Choices[0]/Condition");
}

#[test]
fn an_expression_can_be_read_to_its_end() {
    let output = |text: &str| jsonata(json!({ "Type": "Pass", "Output": { "v": text }, "Next": "Z" }));
    has(&output("{% $states.input "), "INVALID_JSONATA_EXPRESSION", "/States/A/Output/v");
    let block = problems(&output("{% 1 %}\n"));
    assert!(block[0].2.contains("white space"), "a block of YAML with its last line break: {block:?}");
    let found = problems(&output("{% 1 + %}"));
    assert_eq!((found[0].0, &*found[0].1), ("INVALID_JSONATA_EXPRESSION", "/States/A/Output/v"));
    assert!(!found[0].2.starts_with("S0"), "{}", found[0].2);
    let rule = json!({ "Condition": "{% 1 + %}", "Next": "Z" });
    let choice = jsonata(json!({ "Type": "Choice", "Choices": [rule], "Default": "Z" }));
    has(&choice, "INVALID_JSONATA_EXPRESSION", "/States/A/Choices[0]/Condition");
}

#[test]
fn a_language_does_not_reach_into_a_map() {
    let map = |inner: Value, processor: Value| {
        let mut processor = processor;
        processor["StartAt"] = json!("I");
        processor["States"] = json!({ "I": inner });
        machine(json!({ "A": { "Type": "Map", "QueryLanguage": "JSONata", "ItemProcessor": processor, "End": true } }))
    };
    let jsonpath = json!({ "Type": "Pass", "Parameters": { "id.$": "$.id" }, "End": true });
    refused(&map(jsonpath.clone(), json!({})), &[]);
    let output = json!({ "Type": "Pass", "Output": 1, "End": true });
    has(&map(output, json!({})), SCHEMA, "/States/A/ItemProcessor/States/I");
    let own = map(jsonpath, json!({ "QueryLanguage": "JSONPath" }));
    refused(&own, &[(SCHEMA, "/States/A/ItemProcessor", "Field 'QueryLanguage' is not supported")]);
    let back = jsonata(json!({ "Type": "Pass", "QueryLanguage": "JSONPath", "Next": "Z" }));
    has(&back, SCHEMA, "/States/A");
}

#[test]
fn values_have_their_documented_form() {
    let pass = json!({ "A": { "Type": "Pass", "End": true } });
    let mut version = machine(pass.clone());
    version["Version"] = json!("2.0");
    has(&version, SCHEMA, "/Version");
    version["Version"] = json!("1.0");
    refused(&version, &[]);
    let map = |config: Value, label: &str| {
        let processor =
            json!({ "ProcessorConfig": config, "StartAt": "I", "States": { "I": { "Type": "Pass", "End": true } } });
        machine(json!({ "A": { "Type": "Map", "Label": label, "ItemProcessor": processor, "End": true } }))
    };
    let distributed = json!({ "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" });
    refused(&map(distributed.clone(), "A-label_1.x"), &[]);
    for label in ["a b", "a/b", "a:b", "a*", "a\u{7}", "{a}"] {
        has(&map(distributed.clone(), label), SCHEMA, "/States/A/Label");
    }
    let at = "/States/A/ItemProcessor/ProcessorConfig";
    has(&map(json!({ "Mode": "DISTRIBUTE", "ExecutionType": "STANDARD" }), "l"), SCHEMA, &format!("{at}/Mode"));
    has(&map(json!({ "Mode": "DISTRIBUTED", "ExecutionType": "FAST" }), "l"), SCHEMA, &format!("{at}/ExecutionType"));
    has(&map(json!({ "Mode": "DISTRIBUTED" }), "l"), SCHEMA, at);
    let task = |field: &str, value: Value| {
        let mut task = json!({ "Type": "Task", "Resource": "r", "TimeoutSeconds": 10, "End": true });
        task[field] = value;
        machine(json!({ "A": task }))
    };
    has(&task("HeartbeatSeconds", json!(10)), SCHEMA, "/States/A/HeartbeatSeconds");
    refused(&task("HeartbeatSeconds", json!(9)), &[]);
    has(&task("Credentials", json!("arn:aws:iam::111111111111:role/r")), SCHEMA, "/States/A/Credentials");
    has(&task("Parameters", json!({ "a": { "x": 1, "x.$": "$.x" } })), SCHEMA, "/States/A/Parameters/a");
    let both = json!({ "x": 1, "x.$": "$.x" });
    has(&task("Credentials", json!({ "RoleArn": "r", "RoleArn.$": "$.r" })), SCHEMA, "/States/A/Credentials");
    let catch = json!([{ "ErrorEquals": ["x"], "Next": "A", "Assign": both }]);
    has(&task("Catch", catch), SCHEMA, "/States/A/Catch[0]/Assign");
    has(&task("ItemBatcher", json!({ "BatchInput": both })), SCHEMA, "/States/A/ItemBatcher/BatchInput");
    has(&task("ItemReader", json!({ "Parameters": both })), SCHEMA, "/States/A/ItemReader/Parameters");
    let mut odd = machine(json!({ "A": { "Type": "Pass", "End": true } }));
    odd["QueryLanguage"] = json!(1);
    has(&odd, SCHEMA, "/QueryLanguage");
}

#[test]
fn all_that_is_missing_is_one_problem() {
    refused(&json!({}), &[(SCHEMA, "/", "These fields are required: [StartAt, States]")]);
    let empty = machine(json!({ "A": { "Type": "Parallel", "Branches": [], "End": true } }));
    refused(&empty, &[(SCHEMA, "/States/A/Branches", "Value cannot be empty")]);
}

#[test]
fn results_may_be_written_in_other_forms() {
    let writer = |writer: Value| {
        let processor = json!({
            "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" },
            "StartAt": "I", "States": { "I": { "Type": "Pass", "End": true } }
        });
        machine(json!({ "A": { "Type": "Map", "ItemProcessor": processor, "ResultWriter": writer, "End": true } }))
    };
    let s3 = "arn:aws:states:::s3:putObject";
    for config in [json!({ "Transformation": "FLATTEN", "OutputType": "JSONL" }), json!({ "Transformation": "NONE" })] {
        refused(&writer(json!({ "WriterConfig": config })), &[]);
        refused(&writer(json!({ "Resource": s3, "Parameters": { "Bucket": "b" }, "WriterConfig": config })), &[]);
    }
    has(&writer(json!({})), SCHEMA, "/States/A/ResultWriter");
    let wrong = writer(json!({ "WriterConfig": { "Transformation": "SQUASH" } }));
    has(&wrong, SCHEMA, "/States/A/ResultWriter/WriterConfig/Transformation");
}

#[test]
fn an_integration_is_called_in_a_way_that_it_has() {
    let recognized =
        |resource: &str| crate::step::Resource::parse(&format!("arn:aws:states:::{resource}")).is_recognized();
    for resource in [
        "lambda:invoke.waitForTaskToken",
        "batch:submitJob.sync",
        "ecs:runTask.waitForTaskToken",
        "states:startExecution.sync:2",
        "aws-sdk:s3:getObject.waitForTaskToken",
        "bedrockagentcore:invokeHarness",
        "of2027:doSomething.sync",
    ] {
        assert!(recognized(resource), "{resource}");
    }
    for resource in [
        "lambda:invoke.sync",
        "sqs:sendMessage.sync",
        "dynamodb:getItem.waitForTaskToken",
        "glue:startJobRun.waitForTaskToken",
        "batch:submitJob.sync:2",
        "aws-sdk:batch:submitJob.sync",
    ] {
        assert!(!recognized(resource), "{resource}");
    }
}

#[test]
fn items_are_read_and_results_written_by_actions_of_s3_with_arguments() {
    let map = |field: &str, value: Value| {
        let processor = json!({
            "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" },
            "StartAt": "I", "States": { "I": { "Type": "Pass", "End": true } },
        });
        let mut map = json!({ "Type": "Map", "ItemProcessor": processor, "End": true });
        map[field] = value;
        machine(json!({ "A": map }))
    };
    let s3 =
        |action: &str| json!({ "Resource": format!("arn:aws:states:::s3:{action}"), "Parameters": { "Bucket": "b" } });
    refused(&map("ItemReader", s3("getObject")), &[]);
    refused(&map("ItemReader", s3("listObjectsV2")), &[]);
    refused(&map("ResultWriter", s3("putObject")), &[]);
    has(&map("ItemReader", s3("putObject")), SCHEMA, "/States/A/ItemReader/Resource");
    has(&map("ResultWriter", s3("getObject")), SCHEMA, "/States/A/ResultWriter/Resource");
    for (field, action) in [("ItemReader", "getObject"), ("ResultWriter", "putObject")] {
        let bare = json!({ "Resource": format!("arn:aws:states:::s3:{action}") });
        let required = "These fields are required: [Parameters]";
        refused(&map(field, bare), &[(SCHEMA, &format!("/States/A/{field}"), required)]);
    }
}

#[test]
fn an_express_machine_or_child_neither_waits_for_long_nor_has_children() {
    let refused_as_express = |definition: &Value, express: bool| -> Vec<String> {
        let found = check_as(definition, express, &|_| true).into_iter();
        found.filter(|problem| problem.severity == Severity::Error).map(|problem| problem.location).collect()
    };
    let map = |kind: &str, inner: Value| {
        let processor = json!({
            "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": kind }, "StartAt": "I", "States": { "I": inner },
        });
        machine(json!({ "A": { "Type": "Map", "ItemProcessor": processor, "End": true } }))
    };
    let waits =
        json!({ "Type": "Task", "Resource": "arn:aws:states:::ecs:runTask.sync", "TimeoutSeconds": 9, "End": true });
    let pass = json!({ "Type": "Pass", "End": true });
    assert_eq!(refused_as_express(&map("STANDARD", waits.clone()), false), [""; 0]);
    let inner = "/States/A/ItemProcessor/States/I/Resource";
    assert_eq!(refused_as_express(&map("EXPRESS", waits), false), [inner]);
    let mode = "/States/A/ItemProcessor/ProcessorConfig/Mode";
    assert_eq!(refused_as_express(&map("EXPRESS", pass), true), [mode]);
}

#[test]
fn a_retrier_waits_less_than_a_year_and_a_day() {
    let task = |seconds: u64| {
        let rule = json!({ "ErrorEquals": ["E"], "MaxDelaySeconds": seconds });
        machine(json!({ "A": { "Type": "Task", "Resource": "r", "Retry": [rule], "End": true } }))
    };
    refused(&task(31_622_399), &[]);
    has(&task(31_622_400), SCHEMA, "/States/A/Retry[0]/MaxDelaySeconds");
}
