//! A history is complete and has AWS's shapes.

use serde_json::json;

use super::*;

#[tokio::test]
async fn a_pass_leaves_the_events_that_aws_has() {
    let world = World::new();
    let machine = world.machine("m", &pass()).await;
    let execution = world.start(&machine, "e").await;
    world.ended(&execution).await;
    let mut events = world.history(&execution).await;
    for event in &mut events {
        assert!(event["timestamp"].is_f64());
        event.as_object_mut().unwrap().shift_remove("timestamp");
    }
    let not_truncated = json!({ "truncated": false });
    let expected = json!([
        { "id": 1, "previousEventId": 0, "type": "ExecutionStarted",
            "executionStartedEventDetails": { "input": "{}", "inputDetails": not_truncated, "roleArn": ROLE } },
        { "id": 2, "previousEventId": 0, "type": "PassStateEntered",
            "stateEnteredEventDetails": { "name": "A", "input": "{}", "inputDetails": not_truncated } },
        { "id": 3, "previousEventId": 2, "type": "PassStateExited",
            "stateExitedEventDetails": { "name": "A", "output": r#"{"n":1}"#, "outputDetails": not_truncated } },
        { "id": 4, "previousEventId": 3, "type": "ExecutionSucceeded",
            "executionSucceededEventDetails": { "output": r#"{"n":1}"#, "outputDetails": not_truncated } },
    ]);
    assert_eq!(Value::Array(events), expected);
}

#[tokio::test]
async fn pages_put_together_are_the_history_in_both_directions() {
    let world = World::new();
    let machine = world.machine("m", &task("flow:test:repaired")).await;
    let execution = world.start(&machine, "e").await;
    world.ended(&execution).await;
    let all = world.history(&execution).await;
    assert!(all.len() > 4);
    for reverse in [false, true] {
        let mut events = Vec::new();
        let mut request = json!({ "executionArn": execution, "maxResults": 2, "reverseOrder": reverse });
        loop {
            let page = world.ask("GetExecutionHistory", request.clone()).await;
            let shown = page["events"].as_array().unwrap();
            assert!(!shown.is_empty() && shown.len() <= 2);
            events.extend(shown.clone());
            let Some(token) = page.get("nextToken") else { break };
            request["nextToken"] = token.clone();
        }
        if reverse {
            events.reverse();
        }
        assert_eq!(events, all);
    }
}

#[tokio::test]
async fn a_page_of_long_inputs_ends_after_a_megabyte() {
    let world = World::new();
    let machine = world.machine("m", &chain_of_passes(8)).await;
    let input = json!({ "text": "x".repeat(200_000) }).to_string();
    let request = json!({ "stateMachineArn": machine, "name": "e", "input": input });
    let execution = text(&world.ask("StartExecution", request).await["executionArn"]);
    world.ended(&execution).await;
    for reverse in [false, true] {
        let mut request = json!({ "executionArn": execution, "maxResults": 1_000, "reverseOrder": reverse });
        let (mut ids, mut pages) = (Vec::new(), 0);
        loop {
            let page = world.ask("GetExecutionHistory", request.clone()).await;
            assert!(page.to_string().len() < 1_300_000, "a page of {} bytes", page.to_string().len());
            ids.extend(page["events"].as_array().unwrap().iter().map(|event| event["id"].as_u64().unwrap()));
            pages += 1;
            let Some(token) = page.get("nextToken") else { break };
            request["nextToken"] = token.clone();
        }
        if reverse {
            ids.reverse();
        }
        assert!(pages > 3 && ids.iter().copied().eq(1..=18), "{pages} pages: {ids:?}");
    }
}

/// A definition of so many Pass states that change nothing.
fn chain_of_passes(count: usize) -> Value {
    let state = |number: usize| match number == count {
        true => json!({ "Type": "Pass", "End": true }),
        false => json!({ "Type": "Pass", "Next": format!("P{}", number + 1) }),
    };
    let states: serde_json::Map<String, Value> =
        (1..=count).map(|number| (format!("P{number}"), state(number))).collect();
    json!({ "StartAt": "P1", "States": states })
}

#[tokio::test]
async fn without_data_there_is_none_in_any_event() {
    let world = World::new();
    let machine = world.machine("m", &task("flow:test:echo")).await;
    let request = json!({ "stateMachineArn": machine, "name": "e", "input": r#"{"password":"hunter2"}"# });
    let execution = text(&world.ask("StartExecution", request).await["executionArn"]);
    world.ended(&execution).await;
    let request = json!({ "executionArn": execution, "includeExecutionData": false });
    let response = world.ask("GetExecutionHistory", request).await;
    assert_eq!(response["events"].as_array().unwrap().len(), world.history(&execution).await.len());
    assert!(!response.to_string().contains("hunter2"), "{response}");
}

#[tokio::test]
async fn an_event_about_nothing_has_its_details_all_the_same() {
    let world = World::new();
    let machine = world.machine("m", &wait()).await;
    let execution = world.start(&machine, "e").await;
    world.ask("StopExecution", json!({ "executionArn": execution })).await;
    let events = world.history(&execution).await;
    assert_eq!(events.last().unwrap()["executionAbortedEventDetails"], json!({}));
}

#[tokio::test]
async fn a_task_says_what_it_calls_and_where() {
    let world = World::new();
    let machine = world.machine("m", &task("flow:test:echo")).await;
    let execution = world.start(&machine, "e").await;
    world.ended(&execution).await;
    let events = world.history(&execution).await;
    let scheduled = events.iter().find(|event| event["type"] == "TaskScheduled").unwrap();
    let details = &scheduled["taskScheduledEventDetails"];
    assert_eq!((&details["region"], &details["parameters"]), (&json!("us-east-1"), &json!("{}")));
    assert_eq!((&details["resourceType"], &details["resource"]), (&json!("flow:test"), &json!("echo")));
}

#[tokio::test]
async fn a_token_of_another_execution_is_refused() {
    let world = World::new();
    let machine = world.machine("m", &pass()).await;
    let (first, second) = (world.start(&machine, "e").await, world.start(&machine, "f").await);
    world.ended(&first).await;
    world.ended(&second).await;
    let page = world.ask("GetExecutionHistory", json!({ "executionArn": first, "maxResults": 1 })).await;
    let request = json!({ "executionArn": first, "nextToken": page["nextToken"] });
    assert_eq!(world.ask("GetExecutionHistory", request).await["events"][0]["id"], 2);
    let request = json!({ "executionArn": second, "nextToken": page["nextToken"] });
    let refused = world.refused("GetExecutionHistory", request).await;
    assert_eq!(refused, pair("InvalidToken", "Invalid Token: 'Invalid token'"));
}

#[tokio::test]
async fn a_token_of_nobodys_is_refused() {
    let world = World::new();
    let machine = world.machine("m", &pass()).await;
    let execution = world.start(&machine, "e").await;
    for token in ["garbage", "MXx4", "🦀"] {
        let request = json!({ "executionArn": execution, "nextToken": token });
        let refused = world.refused("GetExecutionHistory", request).await;
        assert_eq!(refused, pair("InvalidToken", "Invalid Token: 'Invalid token'"), "{token}");
    }
}
