//! `flow dev` runs only what a change affects, against mocked answers.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::Stdio,
};

use serde_json::{Value, json};

use crate::support::{Home, send};

fn definition(home: &Home, last: &str) -> String {
    let task = |resource: &str, next: &str| json!({ "Type": "Task", "Resource": resource, "Arguments": arguments(resource), "Next": next });
    let definition = json!({ "QueryLanguage": "JSONata", "StartAt": "Read", "States": {
        "Read": task("flow:process:run", "Rest"),
        "Rest": { "Type": "Wait", "Seconds": 86_400, "Next": "Ask" },
        "Ask": task("flow:approval:request", "Last"),
        "Last": { "Type": "Pass", "Output": last, "End": true } } });
    home.definition("own", &definition)
}

fn arguments(resource: &str) -> Value {
    match resource {
        "flow:process:run" => json!({ "Program": "/bin/date" }),
        _ => json!({ "Prompt": "Go?" }),
    }
}

#[test]
fn once_checks_and_runs_with_mocks_and_says_how_much_is_automated() {
    let home = Home::plain();
    let file = definition(&home, "{% 'read ' & $states.input.n %}");
    let said = home.exits(&["dev", &file, "--once"], 0);
    for words in [
        "✔ Read",
        "✔ Ask",
        "SUCCEEDED",
        "1 of 2 steps automated. By hand: Ask.",
        "Without a mock, answered with {}: Read, Ask",
    ] {
        assert!(said.contains(words), "{words:?} is not in: {said}");
    }
    let mocks = json!({
        "StateMachines": { "own": { "TestCases": { "Broken": { "Read": "Fails" }, "Fine": { "Ask": "Seven" } } } },
        "MockedResponses": { "Fails": { "0": { "Throw": { "Error": "Disk.Full" } } }, "Seven": { "0": { "Return": { "n": 7 } } } } });
    let answers = home.path().join("answers.json");
    fs::write(&answers, mocks.to_string()).unwrap();
    let answers = answers.to_str().unwrap();
    let said = home.exits(&["dev", &file, "--once", "--mocks", answers, "--input", "{}"], 1);
    assert!(said.contains("✖ Read   Disk.Full") && said.contains("FAILED"), "{said}");
    let said = home.exits(&["dev", &file, "--once", "--mocks", answers, "--case", "Fine", "-o", "json"], 0);
    let line: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert_eq!((&line["output"], &line["byHand"]), (&json!("read 7"), &json!(["Ask"])), "{said}");
    let wrong = home.one("wrong", &json!({ "Type": "Pass", "Next": "Nowhere" }));
    let said = home.exits(&["dev", &wrong, "--once"], 3);
    assert!(said.contains("Nowhere"), "{said}");
    let named = home.path().join("named.asl.yaml");
    fs::write(&named, "StartAt: A\nStates:\n  A: {Type: Wait, Seconds: ${Pause}, End: true}\n").unwrap();
    home.exits(&["dev", named.to_str().unwrap(), "--once", "--substitute", "Pause=5"], 0);
}

#[test]
fn a_save_runs_it_again_from_the_first_changed_state_until_it_is_interrupted() {
    let home = Home::plain();
    let file = definition(&home, "{% 'one' %}");
    let mut command = home.command(&["dev", &file]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(|line| line.unwrap());
    let mut until = |wanted: &str| {
        let mut seen = Vec::new();
        for line in lines.by_ref() {
            seen.push(line);
            if seen.last().is_some_and(|line| line.contains(wanted)) {
                return seen.join("\n");
            }
        }
        unreachable!("{wanted:?} was never printed: {seen:?}")
    };
    let first = until("Watching");
    assert!(first.contains("Ran.") && first.contains("\"one\""), "{first}");
    definition(&home, "{% 'second' %}");
    let second = until("Watching");
    assert!(second.contains("Ran again from \"Last\"") && second.contains("\"second\""), "{second}");
    assert!(second.contains("✔ Read"), "states that did not run again are still shown: {second}");
    fs::write(&file, "{").unwrap();
    until("Watching");
    definition(&home, "{% 'third one' %}");
    let third = until("Watching");
    assert!(third.contains("\"third one\""), "{third}");
    send("-INT", child.id());
    assert_eq!(child.wait().unwrap().code(), Some(130));
}
