//! A cancelled execution reports everything that it leaves.

use serde_json::json;

use crate::support::{Home, text, until};

/// Starts a program that signals that it runs and waits for a file, followed by one that must never run.
fn started(home: &Home, id: &str) -> (std::process::Child, String) {
    let folder = home.path().display();
    let script = home.program(
        "slow.sh",
        &format!("echo run >> {folder}/log; touch {folder}/runs; while [ ! -e {folder}/go ]; do sleep 0.05; done; echo '{{}}'"),
    );
    let step = |next: serde_json::Value| {
        let mut state = json!({ "Type": "Task", "Resource": "flow:process:run", "Arguments": { "Program": script } });
        state.as_object_mut().unwrap().extend(next.as_object().unwrap().clone());
        state
    };
    let definition = json!({ "QueryLanguage": "JSONata", "StartAt": "Slow", "States": {
        "Slow": step(json!({ "Next": "Never" })), "Never": step(json!({ "End": true })) } });
    let file = home.definition("slow", &definition);
    let mut command = home.command(&["run", &file, "--yes", "--id", id]);
    command.env("FLOW_PROGRAMS", &script).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let child = command.spawn().unwrap();
    until(20, "the program runs", || home.path().join("runs").exists());
    (child, script)
}

#[test]
fn a_proposed_command_quotes_an_id_that_a_shell_would_split() {
    let home = Home::plain();
    home.exits(&["run", &home.waits("long", 3600), "--yes", "--no-wait=0", "--id", "a(b)"], 75);
    let said = home.exits(&["cancel", "a(b)", "--comment", "not needed"], 0);
    assert!(said.contains("flow resume 'a(b)'"), "{said}");
    let said = home.exits(&["cancel", "a(b)"], 1);
    assert!(said.contains("flow status 'a(b)'"), "{said}");
    for command in ["status", "events"] {
        let said = home.succeed(&[command, "a(b)"]);
        assert!(said.contains("Cancelled: by ") && said.contains(": not needed"), "{command}: {said}");
    }
}

#[test]
fn a_cancel_waits_for_the_call_in_flight_and_makes_no_other() {
    let home = Home::plain();
    let (owner, _) = started(&home, "c-1");
    let cancel = home.spawn(&["cancel", "c-1"]);
    until(20, "it is being cancelled", || home.succeed(&["status", "c-1"]).contains("CANCELLING"));
    assert_eq!(home.status_of("c-1"), "RUNNING", "the call has not answered");
    std::fs::write(home.path().join("go"), "").unwrap();
    let cancelled = cancel.wait_with_output().unwrap();
    let said = text(&cancelled.stdout);
    assert_eq!(cancelled.status.code(), Some(0), "{said}{}", text(&cancelled.stderr));
    for words in ["In flight: \"Slow\"", "flow cancel c-1 --now", "c-1 is cancelled"] {
        assert!(said.contains(words), "{words:?} is not in: {said}");
    }
    assert_eq!(owner.wait_with_output().unwrap().status.code(), Some(1));
    assert_eq!(home.status_of("c-1"), "ABORTED");
    assert_eq!(std::fs::read_to_string(home.path().join("log")).unwrap(), "run\n", "Never was not called");
    let events = home.succeed(&["events", "c-1"]);
    assert!(events.contains("TaskSucceeded"), "the answer is recorded: {events}");
}

#[test]
fn a_cancel_now_says_what_may_have_happened() {
    let home = Home::plain();
    let (owner, _) = started(&home, "c-1");
    let said = home.succeed(&["cancel", "c-1", "--now"]);
    for words in ["In flight and not waited for: \"Slow\"", "may have taken effect", "flow resume c-1"] {
        assert!(said.contains(words), "{words:?} is not in: {said}");
    }
    assert_eq!(home.status_of("c-1"), "ABORTED");
    assert_eq!(owner.wait_with_output().unwrap().status.code(), Some(1));
}

#[test]
fn a_cancel_whose_wait_was_in_vain_says_that_it_waited() {
    let home = Home::plain();
    let (owner, _) = started(&home, "c-1");
    let said = home.succeed(&["cancel", "c-1", "-o", "json"]);
    let line: serde_json::Value = said.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap();
    let facts = [("waited", json!(true)), ("answered", json!(false)), ("ended", json!(true))];
    for (field, value) in facts {
        assert_eq!(line[field], value, "{field}: {line}");
    }
    assert_eq!(line["inFlight"][0]["statePath"], "Slow");
    assert_eq!(home.status_of("c-1"), "ABORTED");
    assert_eq!(owner.wait_with_output().unwrap().status.code(), Some(1));
}
