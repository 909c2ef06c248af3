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
        assert!(said.contains("does not match the schema of flow:acm:waitForCertificate"), "{said}");
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

/// A Task that polls a port on which nothing listens, and that a signal may answer.
fn waits_for_port() -> Value {
    json!({ "Type": "Task", "Resource": "flow:wait:tcp", "TimeoutSeconds": 3600,
        "Arguments": { "Host": "127.0.0.1", "Port": 1, "IntervalSeconds": 60 } })
}

fn activity(home: &Home) -> Value {
    let server = crate::serve::Server::start(home);
    crate::support::post(&server.endpoint, "AWSStepFunctions.CreateActivity", r#"{"name": "approve"}"#);
    json!({ "Type": "Task", "Resource": "arn:aws:states:us-east-1:111111111111:activity:approve" })
}

#[test]
fn who_answered_and_why_is_in_history_export_and_json() {
    let home = Home::plain();
    let mut task = waits_for_port();
    task["End"] = json!(true);
    home.exits(&["run", &home.one("approval", &task), "--yes", "--no-wait", "--id", "one"], 75);
    let said = home.exits(&["signal", "one", "Nothing", "--success", "1"], 3);
    assert!(said.contains("\"Only\""), "it names the waiting state: {said}");
    home.exits(&["signal", "one", "Only", "--success", r#"{"Address": "a"}"#, "--comment", "four eyes"], 0);
    for command in [&["events", "one"][..], &["events", "one", "-o", "json"], &["export", "one"]] {
        assert!(home.exits(command, 0).contains("four eyes"), "{command:?}");
    }
    let printed = home.succeed(&["events", "one", "-o", "json", "--since", "3"]);
    let lines: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let entries: Vec<&Value> = lines.iter().filter(|line| line["type"] == "entry").collect();
    assert_eq!(entries[0]["sequence"], 3, "{printed}");
    assert!(entries.iter().all(|entry| entry["message"].as_str().is_some_and(|text| !text.is_empty())), "{printed}");
    home.exits(&["resume", "one"], 0);
    assert_eq!(home.status_of("one"), "SUCCEEDED");
}

#[test]
fn an_activity_that_has_timed_out_is_shown_so_and_not_answered() {
    let home = Home::plain();
    let mut task = activity(&home);
    (task["TimeoutSeconds"], task["End"]) = (json!(1), json!(true));
    home.exits(&["run", &home.one("late", &task), "--yes", "--no-wait=0", "--id", "one"], 75);
    until(10, "it times out", || home.exits(&["status", "one"], 0).contains("timed out"));
    let shown = home.exits(&["status", "one"], 0);
    assert!(shown.contains("waits for a worker · timed out"), "{shown}");
    assert!(shown.contains("It can no longer be answered. To continue:   flow resume one"), "{shown}");
    assert!(shown.contains("INTERRUPTED") && !shown.contains("flow signal"), "{shown}");
    for command in [&["status"][..], &["status", "-o", "json"], &["status", "one", "-o", "json"], &["approvals"]] {
        let shown = home.exits(command, 0);
        assert!(!shown.contains("flow signal"), "{command:?}: {shown}");
    }
    let refused = home.exits(&["signal", "one", "Only", "--success", "1"], 1);
    assert!(refused.contains("timed out at") && refused.contains("flow resume one continues"), "{refused}");
    let refused = home.exits(&["signal", "one", "Other", "--success", "1"], 3);
    assert!(refused.contains("no task waits"), "{refused}");
}

#[test]
fn an_answer_is_one_of_success_failure_and_withdrawal() {
    let home = Home::plain();
    let said = home.exits(&["signal", "one", "Only"], 2);
    assert!(said.contains("<--success <JSON>|--failure <ERROR>|--withdraw>"), "{said}");
    for two in [["--success", "1", "--withdraw"].as_slice(), &["--failure", "Wrong", "--withdraw"]] {
        home.exits(&[&["signal", "one", "Only"], two].concat(), 2);
    }
}

#[test]
fn an_early_answer_is_kept_until_its_state_waits() {
    let home = Home::plain();
    let mut task = waits_for_port();
    task["Next"] = json!("Pause");
    let pause = json!({ "Type": "Wait", "Seconds": 600, "End": true });
    let states =
        json!({ "Rest": { "Type": "Wait", "Seconds": 1, "Next": "Approve" }, "Approve": task, "Pause": pause });
    let definition = json!({ "QueryLanguage": "JSONata", "StartAt": "Rest", "States": states });
    let file = home.definition("early", &definition);
    home.exits(&["run", &file, "--yes", "--no-wait=0", "--id", "one"], 75);
    let (yes, no) = (r#"{"Address":"yes"}"#, r#"{"Address":"no"}"#);
    let said = home.exits(&["signal", "one", "Approve", "--success", yes], 3);
    assert!(said.contains("no task waits"), "{said}");
    home.exits(&["signal", "one", "Nowhere", "--success", "1", "--early"], 3);
    let said = home.exits(&["signal", "one", "Approve", "--success", yes, "--early", "--comment", "on leave"], 0);
    assert!(said.contains("kept until it does"), "{said}");
    home.exits(&["resume", "one", "--no-wait"], 75);
    assert!(home.exits(&["status", "one", "--state", "Approve"], 0).contains("yes"));
    assert!(home.exits(&["events", "one"], 0).contains("on leave"));
    let said = home.exits(&["signal", "one", "Approve", "--success", no, "--early"], 1);
    assert!(said.contains("\"Approve\" of one was answered by "), "it was left, and nothing leads back to it: {said}");
}

/// A Task that calls a program, which takes this long.
fn slow_call(home: &Home, seconds: u32) -> (String, std::path::PathBuf, String) {
    let effects = home.path().join("effects");
    let (begun, ended) =
        (format!("echo begun >> {}", effects.display()), format!("echo ended >> {}", effects.display()));
    let program = home.program("slow", &format!("{begun}; sleep {seconds}; {ended}; echo 7"));
    let arguments = json!({ "Program": program });
    let task = json!({ "Type": "Task", "Resource": "flow:process:run", "Arguments": arguments, "End": true });
    (home.one("slow", &task), effects, program)
}

fn lines(effects: &std::path::Path) -> String {
    std::fs::read_to_string(effects).unwrap_or_default()
}

#[test]
fn a_call_that_runs_is_not_answered_and_ends_with_its_own_output() {
    let home = Home::plain();
    let (file, effects, program) = slow_call(&home, 6);
    let server = crate::serve::Server::start_with(&home, &[("FLOW_PROGRAMS", &program)]);
    let run = |id: &str| {
        let mut run = home.command(&["run", &file, "--yes", "--id", id]);
        run.env("FLOW_PROGRAMS", &program).stdout(std::process::Stdio::null()).spawn().unwrap()
    };
    let runs = ["one", "two"].map(run);
    until(20, "both programs run", || lines(&effects).matches("begun").count() == 2);
    for answer in [&["--success", "1"][..], &["--failure", "Wrong"]] {
        let said = home.exits(&[&["signal", "one", "Only"], answer].concat(), 1);
        assert!(said.contains("\"Only\" of one waits for no answer: its call is running"), "{said}");
    }
    for mut run in runs {
        assert_eq!(run.wait().unwrap().code(), Some(0));
    }
    assert_eq!(lines(&effects).matches("ended").count(), 2, "no program was ended");
    let said = home.exits(&["signal", "one", "Only", "--success", "1"], 1);
    assert!(said.contains("one has ended: SUCCEEDED at 2") && said.contains("nothing was changed"), "{said}");
    drop(server);
    let said = home.exits(&["signal", "two", "Only", "--failure", "Wrong"], 1);
    assert!(said.contains("two has ended: SUCCEEDED at 2"), "{said}");
}

#[test]
fn after_its_owner_died_a_call_is_not_answered_and_what_waits_for_a_person_is() {
    let home = Home::plain();
    let (file, effects, program) = slow_call(&home, 60);
    let arguments = json!({ "Prompt": "Go?" });
    let ask = json!({ "Type": "Task", "Resource": "flow:approval:request", "Arguments": arguments, "End": true });
    let mut owner = home.command(&["run", &file, "--yes", "--id", "calls"]);
    let mut owner = owner.env("FLOW_PROGRAMS", &program).stdout(std::process::Stdio::null()).spawn().unwrap();
    until(20, "the program runs", || lines(&effects).contains("begun"));
    home.exits(&["run", &home.one("ask", &ask), "--yes", "--no-wait", "--id", "asks"], 75);
    crate::support::send("-KILL", owner.id());
    owner.wait().unwrap();
    let said = home.exits(&["signal", "calls", "Only", "--success", "1"], 1);
    assert!(said.contains("its call was running when the process that made it ended"), "{said}");
    assert_eq!(home.status_of("calls"), "RUNNING", "nothing was answered");
    home.exits(&["approve", "asks"], 0);
    assert_eq!(home.status_of("asks"), "SUCCEEDED");
}
