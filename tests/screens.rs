//! The screens are true, and programs can parse them.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::{
    serve::Server,
    support::{Home, SPEED, text, until},
};

fn pass(home: &Home) -> String {
    home.one("keep", &json!({ "Type": "Pass", "End": true }))
}

#[test]
fn cancel_of_an_ended_execution_says_so_and_changes_nothing() {
    let home = Home::plain();
    home.exits(&["run", &pass(&home), "--yes", "--id", "one"], 0);
    for _ in 0..2 {
        let said = home.exits(&["cancel", "one"], 1);
        assert!(said.contains("has already ended (SUCCEEDED): nothing was changed"), "{said}");
    }
    home.exits(&["run", &home.waits("long", 3600), "--yes", "--no-wait", "--id", "two"], 75);
    let said = home.exits(&["cancel", "two"], 0);
    assert!(said.contains("two is cancelled"), "{said}");
    let said = home.exits(&["cancel", "two"], 1);
    assert!(said.contains("ABORTED"), "{said}");
    home.exits(&["resume", "two", "--no-wait"], 75);
    assert_eq!(home.status_of("two"), "RUNNING");
}

#[test]
fn a_resume_is_proposed_only_where_it_continues() {
    let home = Home::plain();
    let hopeless = [
        json!({ "Type": "Pass", "Output": "{% $states.input.missing %}", "End": true }),
        json!({ "Type": "Fail", "Error": "Broken", "Cause": "as meant" }),
        json!({ "Type": "Task", "Resource": "flow:process:run", "Arguments": { "Program": "{% $number('x') %}" }, "End": true }),
    ];
    for (state, number) in hopeless.iter().zip(1..) {
        let id = format!("hopeless-{number}");
        let said = home.exits(&["run", &home.one("hopeless", state), "--yes", "--id", &id], 1);
        // A Fail state is no mistake of the definition: the workflow has ended itself.
        let proposal = match state["Type"] == "Fail" {
            true => format!("flow run --again {id}"),
            false => format!("flow run {} --again {id}", home.path().join("hopeless.asl.json").display()),
        };
        assert!(said.contains(&proposal) && !said.contains("flow resume"), "{state}: {said}");
        let listed = home.exits(&["status"], 0);
        assert!(!listed.contains("flow resume"), "{listed}");
        let shown = home.exits(&["status", &id], 0);
        assert!(shown.contains(&proposal) && !shown.contains("flow resume"), "{shown}");
    }
    let program = home.path().join("later.sh");
    let task =
        json!({ "Type": "Task", "Resource": "flow:process:run", "Arguments": { "Program": program }, "End": true });
    let allowed = [("FLOW_PROGRAMS", program.to_str().unwrap())];
    let said = home.exits_with(&["run", &home.one("later", &task), "--yes", "--id", "later"], &allowed, 1);
    assert!(said.contains("Fix the cause, then   flow resume later"), "{said}");
    home.program("later.sh", "echo 1");
    home.exits_with(&["resume", "later"], &allowed, 0);
}

#[test]
fn after_a_failure_nothing_runs_and_no_clock_goes() {
    let home = Home::plain();
    let rest = json!({ "StartAt": "Rest", "States": { "Rest": { "Type": "Wait", "Seconds": 600, "End": true } } });
    let fail = json!({ "StartAt": "Soon", "States": {
        "Soon": { "Type": "Wait", "Seconds": 1, "Next": "Stop" }, "Stop": { "Type": "Fail", "Error": "No" } } });
    let both = json!({ "Type": "Parallel", "Branches": [rest, fail], "End": true });
    home.exits(&["run", &home.one("both", &both), "--yes", "--id", "one"], 1);
    let before = home.exits(&["status", "one"], 0);
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    assert_eq!(before, home.exits(&["status", "one"], 0));
    assert!(!before.contains('●') && !before.contains('⏸'), "{before}");
}

#[test]
fn a_watch_ends_with_the_executions_exit_code() {
    let home = Home::plain();
    home.exits(&["run", &pass(&home), "--yes", "--id", "good"], 0);
    home.exits(&["run", &home.one("fail", &json!({ "Type": "Fail", "Error": "No" })), "--yes", "--id", "bad"], 1);
    home.exits(&["status", "good", "--watch"], 0);
    home.exits(&["status", "bad", "--watch"], 1);
    home.exits(&["status", "bad"], 0);
}

#[test]
fn every_output_is_shown_whatever_its_type() {
    let home = Home::plain();
    for (value, shown) in
        [(json!(424_242), "424242"), (json!("a text"), "a text"), (json!([1, 2]), "[1,2]"), (json!(true), "true")]
    {
        let said = home
            .exits(&["run", &home.one("keep", &json!({ "Type": "Pass", "Output": value, "End": true })), "--yes"], 0);
        assert!(said.contains(&format!("  {shown}")), "{said}");
    }
}

#[test]
fn the_plan_of_a_rehearsal_is_shown_and_nothing_is_started() {
    let home = Home::for_rehearsal();
    let said = home.exits(&["run", "endpoints-aws", "--rehearse", "--plan"], 0);
    for words in ["create    AWS::EC2::VPC", "Plan: ", " to create", "wait      ", "Estimated cost: ", "IAM actions"] {
        assert!(said.contains(words), "{words:?} is not in: {said}");
    }
    assert_eq!(home.world().changing_calls(), Vec::<String>::new());
    let file = home.one("pass", &json!({ "Type": "Pass", "End": true }));
    let said = home.exits(&["run", &file, "--plan", "--yes"], 0);
    assert!(said.contains("pass"), "a workflow whose steps cannot plan is only named: {said}");
}

#[test]
fn a_rehearsal_is_torn_down_in_one_go() {
    let home = Home::for_rehearsal();
    // The teardown is that of the run's own deployment.
    let said = home.rehearse(&["--yes", "--teardown", "--set", "deployment=fourth"]);
    assert_eq!(said.matches("SUCCEEDED").count(), 2, "{said}");
    assert_eq!(home.world().inspect()["counts"]["vpcs"], 0);
}

#[test]
fn every_message_for_programs_says_something() {
    let home = Home::plain();
    let states: serde_json::Map<String, Value> = (1..=5)
        .map(|n| match n {
            5 => ("Step 5".to_owned(), json!({ "Type": "Succeed" })),
            n => (format!("Step {n}"), json!({ "Type": "Pass", "Next": format!("Step {}", n + 1) })),
        })
        .collect();
    let file = home.definition("steps", &json!({ "StartAt": "Step 1", "States": states }));
    let said = home.succeed(&["run", &file, "--yes", "-o", "json"]);
    let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let messages: Vec<&Value> = lines.iter().filter_map(|line| line.get("message")).collect();
    assert!(messages.len() > 10, "{said}");
    assert!(messages.iter().all(|message| !message.as_str().unwrap().is_empty()), "{said}");
}

#[test]
fn the_last_check_is_current_in_a_second_terminal() {
    let home = Home::for_rehearsal();
    home.world();
    let run = [
        "run",
        "endpoints-aws",
        "--rehearse",
        "--speed",
        SPEED,
        "--yes",
        "--id",
        "rehearsal-one",
        "--progress",
        "none",
    ];
    let mut child = home.spawn(&run);
    let wait = "Wait until the database is available";
    let polled = || {
        let said = home.exits(&["status", "rehearsal-one", "-o", "json"], 0);
        let status: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
        let states = status["view"]["states"].as_object().unwrap().values().cloned().collect::<Vec<_>>();
        states.into_iter().find(|state| state["name"] == wait).and_then(|state| state["doing"]["polledMs"].as_u64())
    };
    until(60, "it waits", || home.flow(&["status", "rehearsal-one"]).status.success() && polled().is_some());
    let first = polled();
    // Unchanged polls write no journal entry, so only the frames contain them.
    until(30, "a later poll is shown", || polled() > first);
    let _ = child.kill();
    let _ = child.wait();
}

#[test]
fn a_full_device_is_a_failure_and_a_closed_pipe_is_not() {
    let home = Home::plain();
    let file = pass(&home);
    for n in 0..3 {
        home.exits(&["run", &file, "--yes", "--id", &format!("n{n}"), "-q"], 0);
    }
    let commands: [&[&str]; 15] = [
        &["export"],
        &["status"],
        &["status", "n1"],
        &["events", "n1"],
        &["init", "endpoints-aws"],
        &["steps"],
        &["check", &file, "--graph", "dot"],
        &["workflows"],
        &["--help"],
        &["status", "--help"],
        &["help", "run"],
        &["--version"],
        &["completions", "bash"],
        &["config"],
        &["explain"],
    ];
    for command in commands {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = home.command(command).stdout(full).output().unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{command:?}: {said}");
        assert!(
            said.contains("standard output cannot be written") && !said.contains("panicked"),
            "{command:?}: {said}"
        );
        let mut child = home.command(command).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{command:?}: {}", text(&output.stderr));
        assert_eq!(text(&output.stderr), "", "{command:?}");
    }
}

#[test]
fn what_cron_mails_has_no_colours_and_no_warnings_of_libraries() {
    let home = Home::plain();
    let call = json!({ "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Arguments": { "FunctionName": "f" }, "End": true });
    let said = home.exits(&["run", &home.one("call", &call), "--yes"], 3);
    assert!(!said.contains('\u{1b}') && !said.contains(" WARN "), "{said}");
}

#[test]
fn a_usage_line_shows_only_what_was_written() {
    let home = Home::plain();
    let said = home.exits_with(&["signal", "one", "Approve"], &[("AWS_REGION", "us-east-1"), ("AWS_PROFILE", "p")], 2);
    let usage = said.lines().find(|line| line.starts_with("Usage")).unwrap();
    assert!(!usage.contains("--home") && !usage.contains("--region") && !usage.contains("--profile"), "{usage}");
}

#[test]
fn an_unknown_id_is_answered_without_a_search() {
    let home = Home::plain();
    let _server = Server::start(&home);
    for command in
        [&["status", "none"][..], &["events", "none"], &["cancel", "none"], &["signal", "none", "A", "--success", "1"]]
    {
        let begun = std::time::Instant::now();
        home.exits(command, 4);
        assert!(begun.elapsed().as_millis() < 1_000, "{command:?}: {:?}", begun.elapsed());
    }
}

/// A display that asks the system for its size starts no other program.
#[test]
fn a_run_into_a_pipe_starts_no_other_program() {
    let home = Home::plain();
    let folder = home.path().join("programs");
    std::fs::create_dir(&folder).unwrap();
    let marker = home.path().join("started");
    for name in ["tput", "stty", "locale"] {
        let program = home.program(name, &format!("touch {}", marker.display()));
        std::fs::rename(program, folder.join(name)).unwrap();
    }
    let path = format!("{}:/usr/bin:/bin", folder.display());
    let file = home.one("pass", &json!({ "Type": "Pass", "End": true }));
    home.exits_with(&["run", &file, "--yes"], &[("PATH", &path)], 0);
    home.exits_with(&["status"], &[("PATH", &path)], 0);
    assert!(!marker.exists());
}
