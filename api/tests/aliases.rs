//! An alias runs the versions that its routes name.

use serde_json::json;

use super::*;

/// A state machine with two versions.
async fn two_versions(world: &World) -> String {
    let request = json!({ "name": "m", "definition": pass().to_string(), "roleArn": ROLE, "publish": true });
    let machine = text(&world.ask("CreateStateMachine", request).await["stateMachineArn"]);
    let mut second = pass();
    second["States"]["A"]["Result"] = json!(2);
    let request = json!({ "stateMachineArn": machine, "definition": second.to_string(), "publish": true });
    world.ask("UpdateStateMachine", request).await;
    machine
}

fn route(machine: &str, version: u64, weight: i64) -> Value {
    json!({ "stateMachineVersionArn": format!("{machine}:{version}"), "weight": weight })
}

#[tokio::test]
async fn all_of_the_weight_goes_where_it_was_sent() {
    let world = World::new();
    let machine = two_versions(&world).await;
    let routes = json!([route(&machine, 1, 0), route(&machine, 2, 100)]);
    let alias = world.ask("CreateStateMachineAlias", json!({ "name": "LIVE", "routingConfiguration": routes })).await;
    let alias = text(&alias["stateMachineAliasArn"]);
    for n in 0..20 {
        let execution = world.start(&alias, &format!("e{n}")).await;
        let ended = world.ended(&execution).await;
        assert_eq!(ended["stateMachineVersionArn"], format!("{machine}:2"));
        assert_eq!((&ended["stateMachineAliasArn"], &ended["output"]), (&json!(alias), &json!("2")));
    }
    let listed = world.ask("ListExecutions", json!({ "stateMachineArn": alias })).await;
    assert_eq!(listed["executions"].as_array().unwrap().len(), 20);
    let listed = world.ask("ListExecutions", json!({ "stateMachineArn": format!("{machine}:1") })).await;
    assert_eq!(listed["executions"], json!([]));
}

#[tokio::test]
async fn routes_that_lead_nowhere_are_refused() {
    let world = World::new();
    let machine = two_versions(&world).await;
    let versions = "Routing configuration must contain state machine version ARNs. Received: ";
    for (routes, kind, message) in [
        (
            json!([route(&machine, 1, 70), route(&machine, 2, 29)]),
            "ValidationException",
            "Sum of routing configuration weights must equal 100. Received: [70, 29]".to_owned(),
        ),
        (
            json!([route(&machine, 1, 50), route(&machine, 1, 50)]),
            "ValidationException",
            format!(
                "Routing configuration must contain distinct state machine version ARNs. Received: [{machine}:1, {machine}:1]"
            ),
        ),
        (
            json!([{ "stateMachineVersionArn": machine, "weight": 100 }]),
            "ValidationException",
            format!("{versions}[{machine}]"),
        ),
        (
            json!([route(&machine, 9, 100)]),
            "ResourceNotFound",
            "Request references a resource that does not exist.".to_owned(),
        ),
    ] {
        let request = json!({ "name": "LIVE", "routingConfiguration": routes });
        assert_eq!(world.refused("CreateStateMachineAlias", request).await, pair(kind, &message));
    }
}

#[tokio::test]
async fn a_name_that_could_be_a_version_is_refused() {
    let world = World::new();
    let machine = two_versions(&world).await;
    for name in ["123", "IN VALID", "!", "ALIAS@"] {
        let request = json!({ "name": name, "routingConfiguration": [route(&machine, 1, 100)] });
        let message = format!(
            "1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: \
             Member must satisfy regular expression pattern: ^(?=.*[a-zA-Z_\\-\\.])[a-zA-Z0-9_\\-\\.]+$"
        );
        assert_eq!(world.refused("CreateStateMachineAlias", request).await, pair("ValidationException", &message));
    }
}

#[tokio::test]
async fn a_repeated_creation_is_the_same_alias_and_another_is_a_conflict() {
    let world = World::new();
    let machine = two_versions(&world).await;
    let request = json!({ "name": "LIVE", "routingConfiguration": [route(&machine, 1, 100)] });
    let first = world.ask("CreateStateMachineAlias", request.clone()).await;
    assert_eq!(world.ask("CreateStateMachineAlias", request.clone()).await, first);
    for (member, value) in [("description", json!("d")), ("routingConfiguration", json!([route(&machine, 2, 100)]))] {
        let mut other = request.clone();
        other[member] = value;
        assert_eq!(world.refused("CreateStateMachineAlias", other).await.0, "ConflictException", "{member}");
    }
}

#[tokio::test]
async fn a_version_that_an_alias_runs_is_not_deleted() {
    let world = World::new();
    let machine = two_versions(&world).await;
    let request = json!({ "name": "LIVE", "routingConfiguration": [route(&machine, 1, 100)] });
    let alias = world.ask("CreateStateMachineAlias", request).await["stateMachineAliasArn"].clone();
    let delete = json!({ "stateMachineVersionArn": format!("{machine}:1") });
    let message = "Version to be deleted must not be referenced by an alias. \
                   Current list of aliases referencing this version: [LIVE]";
    assert_eq!(world.refused("DeleteStateMachineVersion", delete.clone()).await, pair("ConflictException", message));
    let request = json!({ "stateMachineAliasArn": alias, "routingConfiguration": [route(&machine, 2, 100)] });
    world.ask("UpdateStateMachineAlias", request).await;
    world.ask("DeleteStateMachineVersion", delete).await;
}

#[tokio::test]
async fn what_is_not_updated_stays() {
    let world = World::new();
    let machine = two_versions(&world).await;
    let routes = json!([route(&machine, 1, 40), route(&machine, 2, 60)]);
    let request = json!({ "name": "LIVE", "description": "first", "routingConfiguration": routes });
    let alias = world.ask("CreateStateMachineAlias", request).await["stateMachineAliasArn"].clone();
    world.ask("UpdateStateMachineAlias", json!({ "stateMachineAliasArn": alias, "description": "second" })).await;
    let response = world.ask("DescribeStateMachineAlias", json!({ "stateMachineAliasArn": alias })).await;
    assert_eq!((&response["description"], &response["routingConfiguration"]), (&json!("second"), &routes));
    let listed = world.ask("ListStateMachineAliases", json!({ "stateMachineArn": format!("{machine}:2") })).await;
    assert_eq!(listed["stateMachineAliases"][0]["stateMachineAliasArn"], alias);
}

#[tokio::test]
async fn a_deleted_alias_starts_nothing() {
    let world = World::new();
    let machine = two_versions(&world).await;
    let request = json!({ "name": "LIVE", "routingConfiguration": [route(&machine, 1, 100)] });
    let alias = world.ask("CreateStateMachineAlias", request).await["stateMachineAliasArn"].clone();
    for _ in 0..2 {
        world.ask("DeleteStateMachineAlias", json!({ "stateMachineAliasArn": alias })).await;
    }
    let (kind, _) = world.refused("StartExecution", json!({ "stateMachineArn": alias })).await;
    assert_eq!(kind, "StateMachineDoesNotExist");
    let message = "Request references a resource that does not exist.";
    let request = json!({ "stateMachineAliasArn": alias, "description": "late" });
    assert_eq!(world.refused("UpdateStateMachineAlias", request).await, pair("ResourceNotFound", message));
}
