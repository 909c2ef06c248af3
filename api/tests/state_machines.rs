//! A repeated request to create or update a state machine changes nothing; a different one is not taken for a
//! repetition.

use serde_json::json;

use super::*;

fn create(definition: &str) -> Value {
    json!({ "name": "m", "definition": definition, "roleArn": ROLE })
}

#[tokio::test]
async fn a_repeated_creation_answers_as_the_first() {
    let world = World::new();
    let first = world.ask("CreateStateMachine", create(&pass().to_string())).await;
    let mut again = create(&pass().to_string());
    again["roleArn"] = json!(format!("{ROLE}-of-another"));
    again["tags"] = json!([{ "key": "late", "value": "v" }]);
    assert_eq!(world.ask("CreateStateMachine", again).await, first, "role and tags do not matter");
    let response = world.ask("DescribeStateMachine", json!({ "stateMachineArn": first["stateMachineArn"] })).await;
    assert_eq!(response["roleArn"], ROLE, "the role is unchanged");
}

#[tokio::test]
async fn a_creation_of_something_else_under_the_name_is_refused() {
    let world = World::new();
    world.ask("CreateStateMachine", create(&pass().to_string())).await;
    let exists = pair("StateMachineAlreadyExists", &format!("State Machine Already Exists: '{PREFIX}:stateMachine:m'"));
    let spaced = serde_json::to_string_pretty(&pass()).unwrap();
    assert_eq!(world.refused("CreateStateMachine", create(&spaced)).await, exists);
    for (member, value) in [
        ("type", json!("EXPRESS")),
        ("tracingConfiguration", json!({ "enabled": true })),
        ("publish", json!(true)),
        ("encryptionConfiguration", json!({ "type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "k" })),
    ] {
        let mut other = create(&pass().to_string());
        other[member] = value;
        assert_eq!(world.refused("CreateStateMachine", other).await, exists, "{member}");
    }
}

#[tokio::test]
async fn what_is_described_is_what_was_created() {
    let world = World::new();
    let definition = serde_json::to_string_pretty(&pass()).unwrap();
    let created = world.ask("CreateStateMachine", create(&definition)).await;
    let response = world.ask("DescribeStateMachine", json!({ "stateMachineArn": created["stateMachineArn"] })).await;
    let expected = json!({
        "stateMachineArn": format!("{PREFIX}:stateMachine:m"), "name": "m", "status": "ACTIVE",
        "definition": definition, "roleArn": ROLE, "type": "STANDARD", "creationDate": created["creationDate"],
        "loggingConfiguration": { "level": "OFF", "includeExecutionData": false },
        "tracingConfiguration": { "enabled": false }, "encryptionConfiguration": { "type": "AWS_OWNED_KEY" },
    });
    assert_eq!(response, expected);
    let request = json!({ "stateMachineArn": created["stateMachineArn"], "includedData": "METADATA_ONLY" });
    assert_eq!(world.ask("DescribeStateMachine", request).await["definition"], "{}");
}

#[tokio::test]
async fn a_definition_that_cannot_run_is_refused_with_code_and_location() {
    let world = World::new();
    let message =
        "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These fields are required: [States] at /'";
    let refused = world.refused("CreateStateMachine", create(r#"{"StartAt":"A"}"#)).await;
    assert_eq!(refused, pair("InvalidDefinition", message));
    let (kind, message) = world.refused("CreateStateMachine", create("runbook")).await;
    assert_eq!(kind, "InvalidDefinition");
    assert!(message.contains("INVALID_JSON_DESCRIPTION: Unrecognized token 'runbook'"), "{message}");
}

#[tokio::test]
async fn validation_reports_what_creation_would_refuse() {
    let world = World::new();
    let response = world.ask("ValidateStateMachineDefinition", json!({ "definition": pass().to_string() })).await;
    assert_eq!(response, json!({ "result": "OK", "diagnostics": [], "truncated": false }));
    let broken = json!({ "StartAt": "Z", "States": { "A": { "Type": "Pass" }, "B": { "Type": "Nap" } } });
    let response = world.ask("ValidateStateMachineDefinition", json!({ "definition": broken.to_string() })).await;
    assert_eq!(response["result"], "FAIL");
    let all = response["diagnostics"].as_array().unwrap().len();
    assert!(all > 1, "{response}");
    let request = json!({ "definition": broken.to_string(), "maxResults": 1 });
    let response = world.ask("ValidateStateMachineDefinition", request).await;
    assert_eq!((response["diagnostics"].as_array().unwrap().len(), &response["truncated"]), (1, &json!(true)));
}

#[tokio::test]
async fn a_name_that_aws_refuses_is_refused() {
    let world = World::new();
    for name in ["a b", "a/b", "a:b", "a*", "é\u{7f}", "<a>"] {
        let mut request = create(&pass().to_string());
        request["name"] = json!(name);
        assert_eq!(
            world.refused("CreateStateMachine", request).await,
            pair("InvalidName", &format!("Invalid Name: '{name}'"))
        );
    }
}

#[tokio::test]
async fn an_update_that_changes_nothing_makes_no_revision() {
    let world = World::new();
    let machine = world.machine("m", &pass()).await;
    let response =
        world.ask("UpdateStateMachine", json!({ "stateMachineArn": machine, "definition": pass().to_string() })).await;
    assert_eq!(response.get("revisionId"), None);
    let update = json!({ "stateMachineArn": machine, "definition": wait().to_string() });
    let first = world.ask("UpdateStateMachine", update.clone()).await["revisionId"].clone();
    assert!(first.is_string());
    assert_eq!(world.ask("UpdateStateMachine", update).await["revisionId"], first);
    let response = world.ask("DescribeStateMachine", json!({ "stateMachineArn": machine })).await;
    assert_eq!((&response["revisionId"], &response["definition"]), (&first, &json!(wait().to_string())));
}

#[tokio::test]
async fn an_update_of_nothing_is_refused() {
    let world = World::new();
    let machine = world.machine("m", &pass()).await;
    let message =
        "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified";
    let refused = world.refused("UpdateStateMachine", json!({ "stateMachineArn": machine })).await;
    assert_eq!(refused, pair("MissingRequiredParameter", message));
    let request = json!({ "stateMachineArn": format!("{machine}:1"), "roleArn": ROLE });
    let missing = format!("State Machine Does Not Exist: '{machine}:1'");
    assert_eq!(world.refused("UpdateStateMachine", request).await, pair("StateMachineDoesNotExist", &missing));
}

#[tokio::test]
async fn a_log_configuration_names_one_destination() {
    let world = World::new();
    let message = "Invalid Logging Configuration: Must specify exactly one Log Destination.";
    let group = json!({ "cloudWatchLogsLogGroup": { "logGroupArn": "arn:aws:logs:us-east-1:1:log-group:g:*" } });
    for logging in [json!({ "level": "ALL" }), json!({ "destinations": [group, group] })] {
        let mut request = create(&pass().to_string());
        request["loggingConfiguration"] = logging;
        let refused = world.refused("CreateStateMachine", request).await;
        assert_eq!(refused, pair("InvalidLoggingConfiguration", message));
    }
    let mut request = create(&pass().to_string());
    request["loggingConfiguration"] = json!({ "level": "ERROR", "destinations": [group] });
    let created = world.ask("CreateStateMachine", request).await;
    let response = world.ask("DescribeStateMachine", created).await;
    let expected = json!({ "level": "ERROR", "destinations": [group], "includeExecutionData": false });
    assert_eq!(response["loggingConfiguration"], expected);
}

#[tokio::test]
async fn a_deleted_state_machine_is_gone_with_all_that_is_its_own() {
    let world = World::new();
    let mut request = create(&pass().to_string());
    request["publish"] = json!(true);
    request["tags"] = json!([{ "key": "k", "value": "v" }]);
    let machine = text(&world.ask("CreateStateMachine", request).await["stateMachineArn"]);
    world.ask("DeleteStateMachine", json!({ "stateMachineArn": machine })).await;
    for arn in [machine.clone(), format!("{machine}:1")] {
        let (kind, _) = world.refused("DescribeStateMachine", json!({ "stateMachineArn": arn })).await;
        assert_eq!(kind, "StateMachineDoesNotExist");
    }
    world.ask("DeleteStateMachine", json!({ "stateMachineArn": machine })).await;
    assert_eq!(world.machine("m", &wait()).await, machine, "the name is free");
    let tags = world.ask("ListTagsForResource", json!({ "resourceArn": machine })).await;
    assert_eq!(tags["tags"], json!([]));
}

#[tokio::test]
async fn what_was_created_is_there_after_a_crash() {
    let records = MemoryRecords::new();
    let world = World::over(&records);
    let machine = world.machine("m", &pass()).await;
    drop(world);
    let world = World::over(&records);
    let response = world.ask("DescribeStateMachine", json!({ "stateMachineArn": machine })).await;
    assert_eq!(response["definition"], pass().to_string());
}

#[tokio::test]
async fn a_state_machine_is_being_deleted_until_its_executions_would_enter_their_next_state() {
    let world = World::new();
    let activity = text(&world.ask("CreateActivity", json!({ "name": "a" })).await["activityArn"]);
    let definition = json!({ "StartAt": "A", "States": {
        "A": { "Type": "Task", "Resource": activity, "Next": "B" }, "B": { "Type": "Pass", "End": true }
    } });
    let machine = world.machine("m", &definition).await;
    let named = json!({ "stateMachineArn": machine });
    let execution = world.start(&machine, "e").await;
    world.ask("DeleteStateMachine", named.clone()).await;
    world.ask("DeleteStateMachine", named.clone()).await;
    assert_eq!(world.ask("DescribeStateMachine", named.clone()).await["status"], "DELETING");
    assert_eq!(world.ask("DescribeExecution", json!({ "executionArn": execution })).await["status"], "RUNNING");
    let deleting = pair("StateMachineDeleting", &format!("State Machine is being deleted: '{machine}'"));
    assert_eq!(world.refused("StartExecution", named.clone()).await, deleting);
    assert_eq!(world.refused("PublishStateMachineVersion", named.clone()).await, deleting);
    let create = json!({ "name": "m", "definition": pass().to_string(), "roleArn": ROLE });
    assert_eq!(world.refused("CreateStateMachine", create.clone()).await, deleting);
    let offered = world.ask("GetActivityTask", json!({ "activityArn": activity })).await;
    world.ask("SendTaskSuccess", json!({ "taskToken": offered["taskToken"], "output": "1" })).await;
    let response = world.ended(&execution).await;
    let failed = (json!("FAILED"), json!("States.Runtime"), json!("State machine m has been deleted."));
    assert_eq!((&response["status"], &response["error"], &response["cause"]), (&failed.0, &failed.1, &failed.2));
    let types: Vec<Value> = world.history(&execution).await.iter().map(|event| event["type"].clone()).collect();
    assert_eq!(types[types.len() - 2..], [json!("PassStateEntered"), json!("ExecutionFailed")]);
    assert_eq!(world.ask("ListStateMachines", json!({})).await["stateMachines"], json!([]));
    assert_eq!(world.refused("DescribeStateMachine", named).await.0, "StateMachineDoesNotExist");
    world.ask("CreateStateMachine", create).await;
    world.start(&machine, "new").await;
}

#[tokio::test]
async fn a_deletion_outlives_its_process() {
    let records = engine::store::MemoryRecords::new();
    let world = World::over(&records);
    let activity = text(&world.ask("CreateActivity", json!({ "name": "a" })).await["activityArn"]);
    let machine = world
        .machine(
            "m",
            &json!({ "StartAt": "A", "States": {
        "A": { "Type": "Task", "Resource": activity, "Next": "B" }, "B": { "Type": "Pass", "End": true }
    } }),
        )
        .await;
    let (first, second) = (world.start(&machine, "1").await, world.start(&machine, "2").await);
    world.ask("DeleteStateMachine", json!({ "stateMachineArn": machine })).await;
    world.runner.drain(std::time::Duration::from_secs(10)).await;
    let world = World::over(&records);
    world.runner.recover_all().await.unwrap();
    for execution in [first, second] {
        let offered = world.ask("GetActivityTask", json!({ "activityArn": activity })).await;
        let answer = json!({ "taskToken": offered["taskToken"], "output": "1" });
        world.ask("SendTaskSuccess", answer).await;
        let response = world.ended(&execution).await;
        assert_eq!(response["error"], "States.Runtime");
        let hindered = world.try_ask("RedriveExecution", json!({ "executionArn": execution })).await;
        assert_eq!(hindered.is_err(), execution.ends_with(":1"), "until the last has ended: {hindered:?}");
    }
}
