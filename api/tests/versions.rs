//! A version never changes, and a number is never reused.

use serde_json::json;

use super::*;

async fn publish(world: &World, machine: &str) -> String {
    let response = world.ask("PublishStateMachineVersion", json!({ "stateMachineArn": machine })).await;
    text(&response["stateMachineVersionArn"])
}

async fn update(world: &World, machine: &str, result: u64) {
    let mut definition = pass();
    definition["States"]["A"]["Result"] = json!(result);
    let request = json!({ "stateMachineArn": machine, "definition": definition.to_string() });
    world.ask("UpdateStateMachine", request).await;
}

#[tokio::test]
async fn a_version_stays_as_it_was_published() {
    let world = World::new();
    let machine = world.machine("m", &pass()).await;
    let version = publish(&world, &machine).await;
    assert_eq!(version, format!("{machine}:1"));
    update(&world, &machine, 2).await;
    let response = world.ask("DescribeStateMachine", json!({ "stateMachineArn": version })).await;
    assert_eq!((&response["definition"], &response["stateMachineArn"]), (&json!(pass().to_string()), &json!(version)));
    let execution = world.start(&version, "e").await;
    let ended = world.ended(&execution).await;
    assert_eq!((&ended["output"], &ended["stateMachineVersionArn"]), (&json!(r#"{"n":1}"#), &json!(version)));
}

#[tokio::test]
async fn one_revision_has_one_version() {
    let world = World::new();
    let machine = world.machine("m", &pass()).await;
    assert_eq!(publish(&world, &machine).await, publish(&world, &machine).await);
    let request = json!({ "stateMachineArn": machine, "definition": pass().to_string(), "publish": true });
    let response = world.ask("UpdateStateMachine", request).await;
    assert_eq!(response["stateMachineVersionArn"], format!("{machine}:1"), "nothing was changed");
}

#[tokio::test]
async fn no_number_is_given_twice() {
    let world = World::new();
    let machine = world.machine("m", &pass()).await;
    publish(&world, &machine).await;
    update(&world, &machine, 2).await;
    let second = publish(&world, &machine).await;
    for _ in 0..2 {
        world.ask("DeleteStateMachineVersion", json!({ "stateMachineVersionArn": second })).await;
    }
    assert_eq!(publish(&world, &machine).await, format!("{machine}:3"));
    let response = world.ask("ListStateMachineVersions", json!({ "stateMachineArn": machine })).await;
    let listed = response["stateMachineVersions"].as_array().unwrap();
    let listed: Vec<String> = listed.iter().map(|version| text(&version["stateMachineVersionArn"])).collect();
    assert_eq!(listed, [format!("{machine}:3"), format!("{machine}:1")], "the last one first");
}

#[tokio::test]
async fn a_revision_that_somebody_has_replaced_is_not_published() {
    let world = World::new();
    let machine = world.machine("m", &pass()).await;
    update(&world, &machine, 2).await;
    let response = world.ask("DescribeStateMachine", json!({ "stateMachineArn": machine })).await;
    let revision = text(&response["revisionId"]);
    update(&world, &machine, 3).await;
    let request = json!({ "stateMachineArn": machine, "revisionId": revision });
    let (kind, message) = world.refused("PublishStateMachineVersion", request).await;
    assert_eq!(kind, "ConflictException");
    assert!(message.starts_with(&format!("Failed to publish the State Machine version for revision {revision}.")));
}

#[tokio::test]
async fn a_description_needs_a_version() {
    let world = World::new();
    let mut request =
        json!({ "name": "m", "definition": pass().to_string(), "roleArn": ROLE, "versionDescription": "first" });
    let message = "Version description can only be set when publish is true";
    let refused = world.refused("CreateStateMachine", request.clone()).await;
    assert_eq!(refused, pair("ValidationException", message));
    request["publish"] = json!(true);
    let version = world.ask("CreateStateMachine", request).await["stateMachineVersionArn"].clone();
    let response = world.ask("DescribeStateMachine", json!({ "stateMachineArn": version })).await;
    assert_eq!(response["description"], "first");
}

#[tokio::test]
async fn versions_and_aliases_end_at_their_quotas_and_deleting_makes_room() {
    let world = World::new();
    let machine = world.machine("m", &pass()).await;
    let update = |number: u64| {
        let definition =
            json!({ "Comment": number.to_string(), "StartAt": "A", "States": { "A": { "Type": "Succeed" } } });
        json!({ "stateMachineArn": machine, "definition": definition.to_string(), "publish": true })
    };
    for number in 1..=1_000 {
        world.ask("UpdateStateMachine", update(number)).await;
    }
    let before = world.ask("DescribeStateMachine", json!({ "stateMachineArn": machine })).await;
    let fault = world.try_ask("UpdateStateMachine", update(1_001)).await.unwrap_err();
    assert_eq!((fault.kind, fault.http_status()), ("ServiceQuotaExceededException", 402));
    let after = world.ask("DescribeStateMachine", json!({ "stateMachineArn": machine })).await;
    assert_eq!(after, before, "a refused update changes nothing");
    world.ask("DeleteStateMachineVersion", json!({ "stateMachineVersionArn": format!("{machine}:1") })).await;
    let published = world.ask("UpdateStateMachine", update(1_001)).await;
    assert_eq!(published["stateMachineVersionArn"], format!("{machine}:1001"));
    let routes = json!([{ "stateMachineVersionArn": format!("{machine}:2"), "weight": 100 }]);
    let alias = |number: u64| json!({ "name": format!("a-{number}"), "routingConfiguration": routes });
    for number in 1..=100 {
        world.ask("CreateStateMachineAlias", alias(number)).await;
    }
    world.ask("CreateStateMachineAlias", alias(100)).await;
    assert_eq!(world.refused("CreateStateMachineAlias", alias(101)).await.0, "ServiceQuotaExceededException");
}
