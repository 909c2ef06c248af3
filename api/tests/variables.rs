//! The reported references to a variable are complete: an author can rely on them before removing it.

use serde_json::json;

use super::*;
use crate::variables::references;

fn response(states: Value) -> Value {
    Value::Object(references(&json!({ "StartAt": "A", "States": states }).to_string()))
}

#[test]
fn paths_templates_and_functions_refer_to_variables() {
    let states = json!({
        "A": { "Type": "Pass", "Assign": { "a": "$literal", "b.$": "$.input" }, "Result": { "c.$": "$data" }, "Next": "B" },
        "B": { "Type": "Choice", "Choices": [{ "Variable": "$guess", "StringEqualsPath": "$answer", "Next": "C" }] },
        "C": { "Type": "Wait", "SecondsPath": "$wait_time", "Next": "D" },
        "D": { "Type": "Pass", "Parameters": { "x.$": "States.Format('not $this {}', $place.name, $$.State.Name)" },
            "InputPath": "$all[0]", "Next": "E" },
        "E": { "Type": "Map", "ItemsPath": "$items", "ItemProcessor": { "StartAt": "F", "States": {
            "F": { "Type": "Pass", "Parameters": { "q.$": "$question" }, "End": true } } }, "Next": "G" },
        "G": { "Type": "Fail", "CausePath": "$causeVar", "ErrorPath": "$errorVar" },
    });
    let expected = json!({ "B": ["answer", "guess"], "C": ["wait_time"], "D": ["all", "place"], "E": ["items"],
        "F": ["question"], "G": ["causeVar", "errorVar"] });
    assert_eq!(response(states), expected);
}

#[test]
fn functions_and_what_an_expression_binds_itself_are_no_variables() {
    let expression =
        "{% ( $x := 1; $sum($map($list, function($v, $i) { $v + $i + $x })) & 'no $quote' & $states.input ) %}";
    let states = json!({
        "A": { "Type": "Pass", "QueryLanguage": "JSONata", "Output": { "o": expression, "plain": "$nothing" }, "End": true },
    });
    assert_eq!(response(states), json!({ "A": ["list"] }));
}

#[test]
fn a_state_inside_has_the_language_of_the_definition_not_of_the_state_around_it() {
    let inside = json!({ "F": { "Type": "Pass", "Parameters": { "q.$": "$question" }, "End": true } });
    let states = json!({
        "A": { "Type": "Map", "QueryLanguage": "JSONata", "Items": "{% $list %}", "End": true,
            "ItemProcessor": { "StartAt": "F", "States": inside } },
    });
    assert_eq!(response(states), json!({ "A": ["list"], "F": ["question"] }));
}

#[tokio::test]
async fn a_description_has_them_only_where_there_are_any() {
    let world = World::new();
    let machine = world.machine("plain", &pass()).await;
    let description = world.ask("DescribeStateMachine", json!({ "stateMachineArn": machine })).await;
    assert_eq!(description.get("variableReferences"), None);
    let definition = json!({ "StartAt": "A", "States": {
        "A": { "Type": "Pass", "Assign": { "n": 1 }, "Next": "B" },
        "B": { "Type": "Pass", "Parameters": { "n.$": "$n" }, "End": true },
    } });
    let machine = world.machine("m", &definition).await;
    let description = world.ask("DescribeStateMachine", json!({ "stateMachineArn": machine })).await;
    assert_eq!(description["variableReferences"], json!({ "B": ["n"] }));
    let execution = world.start(&machine, "e").await;
    let description = world.ask("DescribeStateMachineForExecution", json!({ "executionArn": execution })).await;
    assert_eq!(description["variableReferences"], json!({ "B": ["n"] }));
}
