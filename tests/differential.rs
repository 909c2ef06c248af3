//! A workflow does the same on Step Functions with workers as on the local engine.
//!
//! Each workflow runs twice: unchanged on `flow serve`, with the steps called by the server's own engine, and compiled by
//! `flow deploy`, with the steps called by three workers. The second run is on the same server, or with
//! `FLOW_TEST_STEP_FUNCTIONS=URL` on LocalStack (tests/localstack.sh). Status, output, error, effects and the order of
//! the history must be the same. The runbook acts in the world of a rehearsal, which the workers reach on loopback.

use std::{collections::BTreeMap, path::Path};

use deploy::plan::ALIAS;
use engine::asl::each_state;
use serde_json::{Value, json};

use crate::{
    campaign::{Workers, deploy, ended, step_functions, worker},
    serve::Server,
    support::{Home, one_of_everything, post},
};

const SECONDS_MAX: u64 = 60;
const REHEARSAL_SECONDS_MAX: u64 = 300;
const ROLE: &str = "arn:aws:iam::111111111111:role/flow";

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

fn maps(program: &str) -> [(&'static str, Value); 4] {
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
    let mut distributed = map.clone();
    distributed["ItemProcessor"]["ProcessorConfig"] = json!({ "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" });
    [
        ("map", machine("Each", map)),
        ("distributed-map", machine("Each", distributed)),
        ("nested-map", nested),
        ("path-nested-map", path_nested_map(program)),
    ]
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

/// All events of a history.
fn events(endpoint: &str, execution: &str) -> Vec<Value> {
    let mut all = Vec::new();
    let mut request = json!({ "executionArn": execution, "maxResults": 1_000 });
    loop {
        let mut page = call(endpoint, "GetExecutionHistory", &request);
        all.append(page["events"].as_array_mut().unwrap());
        match page["nextToken"].take() {
            Value::Null => return all,
            token => request["nextToken"] = token,
        }
    }
}

/// The machine that contains each state of a definition.
fn machines(definition: &Value) -> BTreeMap<String, String> {
    let mut machines = BTreeMap::new();
    each_state(definition, &mut |state| {
        let (machine, _) = state.pointer.rsplit_once("/States/").unwrap();
        machines.insert(state.name.to_owned(), machine.to_owned());
    });
    machines
}

/// The entered and exited states of each machine of a definition, in the order of the history. Those of a Map are sorted,
/// because its iterations run at once. States that the compiler adds are left out.
fn history(endpoint: &str, execution: &str, definition: &Value) -> BTreeMap<String, Vec<String>> {
    let machines = machines(definition);
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for event in events(endpoint, execution) {
        let kind = event["type"].as_str().unwrap();
        let details = ["stateEnteredEventDetails", "stateExitedEventDetails"];
        let name = details.iter().find_map(|details| event[details]["name"].as_str());
        if let Some((name, machine)) = name.and_then(|name| Some((name, machines.get(name)?))) {
            found.entry(machine.clone()).or_default().push(format!("{name} {kind}"));
        }
    }
    let of_maps = found.iter_mut().filter(|(machine, _)| machine.contains("/ItemProcessor"));
    of_maps.for_each(|(_, events)| events.sort());
    found
}

fn effects(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let effects = files.filter(|file| file.file_name().unwrap().to_str().unwrap().starts_with("effect-"));
    let mut effects: Vec<_> = effects.map(|file| std::fs::read_to_string(file).unwrap().trim().to_owned()).collect();
    effects.sort();
    effects
}

fn run(endpoint: &str, machine: &str, folder: &Path, definition: &Value) -> Run {
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
        history: history(endpoint, execution, definition),
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
        let local = run(&server.endpoint, &local, &folder("local"), &definition);
        let deployed = run(&there, &deployed, &folder("deployed"), &definition);
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
        let definition = asking(activity);
        let machine = create(&definition);
        std::thread::scope(|scope| {
            let answers = scope.spawn(|| {
                let output = json!({ "output": r#"{"yes": 1}"# });
                let first = answer(endpoint, activity, "SendTaskSuccess", output);
                let failure = json!({ "error": "No", "cause": "not today" });
                (first, answer(endpoint, activity, "SendTaskFailure", failure))
            });
            let done = run(endpoint, &machine, &elsewhere.path().join(name), &definition);
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

/// The compared properties of a run of the runbook.
#[derive(Debug, PartialEq)]
struct RunbookRun {
    output: Value,
    history: BTreeMap<String, Vec<String>>,
}

impl RunbookRun {
    fn read(endpoint: &str, execution: &str) -> Self {
        let found = ended(endpoint, execution, REHEARSAL_SECONDS_MAX);
        assert_eq!(found["status"], "SUCCEEDED", "{found}");
        let definition = workflows::find("endpoints-aws").unwrap().definition().unwrap();
        let output = serde_json::from_str(found["output"].as_str().unwrap()).unwrap();
        RunbookRun { output, history: history(endpoint, execution, &definition) }
    }

    /// Starts the deployed runbook and waits for its end.
    fn with_workers(endpoint: &str, machine: &str) -> Self {
        let workflow = workflows::find("endpoints-aws").unwrap();
        let input = workflow.prepare_input(workflow.rehearsal_input()).unwrap().to_string();
        let started = call(endpoint, "StartExecution", &json!({ "stateMachineArn": machine, "input": input }));
        RunbookRun::read(endpoint, started["executionArn"].as_str().unwrap())
    }

    /// Reads the last run of the local engine.
    fn here(home: &Home) -> Self {
        let rehearsals = home.path().join("rehearsal");
        let server = Server::start_with(home, &[("FLOW_HOME", rehearsals.to_str().unwrap())]);
        let listed = call(&server.endpoint, "ListStateMachines", &json!({}));
        let all = listed["stateMachines"].as_array().unwrap();
        let machine = all.iter().find(|machine| machine["name"] == "endpoints-aws").unwrap();
        let request = json!({ "stateMachineArn": machine["stateMachineArn"], "maxResults": 1 });
        let last = call(&server.endpoint, "ListExecutions", &request);
        RunbookRun::read(&server.endpoint, last["executions"][0]["executionArn"].as_str().unwrap())
    }

    /// The run without what differs between two worlds.
    fn in_any_world(mut self, home: &Home) -> Self {
        // It ends with random letters.
        let arn = &mut self.output["database"]["passwordSecretArn"];
        *arn = arn.as_str().unwrap().rsplit_once('-').unwrap().0.into();
        replace_numbers(&mut self.output, home.path().to_str().unwrap());
        self
    }
}

/// Replaces each word of a text that contains a digit, such as an id, an address or a time, and the path of the home.
fn replace_numbers(value: &mut Value, home: &str) {
    match value {
        Value::String(text) => {
            let text_here = text.replace(home, "HOME");
            let words = text_here.split_inclusive(|c: char| !c.is_ascii_alphanumeric() && c != '-').map(|word| {
                let has_digit = word.contains(|c: char| c.is_ascii_digit());
                if has_digit { "N " } else { word }
            });
            *text = words.collect();
        }
        Value::Array(items) => items.iter_mut().for_each(|item| replace_numbers(item, home)),
        Value::Object(fields) => fields.values_mut().for_each(|field| replace_numbers(field, home)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The first run on the local engine, in a world of its own.
fn runbook_here() -> RunbookRun {
    let home = Home::for_rehearsal();
    home.rehearse(&[]);
    assert_eq!(home.world().inspect()["counts"], one_of_everything());
    RunbookRun::here(&home).in_any_world(&home)
}

#[test]
fn the_runbook_does_the_same_with_three_workers_and_leaves_one_of_everything() {
    // Before the other home: a test with two homes for rehearsals may deadlock.
    let expected = runbook_here();
    let home = Home::for_rehearsal();
    let world = home.world();
    let serving = Home::plain();
    let server = Server::start(&serving);
    let there = step_functions(&server);
    let machine = format!("{}:{ALIAS}", deploy(&home, &there, "endpoints-aws", 60));
    let _workers = Workers((0..3).map(|_| worker(&home, &there, &["--rehearse"], &[])).collect());
    let created = RunbookRun::with_workers(&there, &machine);
    assert_eq!(world.inspect()["counts"], one_of_everything());
    // The second run, on the local engine, finds every resource and changes nothing. So does the third, with the workers.
    let reported = home.rehearse(&["-o", "json"]);
    assert!(reported.contains("0 created, 0 updated, 45 unchanged"), "{reported}");
    assert_eq!(RunbookRun::with_workers(&there, &machine), RunbookRun::here(&home));
    assert_eq!(world.inspect()["counts"], one_of_everything());
    assert_eq!(created.in_any_world(&home), expected);
}
