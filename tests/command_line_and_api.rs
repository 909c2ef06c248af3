//! The command line and the API show and control the same executions.

use serde_json::{Value, json};

use crate::{
    serve::Server,
    support::{Home, SPEED, text},
};

const CLIENT: &str = include_str!("command_line_and_api_client.py");

fn waits(home: &Home) -> String {
    let definition = json!({ "StartAt": "First", "States": {
        "First": { "Type": "Pass", "Next": "Wait" }, "Wait": { "Type": "Wait", "Seconds": 3600, "End": true }
    } });
    file(home, "waits", &definition)
}

fn file(home: &Home, name: &str, definition: &Value) -> String {
    let file = home.path().join(format!("{name}.asl.json"));
    std::fs::write(&file, definition.to_string()).unwrap();
    file.to_str().unwrap().to_owned()
}

fn exit(home: &Home, arguments: &[&str], expected: i32) -> String {
    let output = home.flow(arguments);
    let reported = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(expected), "flow {arguments:?}: {reported}");
    reported
}

#[test]
fn boto3_sees_stops_and_redrives_what_flow_run_began_before_and_beside_the_server() {
    for begun_beside in [true, false] {
        let home = Home::plain();
        let run = ["run", &waits(&home), "--yes", "--id", "w-1", "--input", r#"{"a": 1}"#, "--no-wait"];
        let server = if begun_beside {
            let server = Server::start(&home);
            exit(&home, &run, 75);
            server
        } else {
            exit(&home, &run, 75);
            Server::start(&home)
        };
        server.python(CLIENT, &["stop_what_flow_run_began"]);
        let reported = exit(&home, &["status", "w-1"], 0);
        assert!(reported.contains("ABORTED") && reported.contains("by boto3"), "{reported}");
        assert!(!reported.contains("waits:w-1"), "the id is the given one: {reported}");
        exit(&home, &["resume", "w-1", "--no-wait"], 75);
        server.python(CLIENT, &["is_redriven"]);
        exit(&home, &["cancel", "arn:aws:states:us-east-1:111111111111:execution:waits:w-1"], 0);
        let reported = server.python(CLIENT, &["status", "waits:w-1"]);
        assert_eq!(reported.trim(), r#"["ABORTED", null, "Cancelled", 1]"#);
    }
}

#[test]
fn every_command_works_on_what_boto3_began() {
    let home = Home::plain();
    let server = Server::start(&home);
    server.python(CLIENT, &["start"]);
    assert!(exit(&home, &["status"], 0).contains("rehearsal-task:e-1"));
    for id in ["rehearsal-task:e-1", "rehearsal-wait:e-1"] {
        assert!(exit(&home, &["status", id], 0).contains(id));
        assert!(exit(&home, &["events", id], 0).contains("ExecutionStarted"));
    }
    exit(&home, &["signal", "rehearsal-task:e-1", "None such", "--success", "1"], 3);
    let refused = exit(&home, &["signal", "rehearsal-task:e-1", "A", "--success", r#"{"by": "hand"}"#], 3);
    assert!(refused.contains("only its worker answers"), "{refused}");
    exit(&home, &["cancel", "rehearsal-task:e-1"], 0);
    let reported = server.python(CLIENT, &["status", "rehearsal-task:e-1"]);
    assert_eq!(reported.trim(), r#"["ABORTED", null, "Cancelled", 0]"#);
    exit(&home, &["cancel", "rehearsal-wait:e-1"], 0);
    exit(&home, &["resume", "rehearsal-wait:e-1", "--no-wait"], 75);
    let reported = server.python(CLIENT, &["status", "rehearsal-wait:e-1"]);
    assert_eq!(reported.trim(), r#"["RUNNING", null, null, 1]"#);
}

#[test]
fn a_file_with_any_name_runs() {
    let home = Home::plain();
    let succeed = json!({ "StartAt": "A", "States": { "A": { "Type": "Succeed" } } });
    let name = format!("my first, {}", "long ".repeat(20));
    let reported = exit(&home, &["run", &file(&home, &name, &succeed), "--yes"], 0);
    assert!(reported.contains("my-first--long-"), "{reported}");
}

#[test]
fn what_a_rehearsal_starts_stays_in_its_world() {
    let home = Home::for_rehearsal();
    let task = json!({ "Type": "Task", "Resource": "flow:sts:getCallerIdentity", "Parameters": {}, "End": true });
    let child = file(&home, "child", &json!({ "StartAt": "A", "States": { "A": task } }));
    let start = json!({ "Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2", "End": true,
        "Parameters": { "StateMachineArn": "arn:aws:states:us-east-1:111111111111:stateMachine:child" } });
    let parent = file(&home, "parent", &json!({ "StartAt": "A", "States": { "A": start } }));
    for file in [child, parent] {
        let reported = exit(&home, &["run", &file, "--rehearse", "--speed", SPEED], 0);
        assert!(reported.contains("123456789012"), "the account of the rehearsal's AWS: {reported}");
    }
}
