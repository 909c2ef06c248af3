//! A task of a worker that dies is neither lost nor done twice.

use std::process::Child;

use engine::step::Registry;
use serde_json::{Value, json};

use crate::{
    serve::Server,
    support::{Home, post, send, text, until},
};

const ROLE: &str = "arn:aws:iam::111111111111:role/flow";

fn call(server: &Server, operation: &str, request: &Value) -> Value {
    let answer = post(&server.endpoint, &format!("AWSStepFunctions.{operation}"), &request.to_string());
    serde_json::from_str(&answer).unwrap()
}

/// Compiles a definition, creates its activities and its state machine, and returns the machine's ARN.
fn deployed(server: &Server, definition: &Value, heartbeat_seconds: u64) -> String {
    let mut steps = Registry::new();
    steps::register_local(&mut steps, &steps::LocalSettings::default());
    let arn = |name: &str| format!("arn:aws:states:us-east-1:111111111111:activity:{name}");
    let compiled = deploy::compile(definition, &steps, &deploy::CompileOptions { heartbeat_seconds }, &arn).unwrap();
    for activity in &compiled.activities {
        assert_eq!(
            call(server, "CreateActivity", &json!({ "name": activity.name }))["activityArn"],
            arn(&activity.name)
        );
    }
    let request = json!({ "name": "deployed", "definition": compiled.definition.to_string(), "roleArn": ROLE });
    call(server, "CreateStateMachine", &request)["stateMachineArn"].as_str().unwrap().to_owned()
}

fn worker(home: &Home, server: &Server, program: &str) -> Child {
    let arguments = ["worker", "--endpoint", &server.endpoint, "--activities", "process:run", "-o", "json"];
    let mut command = home.command(&arguments);
    command.env("FLOW_PROGRAMS", program).env("AWS_REGION", "us-east-1");
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
}

fn status(server: &Server, execution: &str) -> Value {
    call(server, "DescribeExecution", &json!({ "executionArn": execution }))
}

fn start(server: &Server, machine: &str, name: &str) -> String {
    let request = json!({ "stateMachineArn": machine, "name": name, "input": r#"{"items": [1, 2]}"# });
    call(server, "StartExecution", &request)["executionArn"].as_str().unwrap().to_owned()
}

fn process(program: &str) -> Value {
    json!({ "Type": "Task", "Resource": "flow:process:run", "End": true,
        "Parameters": { "Program": program, "Arguments": [], "Input.$": "$" } })
}

#[test]
fn a_worker_runs_the_steps_of_a_deployed_workflow_and_drains() {
    let (home, elsewhere) = (Home::plain(), Home::plain());
    let program = elsewhere.program("echo", "cat");
    let inner = json!({ "Type": "Map", "End": true, "ItemsPath": "$.items",
        "ItemProcessor": { "StartAt": "Each", "States": { "Each": process(&program) } } });
    let server = Server::start(&home);
    let machine = deployed(&server, &json!({ "StartAt": "All", "States": { "All": inner } }), 60);
    let execution = start(&server, &machine, "one");
    let worker = worker(&elsewhere, &server, &program);
    until(30, "the execution", || status(&server, &execution)["status"] != "RUNNING");
    let found = status(&server, &execution);
    assert_eq!((&found["status"], &found["output"]), (&json!("SUCCEEDED"), &json!("[1,2]")), "{found}");
    send("-TERM", worker.id());
    let output = worker.wait_with_output().unwrap();
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(143), "{said}{}", text(&output.stderr));
    let last: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert_eq!((&last["received"], &last["succeeded"]), (&json!(2), &json!(2)), "{said}");
}

#[test]
fn the_task_of_a_killed_worker_is_done_by_another() {
    let (home, elsewhere) = (Home::plain(), Home::plain());
    let began = elsewhere.path().join("began");
    let script = format!("if [ -e {0} ]; then echo 2; else touch {0}; sleep 600; fi", began.display());
    let program = elsewhere.program("slow-once", &script);
    let server = Server::start(&home);
    let machine = deployed(&server, &json!({ "StartAt": "A", "States": { "A": process(&program) } }), 2);
    let execution = start(&server, &machine, "one");
    let first = worker(&elsewhere, &server, &program);
    until(30, "the first attempt", || began.exists());
    send("-KILL", first.id());
    first.wait_with_output().unwrap();
    let second = worker(&elsewhere, &server, &program);
    until(30, "the execution", || status(&server, &execution)["status"] != "RUNNING");
    let found = status(&server, &execution);
    assert_eq!((&found["status"], &found["output"]), (&json!("SUCCEEDED"), &json!("2")), "{found}");
    send("-TERM", second.id());
    second.wait_with_output().unwrap();
}
