//! A workflow does the same on Step Functions with workers as on the local engine.
//!
//! Each workflow runs twice: unchanged on `flow serve`, with the steps called by the server's own engine, and compiled by
//! `flow deploy`, with the steps called by three workers. The second run is on the same server, or with
//! `FLOW_TEST_STEP_FUNCTIONS=URL` on LocalStack (tests/localstack.sh). Status, output, error, effects and the order of
//! the history must be the same. The runbook runs with three workers on `flow serve` only: its world is this machine's.

use std::{collections::BTreeMap, path::Path};

use deploy::plan::ALIAS;
use serde_json::{Value, json};

use crate::{
    campaign::{Workers, deploy, ended, step_functions, worker},
    serve::Server,
    support::{Home, one_of_everything, post},
};

const SECONDS_MAX: u64 = 60;
const REHEARSAL_SECONDS_MAX: u64 = 300;
const ROLE: &str = "arn:aws:iam::111111111111:role/flow";
/// The prefix of the state that the compiler adds to an outer Map.
const ADDED_STATE: &str = "flow: keep the index";

/// Writes its name under its token. Then it prints, or fails as often as its third argument says before it prints.
const PROGRAM: &str = r#"name="$1"; folder="$2"; failures="${3:-0}"
printf '%s\n' "$name" >> "$folder/attempts"
if [ "$(grep -c "^$name\$" "$folder/attempts")" -le "$failures" ]; then echo "not yet" >&2; exit 3; fi
(set -C; printf '%s\n' "$name" > "$folder/effect-$FLOW_IDEMPOTENCY_TOKEN") 2>/dev/null
printf '{"name": "%s"}\n' "$name""#;

fn call(endpoint: &str, operation: &str, request: &Value) -> Value {
    let answer = post(endpoint, &format!("AWSStepFunctions.{operation}"), &request.to_string());
    serde_json::from_str(&answer).unwrap()
}

/// A Task of a JSONPath workflow.
fn task(program: &str, name: &str, failures: u32, more: Value) -> Value {
    let arguments = format!("States.Array('{name}', $.folder, '{failures}')");
    let mut task = json!({ "Type": "Task", "Resource": "flow:process:run", "ResultPath": format!("$.{name}"),
        "Parameters": { "Program": program, "Arguments.$": arguments } });
    task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    task
}

/// A Task of a JSONata workflow.
fn jsonata_task(program: &str, name: &str, more: Value) -> Value {
    let arguments = format!("{{% [{name}, $states.input.folder] %}}");
    let mut task = json!({ "Type": "Task", "Resource": "flow:process:run",
        "Arguments": { "Program": program, "Arguments": arguments } });
    task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    task
}

fn end() -> Value {
    json!({ "End": true })
}

fn machine(name: &str, state: Value) -> Value {
    json!({ "StartAt": name, "States": { name: state } })
}

/// A rule of Retry or Catch that matches every error.
fn rule(more: Value) -> Value {
    let mut rule = json!({ "ErrorEquals": ["States.ALL"] });
    rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    rule
}

fn chains(program: &str) -> [(&'static str, Value); 3] {
    let next = json!({ "Next": "Rest" });
    let choices = json!([{ "Variable": "$.one.name", "StringEquals": "one", "Next": "Two" }]);
    let chain = json!({ "StartAt": "One", "States": {
        "One": task(program, "one", 0, next),
        "Rest": { "Type": "Wait", "Seconds": 1, "Next": "Choose" },
        "Choose": { "Type": "Choice", "Default": "Lost", "Choices": choices },
        "Lost": { "Type": "Fail", "Error": "Lost" },
        "Two": task(program, "two", 0, end()) } });
    let first = json!({ "Next": "Two", "Assign": { "first": "{% $states.result.name %}" },
        "Output": "{% $merge([$states.input, $states.result]) %}" });
    let jsonata = json!({ "QueryLanguage": "JSONata", "StartAt": "One", "States": {
        "One": jsonata_task(program, "'one'", first),
        "Two": jsonata_task(program, "$first & '-two'", end()) } });
    let left = machine("Left", task(program, "left", 0, end()));
    let right = machine("Right", task(program, "right", 0, end()));
    let both = json!({ "Type": "Parallel", "End": true, "Branches": [left, right] });
    [("chain", chain), ("jsonata", jsonata), ("parallel", machine("Both", both))]
}

fn maps(program: &str) -> [(&'static str, Value); 3] {
    let selector = json!({ "item.$": "$$.Map.Item.Value", "folder.$": "$.folder" });
    let arguments = "States.Array(States.Format('item-{}', $.item), $.folder)";
    let item = json!({ "Type": "Task", "Resource": "flow:process:run", "End": true,
        "Parameters": { "Program": program, "Arguments.$": arguments } });
    let map = json!({ "Type": "Map", "ItemsPath": "$.items", "ItemSelector": selector, "MaxConcurrency": 2,
        "ItemProcessor": machine("Item", item), "End": true });
    let (index, folder) = ("$states.context.Map.Item.Index", "{% $states.input.folder %}");
    let name = format!("{{% $states.input.outer & '-' & {index} %}}");
    let inner = json!({ "Type": "Map", "End": true, "Items": "{% [0, 1, 2] %}",
        "ItemSelector": { "name": name, "folder": folder },
        "ItemProcessor": machine("Leaf", jsonata_task(program, "$states.input.name", end())) });
    let outer = json!({ "Type": "Map", "End": true, "Items": "{% [0, 1] %}",
        "ItemSelector": { "outer": format!("{{% {index} %}}"), "folder": folder },
        "ItemProcessor": machine("Inner", inner) });
    let mut nested = machine("Outer", outer);
    nested["QueryLanguage"] = json!("JSONata");
    [("map", machine("Each", map)), ("nested-map", nested), ("path-nested-map", path_nested_map(program))]
}

/// A Map in a Map, in JSONPath.
fn path_nested_map(program: &str) -> Value {
    let arguments = "States.Array(States.Format('{}-{}', $.outer, $.inner), $.folder)";
    let leaf = json!({ "Type": "Task", "Resource": "flow:process:run", "End": true,
        "Parameters": { "Program": program, "Arguments.$": arguments } });
    let inner = json!({ "Type": "Map", "End": true, "ItemsPath": "$.items",
        "ItemSelector": { "outer.$": "$.outer", "inner.$": "$$.Map.Item.Index", "folder.$": "$.folder" },
        "ItemProcessor": machine("Leaf", leaf) });
    let outer = json!({ "Type": "Map", "End": true, "ItemsPath": "$.items",
        "ItemSelector": { "outer.$": "$$.Map.Item.Index", "items.$": "$.items", "folder.$": "$.folder" },
        "ItemProcessor": machine("Inner", inner) });
    machine("Outer", outer)
}

fn failures(program: &str) -> [(&'static str, Value); 3] {
    let retry =
        json!({ "End": true, "Retry": [rule(json!({ "IntervalSeconds": 1, "MaxAttempts": 3, "BackoffRate": 1 }))] });
    let catch = rule(json!({ "Next": "Repair", "ResultPath": "$.error" }));
    let caught = json!({ "StartAt": "Bad", "States": {
        "Bad": task(program, "bad", 9, json!({ "Next": "Good", "Catch": [catch] })),
        "Good": { "Type": "Fail" },
        "Repair": task(program, "repair", 0, end()) } });
    [
        ("retry", machine("Flaky", task(program, "flaky", 2, retry))),
        ("catch", caught),
        ("failure", machine("Bad", task(program, "bad", 9, end()))),
    ]
}

/// The compared properties of a run.
#[derive(Debug, PartialEq)]
struct Run {
    status: Value,
    output: Value,
    error: Value,
    cause: Value,
    effects: Vec<String>,
    history: BTreeMap<String, Vec<String>>,
}

/// The entered and exited states in the order of the history. For concurrent states, whose order differs between runs, a
/// sorted list for each.
fn history(endpoint: &str, execution: &str, is_concurrent: bool) -> BTreeMap<String, Vec<String>> {
    let request = json!({ "executionArn": execution, "maxResults": 1_000 });
    let events = call(endpoint, "GetExecutionHistory", &request)["events"].as_array().unwrap().clone();
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for event in events {
        let kind = event["type"].as_str().unwrap();
        let details = ["stateEnteredEventDetails", "stateExitedEventDetails"];
        let Some(name) = details.iter().find_map(|details| event[details]["name"].as_str()) else { continue };
        if !name.starts_with(ADDED_STATE) {
            let key = if is_concurrent { name } else { "all" };
            found.entry(key.to_owned()).or_default().push(format!("{name} {kind}"));
        }
    }
    if is_concurrent {
        found.values_mut().for_each(|events| events.sort());
    }
    found
}

fn effects(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let effects = files.filter(|file| file.file_name().unwrap().to_str().unwrap().starts_with("effect-"));
    let mut effects: Vec<_> = effects.map(|file| std::fs::read_to_string(file).unwrap().trim().to_owned()).collect();
    effects.sort();
    effects
}

fn run(endpoint: &str, machine: &str, folder: &Path, is_concurrent: bool) -> Run {
    std::fs::create_dir_all(folder).unwrap();
    let input = json!({ "folder": folder, "items": [3, 1, 2] }).to_string();
    let started = call(endpoint, "StartExecution", &json!({ "stateMachineArn": machine, "input": input }));
    let execution = started["executionArn"].as_str().unwrap();
    let found = ended(endpoint, execution, SECONDS_MAX);
    // Only the name of the folder differs.
    let output = found["output"].as_str().unwrap_or("null").replace(folder.to_str().unwrap(), "FOLDER");
    Run {
        status: found["status"].clone(),
        output: serde_json::from_str(&output).unwrap(),
        error: found["error"].clone(),
        cause: found["cause"].clone(),
        effects: effects(folder),
        history: history(endpoint, execution, is_concurrent),
    }
}

#[test]
fn every_workflow_does_the_same_on_the_local_engine_and_with_three_workers() {
    let (home, elsewhere) = (Home::plain(), Home::plain());
    let program = elsewhere.program("act", PROGRAM);
    let server = Server::start_with(&home, &[("FLOW_PROGRAMS", &program)]);
    let there = step_functions(&server);
    let start = |_| worker(&elsewhere, &there, &["--activities", "process:run"], &[("FLOW_PROGRAMS", &program)]);
    let _workers = Workers((0..3).map(start).collect());
    let all = chains(&program).into_iter().chain(maps(&program)).chain(failures(&program));
    for (name, definition) in all {
        let folder = |which: &str| elsewhere.path().join(format!("{name}-{which}"));
        let request = json!({ "name": format!("{name}-local"), "definition": definition.to_string(), "roleArn": ROLE });
        let local =
            call(&server.endpoint, "CreateStateMachine", &request)["stateMachineArn"].as_str().unwrap().to_owned();
        // Start through the alias: LocalStack 4.14 cannot start a state machine that has an alias by its own ARN.
        let deployed = format!("{}:{ALIAS}", deploy(&home, &there, &home.definition(name, &definition), 20));
        let is_concurrent = matches!(name, "parallel" | "map" | "nested-map" | "path-nested-map");
        let local = run(&server.endpoint, &local, &folder("local"), is_concurrent);
        let deployed = run(&there, &deployed, &folder("deployed"), is_concurrent);
        assert_eq!(local, deployed, "{name}");
        let failed = if name == "failure" { "FAILED" } else { "SUCCEEDED" };
        assert_eq!(local.status, failed, "{name}: {local:?}");
    }
}

/// A Task of an activity that is the author's own, then one whose failure is caught: the test answers both with their tokens.
fn asking(activity: &str) -> Value {
    let ask = |more: Value| {
        let mut task = json!({ "Type": "Task", "Resource": activity, "TimeoutSeconds": SECONDS_MAX,
            "Parameters": { "question.$": "$.items" } });
        task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        task
    };
    let catch = json!({ "ErrorEquals": ["No"], "Next": "Refused", "ResultPath": "$.error" });
    json!({ "StartAt": "Ask", "States": {
        "Ask": ask(json!({ "ResultPath": "$.answer", "Next": "Ask again" })),
        "Ask again": ask(json!({ "Catch": [catch], "Next": "Accepted" })),
        "Accepted": { "Type": "Fail" },
        "Refused": { "Type": "Pass", "End": true } } })
}

/// Answers the next task of an activity. Returns its input.
fn answer(endpoint: &str, activity: &str, operation: &str, mut answer: Value) -> Value {
    let task = call(endpoint, "GetActivityTask", &json!({ "activityArn": activity }));
    answer["taskToken"] = task["taskToken"].clone();
    call(endpoint, operation, &answer);
    serde_json::from_str(task["input"].as_str().unwrap()).unwrap()
}

#[test]
fn every_task_that_is_answered_with_its_token_ends_the_same() {
    let (home, elsewhere) = (Home::plain(), Home::plain());
    let server = Server::start(&home);
    let there = step_functions(&server);
    let run_at = |endpoint: &str, name: &str, create: &dyn Fn(&Value) -> String| {
        let created = call(endpoint, "CreateActivity", &json!({ "name": "ask" }));
        let activity = created["activityArn"].as_str().unwrap();
        let machine = create(&asking(activity));
        std::thread::scope(|scope| {
            let answers = scope.spawn(|| {
                let output = json!({ "output": r#"{"yes": 1}"# });
                let first = answer(endpoint, activity, "SendTaskSuccess", output);
                let failure = json!({ "error": "No", "cause": "not today" });
                (first, answer(endpoint, activity, "SendTaskFailure", failure))
            });
            let done = run(endpoint, &machine, &elsewhere.path().join(name), false);
            (done, answers.join().unwrap())
        })
    };
    let local = run_at(&server.endpoint, "asking-local", &|definition: &Value| {
        let request = json!({ "name": "asking-local", "definition": definition.to_string(), "roleArn": ROLE });
        call(&server.endpoint, "CreateStateMachine", &request)["stateMachineArn"].as_str().unwrap().to_owned()
    });
    let deployed = run_at(&there, "asking-deployed", &|definition: &Value| {
        format!("{}:{ALIAS}", deploy(&home, &there, &home.definition("asking", definition), 20))
    });
    assert_eq!(local, deployed);
    assert_eq!((&local.0.status, &local.0.output["error"]["Error"]), (&json!("SUCCEEDED"), &json!("No")));
}

#[test]
fn the_runbook_with_three_workers_leaves_one_of_everything() {
    let home = Home::for_rehearsal();
    let world = home.world();
    let serving = Home::plain();
    let server = Server::start(&serving);
    let machine = deploy(&home, &server.endpoint, "endpoints-aws", 60);
    let _workers = Workers((0..3).map(|_| worker(&home, &server.endpoint, &["--rehearse"], &[])).collect());
    let workflow = workflows::find("endpoints-aws").unwrap();
    let input = workflow.prepare_input(workflow.rehearsal_input()).unwrap();
    let started =
        call(&server.endpoint, "StartExecution", &json!({ "stateMachineArn": machine, "input": input.to_string() }));
    let found = ended(&server.endpoint, started["executionArn"].as_str().unwrap(), REHEARSAL_SECONDS_MAX);
    assert_eq!(found["status"], "SUCCEEDED", "{found}");
    assert_eq!(world.inspect()["counts"], one_of_everything());
    let deployed: Value = serde_json::from_str(found["output"].as_str().unwrap()).unwrap();
    // The second run, on the local engine, finds every resource and changes nothing.
    let local = home.rehearse(&["-o", "json"]);
    assert!(local.contains("0 created, 0 updated, 45 unchanged"), "{local}");
    let last = local.lines().find_map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["output"].as_object().map(|_| line["output"].clone())
    });
    assert_eq!(last.map(|output| keys(&output)), Some(keys(&deployed)));
}

/// The field names of an output.
fn keys(output: &Value) -> Vec<String> {
    let mut keys: Vec<_> = output.as_object().unwrap().keys().cloned().collect();
    keys.sort();
    keys
}
