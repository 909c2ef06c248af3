//! The pages of a list contain every item once, and end.

use serde_json::json;

use super::*;

/// The names in all pages of a list.
async fn names(world: &World, operation: &str, list: &str, mut request: Value) -> Vec<String> {
    let mut names = Vec::new();
    loop {
        let page = world.ask(operation, request.clone()).await;
        names.extend(page[list].as_array().unwrap().iter().map(|item| text(&item["name"])));
        let Some(token) = page.get("nextToken") else { return names };
        request["nextToken"] = token.clone();
    }
}

#[tokio::test]
async fn state_machines_and_activities_come_by_name() {
    let world = World::new();
    for name in ["m_10_x", "m_1_x", "m_2_x", "m_0_x"] {
        world.machine(name, &pass()).await;
        world.ask("CreateActivity", json!({ "name": name })).await;
    }
    for (operation, list) in [("ListStateMachines", "stateMachines"), ("ListActivities", "activities")] {
        let listed = names(&world, operation, list, json!({ "maxResults": 3 })).await;
        assert_eq!(listed, ["m_0_x", "m_10_x", "m_1_x", "m_2_x"], "{operation}");
    }
}

#[tokio::test]
async fn executions_come_with_the_latest_first() {
    let world = World::new();
    let machine = world.machine("m", &pass()).await;
    let mut expected = Vec::new();
    for n in 0..13 {
        let name = format!("e{n}");
        let execution = world.start(&machine, &name).await;
        world.ended(&execution).await;
        expected.insert(0, name);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let other = world.machine("m2", &pass()).await;
    world.start(&other, "e").await;
    let request = json!({ "stateMachineArn": machine, "maxResults": 5 });
    assert_eq!(names(&world, "ListExecutions", "executions", request).await, expected);
}

#[tokio::test]
async fn a_filter_shows_what_it_names_and_nothing_else() {
    let world = World::new();
    let machine = world.machine("m", &task("flow:test:repaired")).await;
    let failed = world.start(&machine, "failed").await;
    world.ended(&failed).await;
    let redriven = world.start(&machine, "redriven").await;
    world.ended(&redriven).await;
    world.repair();
    world.ask("RedriveExecution", json!({ "executionArn": redriven })).await;
    world.ended(&redriven).await;
    for (filter, value, expected) in [
        ("statusFilter", "FAILED", vec!["failed"]),
        ("statusFilter", "SUCCEEDED", vec!["redriven"]),
        ("statusFilter", "RUNNING", vec![]),
        ("redriveFilter", "REDRIVEN", vec!["redriven"]),
        ("redriveFilter", "NOT_REDRIVEN", vec!["failed"]),
    ] {
        let request = json!({ "stateMachineArn": machine, filter: value });
        let listed = names(&world, "ListExecutions", "executions", request).await;
        assert_eq!(listed, expected, "{filter} {value}");
    }
    let (kind, message) =
        world.refused("ListExecutions", json!({ "stateMachineArn": machine, "statusFilter": "succeeded" })).await;
    assert_eq!(kind, "ValidationException");
    let statuses = "enum value set: [SUCCEEDED, TIMED_OUT, PENDING_REDRIVE, ABORTED, FAILED, RUNNING]";
    assert!(message.ends_with(statuses), "{message}");
}

#[tokio::test]
async fn what_is_deleted_between_two_pages_shifts_nothing() {
    let world = World::new();
    for name in ["a", "b", "c", "d"] {
        world.machine(name, &pass()).await;
    }
    let page = world.ask("ListStateMachines", json!({ "maxResults": 2 })).await;
    world.ask("DeleteStateMachine", json!({ "stateMachineArn": format!("{PREFIX}:stateMachine:a") })).await;
    world.ask("DeleteStateMachine", json!({ "stateMachineArn": format!("{PREFIX}:stateMachine:b") })).await;
    let request = json!({ "maxResults": 2, "nextToken": page["nextToken"] });
    let page = world.ask("ListStateMachines", request).await;
    assert_eq!((&page["stateMachines"][0]["name"], page.get("nextToken")), (&json!("c"), None));
}

#[tokio::test]
async fn a_page_has_its_limits() {
    let world = World::new();
    let (kind, message) = world.refused("ListStateMachines", json!({ "maxResults": 1001 })).await;
    let expected = "1 validation error detected: Value '1001' at 'maxResults' failed to satisfy constraint: \
                    Member must have value less than or equal to 1000";
    assert_eq!((kind.as_str(), message.as_str()), ("ValidationException", expected));
    let long = "t".repeat(1_025);
    assert_eq!(world.refused("ListStateMachines", json!({ "nextToken": long })).await.0, "ValidationException");
    let refused = world.refused("ListStateMachines", json!({ "nextToken": "garbage" })).await;
    assert_eq!(refused, pair("InvalidToken", "Invalid Token: 'Invalid token'"));
    for n in 0..101 {
        world.ask("CreateActivity", json!({ "name": format!("a{n}") })).await;
    }
    let page = world.ask("ListActivities", json!({ "maxResults": 0 })).await;
    assert_eq!(page["activities"].as_array().unwrap().len(), 100, "the default is 100");
}

#[tokio::test]
async fn executions_of_nothing_are_refused() {
    let world = World::new();
    let arn = format!("{PREFIX}:stateMachine:none");
    let missing = format!("State Machine Does Not Exist: '{arn}'");
    let refused = world.refused("ListExecutions", json!({ "stateMachineArn": arn })).await;
    assert_eq!(refused, pair("StateMachineDoesNotExist", &missing));
    assert_eq!(world.refused("ListExecutions", json!({})).await.0, "ValidationException");
}
