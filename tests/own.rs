//! The fear: a runbook of one's own needs pages of reading before it runs.

use std::{fs, process::Output};

use crate::support::{Home, text};

/// `flow` in a folder of its own, where new files are written.
fn in_folder(home: &Home, arguments: &[&str]) -> Output {
    let folder = home.path().join("work");
    fs::create_dir_all(&folder).unwrap();
    home.command(arguments).current_dir(folder).env("FLOW_PROGRAMS", "/bin/date:/bin/sh").output().unwrap()
}

fn told(home: &Home, arguments: &[&str], code: i32) -> String {
    let output = in_folder(home, arguments);
    let told = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "flow {arguments:?}: {told}");
    told
}

#[test]
fn four_commands_lead_to_a_workflow_of_ones_own_that_has_run() {
    let home = Home::plain();
    told(&home, &["new", "own"], 0);
    assert!(told(&home, &["check", "own.asl.yaml"], 0).contains("can run"));
    told(&home, &["run", "own.asl.yaml", "--yes", "--id", "own-1", "--no-wait=20s"], 75);
    told(&home, &["approve", "own-1", "--set", "ticket=CHG-17"], 0);
    in_folder(&home, &["resume", "own-1"]);
    assert!(told(&home, &["status", "own-1"], 0).contains("SUCCEEDED"));
    let refused = told(&home, &["new", "own"], 3);
    assert!(refused.contains("exists already: nothing was written"), "{refused}");
}

#[test]
fn the_tests_of_every_template_pass() {
    let home = Home::plain();
    for (template, more) in [
        ("first", &[][..]),
        ("approval", &["--input", r#"{"question": "Go?"}"#]),
        ("deploy", &["--input", r#"{"version": "1", "url": "http://127.0.0.1:9"}"#, "--expect", "RolledBack=FAILED"]),
        ("backup", &["--input", r#"{"folders": ["/a", "/b"], "target": "/c"}"#]),
        ("wait-for-http", &["--input", r#"{"url": "http://127.0.0.1:9"}"#]),
    ] {
        told(&home, &["new", template, "--template", template], 0);
        let (file, mocks) = (format!("{template}.asl.yaml"), format!("{template}.mocks.json"));
        told(&home, &[&["test", &file, "--mocks", &mocks], more].concat(), 0);
    }
}

#[test]
fn a_written_document_becomes_a_runbook_that_is_run_by_hand() {
    let home = Home::plain();
    fs::create_dir_all(home.path().join("work")).unwrap();
    fs::write(
        home.path().join("work/failover.md"),
        "# Fail over\n\nOnly at night.\n\n## Prepare\n\n1. Tell the team.\n2. Note the time:\n\n   ```sh\n   date\n   ```\n\n## Switch\n\n\
         1. Wait about 5 minutes until replication is idle.\n",
    )
    .unwrap();
    told(&home, &["new", "failover", "--from", "failover.md"], 0);
    let written = fs::read_to_string(home.path().join("work/failover.asl.yaml")).unwrap();
    for words in ["# Only at night.", "1. Prepare", "1.2 Note the time", "- date", "Seconds: 300", "flow:wait:http"] {
        assert!(written.contains(words), "{words:?} is not in: {written}");
    }
    told(&home, &["run", "failover.asl.yaml", "--yes", "--id", "f-1", "--no-wait"], 75);
    let asked = told(&home, &["approvals"], 0);
    assert!(asked.contains("Tell the team."), "{asked}");
    for _ in 0..3 {
        told(&home, &["approve", "f-1"], 0);
        in_folder(&home, &["resume", "f-1", "--no-wait"]);
    }
    assert!(told(&home, &["status", "f-1"], 0).contains("SUCCEEDED"));
    told(&home, &["new", "automated", "--from", "failover.md", "--run-commands"], 0);
    let written = fs::read_to_string(home.path().join("work/automated.asl.yaml")).unwrap();
    assert!(written.contains("flow:process:run"), "{written}");
}

#[test]
fn placeholders_are_named_and_replaced() {
    let home = Home::plain();
    fs::create_dir_all(home.path().join("work")).unwrap();
    fs::write(home.path().join("work/p.asl"), "StartAt: A\nStates:\n  A: {Type: Wait, Seconds: ${Pause}, End: true}\n")
        .unwrap();
    let named = told(&home, &["check", "p.asl"], 3);
    assert!(named.contains("--substitute Pause=VALUE"), "{named}");
    told(&home, &["run", "p.asl", "--yes", "--substitute", "Pause=0"], 0);
    fs::write(home.path().join("work/values.yaml"), "Pause: 0\n").unwrap();
    told(&home, &["check", "p.asl", "--substitute", "values.yaml"], 0);
}

#[test]
fn an_earlier_execution_is_run_again_with_another_field() {
    let home = Home::plain();
    let pass = serde_json::json!({ "Type": "Pass", "Output": "{% $states.input.a & $states.input.b %}", "End": true });
    let file = home.one("joined", &pass);
    told(&home, &["run", &file, "--yes", "--id", "j-1", "--set", "a=x", "--set", "b=y"], 0);
    fs::remove_file(&file).unwrap();
    let again = told(&home, &["run", "--again", "j-1", "--set", "b=z", "--yes"], 0);
    assert!(again.contains("xz"), "{again}");
    let missing = in_folder(&home, &["run", "--yes"]);
    assert_eq!(missing.status.code(), Some(2), "{}", text(&missing.stderr));
}

#[test]
fn the_editors_schema_is_json() {
    let home = Home::plain();
    let schema: serde_json::Value = serde_json::from_str(&told(&home, &["schema"], 0)).unwrap();
    assert!(schema["$defs"]["state"]["properties"]["Resource"].is_object());
    let of_input: serde_json::Value = serde_json::from_str(&told(&home, &["schema", "endpoints-aws"], 0)).unwrap();
    assert_eq!(of_input["type"], "object");
}
