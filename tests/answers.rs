//! An answer to a task never breaks the run, is never lost, and is recorded with its author.

use serde_json::{Value, json};

use crate::support::{Home, SPEED, until};

const CERTIFICATE_WAIT: &str = "Wait until somebody makes the record and the certificate is issued";

/// A rehearsal that waits for the certificate of a domain whose zone is in another account.
fn at_the_certificate(home: &Home) -> std::process::Child {
    home.world();
    let set = ["--set", "deployment=second", "--set", "domain=app.elsewhere.test", "--progress", "none"];
    let run = ["run", "endpoints-aws", "--rehearse", "--speed", SPEED, "--yes", "--id", "rehearsal-one"];
    let child = home.spawn(&[&run[..], &set].concat());
    until(60, "it waits for the certificate", || {
        let output = home.flow(&["status", "rehearsal-one"]);
        crate::support::text(&output.stdout).contains("--success")
    });
    child
}

/// Splits the command that an instruction prints as a shell does.
fn printed_command(said: &str) -> String {
    let line = said.lines().find(|line| line.contains("--success")).unwrap();
    line.split_once("flow signal").map(|(_, rest)| format!("signal{rest}")).unwrap()
}

fn through_a_shell(home: &Home, command: &str) -> std::process::Output {
    let flow = env!("CARGO_BIN_EXE_flow");
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &format!("{flow} {command}")]).env("FLOW_HOME", home.path()).env("USER", "alice");
    shell.output().unwrap()
}

#[test]
fn an_answer_of_another_shape_is_refused_and_the_printed_command_works_when_pasted() {
    let home = Home::for_rehearsal();
    let mut run = at_the_certificate(&home);
    for wrong in ["{}", r#"{"certificateArn": 7, "status": "ISSUED"}"#, "1"] {
        let said = home.exits(&["signal", "rehearsal-one", CERTIFICATE_WAIT, "--success", wrong], 3);
        assert!(said.contains("no output of flow:acm:waitForCertificate"), "{said}");
    }
    let said = home.exits(&["signal", "rehearsal-one", CERTIFICATE_WAIT, "--success", "{}"], 3);
    assert!(
        said.contains("certificateArn") && said.contains("nothing was answered"),
        "it names the missing field: {said}"
    );
    assert_eq!(home.status_of("rehearsal-one"), "RUNNING");
    let command = printed_command(&home.exits(&["status", "rehearsal-one"], 0));
    let output = through_a_shell(&home, &format!("{command} --comment 'checked by hand'"));
    assert!(output.status.success(), "{command}: {}", crate::support::text(&output.stderr));
    let events = home.exits(&["events", "rehearsal-one"], 0);
    let line = events.lines().find(|line| line.contains("signalled")).unwrap();
    assert!(line.contains("by ") && line.contains("checked by hand"), "{line}");
    let _ = run.kill();
    let _ = run.wait();
}

fn activity(home: &Home) -> Value {
    let server = crate::serve::Server::start(home);
    crate::support::post(&server.endpoint, "AWSStepFunctions.CreateActivity", r#"{"name": "approve"}"#);
    json!({ "Type": "Task", "Resource": "arn:aws:states:us-east-1:111111111111:activity:approve" })
}

#[test]
fn who_answered_and_why_is_in_history_export_and_json() {
    let home = Home::plain();
    let mut task = activity(&home);
    task["End"] = json!(true);
    home.exits(&["run", &home.one("approval", &task), "--yes", "--no-wait", "--id", "one"], 75);
    let said = home.exits(&["signal", "one", "Nothing", "--success", "1"], 3);
    assert!(said.contains("\"Only\""), "it names the waiting state: {said}");
    home.exits(&["signal", "one", "Only", "--success", "{\"approved\": true}", "--comment", "four eyes"], 0);
    for command in [&["events", "one"][..], &["events", "one", "-o", "json"], &["export", "one"]] {
        assert!(home.exits(command, 0).contains("four eyes"), "{command:?}");
    }
    home.exits(&["resume", "one"], 0);
    assert_eq!(home.status_of("one"), "SUCCEEDED");
}

#[test]
fn an_early_answer_is_kept_until_its_state_waits() {
    let home = Home::plain();
    let mut task = activity(&home);
    task["End"] = json!(true);
    let states = json!({ "Rest": { "Type": "Wait", "Seconds": 1, "Next": "Approve" }, "Approve": task });
    let file = home.definition("early", &json!({ "StartAt": "Rest", "States": states }));
    home.exits(&["run", &file, "--yes", "--no-wait=0", "--id", "one"], 75);
    let said = home.exits(&["signal", "one", "Approve", "--success", "\"yes\""], 3);
    assert!(said.contains("no task waits"), "{said}");
    home.exits(&["signal", "one", "Nowhere", "--success", "1", "--early"], 3);
    let said = home.exits(&["signal", "one", "Approve", "--success", "\"yes\"", "--early", "--comment", "on leave"], 0);
    assert!(said.contains("kept until it does"), "{said}");
    let said = home.exits(&["resume", "one"], 0);
    assert!(said.contains("SUCCEEDED") && said.contains("yes"), "{said}");
    assert!(home.exits(&["events", "one"], 0).contains("on leave"));
}
