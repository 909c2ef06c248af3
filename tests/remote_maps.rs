//! The items of a distributed Map at Step Functions are shown, awaited and answered, although the Map's history does not have them.

use serde_json::{Value, json};

use crate::{
    campaign::deploy,
    lambda_stub::LambdaStub,
    serve::Server,
    support::{Home, until},
};

/// A distributed Map whose items wait for some seconds, fail, or ask a person.
fn definition() -> Value {
    let payload = json!({ "token.$": "$$.Task.Token", "Prompt": "Proceed?" });
    let ask = json!({ "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "End": true,
        "TimeoutSeconds": 86_400, "Parameters": { "FunctionName": "echo", "Payload": payload } });
    let kind = |name: &str, next: &str| json!({ "Variable": "$.kind", "StringEquals": name, "Next": next });
    let states = json!({
        "Kind": { "Type": "Choice", "Choices": [kind("fail", "Broken"), kind("ask", "Ask")], "Default": "Pause" },
        "Broken": { "Type": "Fail", "Error": "Bad", "Cause": "no such host" },
        "Ask": ask,
        "Pause": { "Type": "Wait", "SecondsPath": "$.seconds", "End": true },
    });
    let config = json!({ "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" });
    let processor = json!({ "ProcessorConfig": config, "StartAt": "Kind", "States": states });
    let map = json!({ "Type": "Map", "ItemsPath": "$.items", "ItemProcessor": processor, "End": true });
    json!({ "StartAt": "M", "States": { "M": map } })
}

#[test]
fn the_items_of_a_distributed_map_are_shown_awaited_and_answered() {
    let functions = LambdaStub::start();
    let (serving, person) = (Home::plain(), Home::plain());
    let server = Server::start_with(&serving, &functions.variables());
    let file = person.definition("items", &definition());
    deploy(&serving, &server.endpoint, &file, 20);
    let at_server = |arguments: &[&str], exit: i32| {
        let more = ["--engine", "sfn", "--endpoint", &server.endpoint, "--region", "us-east-1"];
        person.exits(&[arguments, &more[..]].concat(), exit)
    };
    let run = |id: &str, items: Value, exit: i32| {
        let input = json!({ "items": items }).to_string();
        at_server(&["run", &file, "--yes", "--id", id, "--no-wait=10s", "--input", &input], exit)
    };
    let waits = |seconds: u64| json!({ "kind": "wait", "seconds": seconds });
    // The history of the Map has nothing new for a second.
    run("all-1", json!([waits(1), waits(1), waits(0)]), 0);
    let status = at_server(&["status", "all-1"], 0);
    assert!(status.contains("3/3"), "{status}");
    let events = at_server(&["events", "all-1", "-o", "json"], 0);
    assert!(events.contains("MapRunStarted") && !events.contains("Unknown"), "{events}");
    // The first item that failed.
    let failed = run("bad-1", json!([waits(0), { "kind": "fail" }]), 1);
    assert!(failed.contains("M[1] › Broken") && failed.contains("no such host"), "{failed}");
    let failures = at_server(&["events", "bad-1", "--failed"], 0);
    assert!(failures.contains("M[1]/Broken") && failures.contains("no such host"), "{failures}");
    // A question of an item.
    let asked = run("ask-1", json!([{ "kind": "ask" }]), 75);
    assert!(asked.contains("Proceed?") && asked.contains("'M[0]/Ask'"), "{asked}");
    let approvals = at_server(&["approvals"], 0);
    assert!(approvals.contains("M[0]/Ask") && approvals.contains("Proceed?"), "{approvals}");
    at_server(&["approve", "ask-1", "M[0]/Ask"], 0);
    until(20, "the Map ends after the answer", || at_server(&["status", "ask-1"], 0).contains("SUCCEEDED"));
}
