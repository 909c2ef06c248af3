//! Requests that AWS refuses are refused with AWS's errors.

use serde_json::json;

use super::*;

#[tokio::test]
async fn every_violation_is_reported_at_once() {
    let world = World::new();
    let request = json!({ "name": "n".repeat(81), "definition": "", "type": "SLOW" });
    let (kind, message) = world.refused("CreateStateMachine", request).await;
    assert_eq!(kind, "ValidationException");
    let response: Vec<&str> = message.split("; ").collect();
    let name = "n".repeat(81);
    assert_eq!(
        response,
        [
            format!(
                "4 validation errors detected: Value '{name}' at 'name' failed to satisfy constraint: \
                 Member must have length less than or equal to 80"
            )
            .as_str(),
            "Value at 'definition' failed to satisfy constraint: Member must have length greater than or equal to 1",
            "Value null at 'roleArn' failed to satisfy constraint: Member must not be null",
            "Value 'SLOW' at 'type' failed to satisfy constraint: Member must satisfy enum value set: [STANDARD, EXPRESS]",
        ]
    );
}

#[tokio::test]
async fn a_refusal_repeats_no_data_that_may_be_secret() {
    let world = World::new();
    let machine = world.machine("m", &pass()).await;
    let secret = format!("\"{}\"", "hunter2".repeat(40_000));
    let (kind, message) = world.refused("StartExecution", json!({ "stateMachineArn": machine, "input": secret })).await;
    assert_eq!(kind, "ValidationException");
    assert!(!message.contains("hunter2"), "{message}");
}

#[tokio::test]
async fn a_list_of_too_many_is_shown_as_the_model_names_its_items() {
    let world = World::new();
    let route = json!({ "stateMachineVersionArn": "arn:v", "weight": 1 });
    let request = json!({ "name": "a", "routingConfiguration": [route, route, route] });
    let item = "RoutingConfigurationListItem(stateMachineVersionArn=arn:v, weight=1)";
    let message = format!(
        "1 validation error detected: Value '[{item}, {item}, {item}]' at 'routingConfiguration' failed to satisfy \
         constraint: Member must have length less than or equal to 2"
    );
    assert_eq!(world.refused("CreateStateMachineAlias", request).await, pair("ValidationException", &message));
}

#[tokio::test]
async fn an_item_of_a_list_is_counted_from_one() {
    let world = World::new();
    let tags = json!([{ "key": "good", "value": "v" }, { "key": "", "value": "v" }]);
    let (kind, message) = world.refused("CreateActivity", json!({ "name": "a", "tags": tags })).await;
    assert_eq!(kind, "ValidationException");
    assert!(message.contains("Value '' at 'tags.2.member.key'"), "{message}");
}

#[tokio::test]
async fn a_member_of_another_kind_is_no_violation_but_a_request_nobody_can_read() {
    let world = World::new();
    for request in [json!({ "name": 5 }), json!({ "name": {} }), json!({ "name": [] }), json!([])] {
        let (kind, _) = world.refused("CreateActivity", request.clone()).await;
        assert_eq!(kind, "SerializationException", "{request}");
    }
    let broken = world.api.call("CreateActivity", b"{").await.unwrap_err();
    assert_eq!(broken.kind, "SerializationException");
}

#[tokio::test]
async fn a_member_that_is_null_or_unknown_is_as_one_that_is_absent() {
    let world = World::new();
    let request = json!({ "name": "a", "tags": null, "surprise": { "x": 1 } });
    assert_eq!(world.ask("CreateActivity", request).await["activityArn"], format!("{PREFIX}:activity:a"));
    assert_eq!(world.api.call("ListActivities", b"").await.unwrap()["activities"][0]["name"], "a");
}

#[tokio::test]
async fn every_operation_that_requires_something_says_so() {
    let world = World::new();
    for (operation, member) in [
        ("DescribeStateMachine", "stateMachineArn"),
        ("DescribeExecution", "executionArn"),
        ("GetExecutionHistory", "executionArn"),
        ("StopExecution", "executionArn"),
        ("RedriveExecution", "executionArn"),
        ("DescribeActivity", "activityArn"),
        ("ListTagsForResource", "resourceArn"),
        ("DescribeStateMachineAlias", "stateMachineAliasArn"),
        ("DeleteStateMachineVersion", "stateMachineVersionArn"),
        ("SendTaskHeartbeat", "taskToken"),
        ("DescribeMapRun", "mapRunArn"),
        ("TestState", "definition"),
        ("ValidateStateMachineDefinition", "definition"),
    ] {
        let message = format!(
            "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
        );
        assert_eq!(world.refused(operation, json!({})).await, pair("ValidationException", &message), "{operation}");
    }
}

#[tokio::test]
async fn an_operation_that_does_not_exist_is_an_error() {
    let world = World::new();
    let (kind, message) = world.refused("MakeCoffee", json!({})).await;
    assert_eq!(kind, "UnknownOperationException");
    assert!(message.contains("MakeCoffee"), "{message}");
}

#[tokio::test]
async fn an_arn_of_another_kind_finds_nothing_by_accident() {
    let world = World::new();
    let machine = world.machine("m", &pass()).await;
    let wrong =
        |kind: &str| pair("InvalidArn", &format!("Invalid Arn: 'Resource type not valid in this context: {kind}'"));
    assert_eq!(world.refused("DescribeExecution", json!({ "executionArn": machine })).await, wrong("stateMachine"));
    assert_eq!(world.refused("DescribeActivity", json!({ "activityArn": machine })).await, wrong("stateMachine"));
    let execution = world.start(&machine, "e").await;
    assert_eq!(world.refused("StartExecution", json!({ "stateMachineArn": execution })).await, wrong("execution"));
    let message = "Invalid Arn: 'Invalid ARN prefix: not_a_valid_arn'";
    let request = json!({ "stateMachineArn": "not_a_valid_arn" });
    assert_eq!(world.refused("DescribeStateMachine", request).await, pair("InvalidArn", message));
}
