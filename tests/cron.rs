//! `flow resume --all` in cron drives every execution and prints only news.

use serde_json::{Value, json};

use crate::{
    serve::Server,
    support::{Home, send, text, until},
};

fn start(home: &Home, file: &str, id: &str) {
    home.exits(&["run", file, "--yes", "--no-wait=0", "--id", id], 75);
}

fn token_wait() -> Value {
    // No worker polls this activity.
    let resource = "arn:aws:states:us-east-1:111111111111:activity:approve";
    json!({ "Type": "Task", "Resource": resource, "End": true })
}

/// Creates the activity of [`token_wait`].
fn with_activity(home: &Home) {
    let server = Server::start(home);
    let body = r#"{"name": "approve"}"#;
    crate::support::post(&server.endpoint, "AWSStepFunctions.CreateActivity", body);
}

#[test]
fn every_execution_that_is_due_is_taken_to_its_end_again_and_again() {
    let home = Home::plain();
    let file = home.waits("due", 1);
    let ids = ["first", "second", "third"];
    ids.iter().for_each(|id| start(&home, &file, id));
    let said = home.exits(&["resume", "--all"], 0);
    for id in ids {
        assert!(said.contains(&format!("{id}   SUCCEEDED")), "{said}");
        assert_eq!(home.status_of(id), "SUCCEEDED");
    }
    assert_eq!(home.exits(&["resume", "--all"], 0), "", "without executions nothing is printed");
    assert_eq!(home.exits(&["resume", "--all", "--no-wait"], 0), "");
}

#[test]
fn waiting_executions_are_passed_over_with_a_line_each_and_75() {
    let home = Home::plain();
    let file = home.waits("long", 3600);
    ["first", "second"].iter().for_each(|id| start(&home, &file, id));
    for _ in 0..3 {
        let said = home.exits(&["resume", "--all", "--no-wait"], 75);
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines.len(), 2, "{said}");
        assert!(lines.iter().all(|line| line.contains("Rest, until ")), "{said}");
        assert_eq!(home.exits(&["resume", "--all", "--no-wait", "--quiet"], 75), "", "no change, no mail");
    }
}

#[test]
fn one_that_is_due_does_not_wait_for_another_that_is_not() {
    let home = Home::plain();
    start(&home, &home.waits("due", 2), "due");
    start(&home, &home.waits("long", 3600), "long");
    let mut child = home.spawn(&["resume", "--all"]);
    until(20, "the one that is due ends", || home.status_of("due") == "SUCCEEDED");
    crate::support::send("-TERM", child.id());
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert_eq!(home.status_of("long"), "RUNNING");
}

#[test]
fn a_failing_one_does_not_stop_the_others_and_decides_the_exit_code() {
    let home = Home::plain();
    let fails = json!({ "StartAt": "Rest", "States": {
        "Rest": { "Type": "Wait", "Seconds": 1, "Next": "Stop" }, "Stop": { "Type": "Fail", "Error": "Broken", "Cause": "as meant" } } });
    start(&home, &home.definition("fails", &fails), "fails");
    start(&home, &home.waits("due", 1), "due");
    start(&home, &home.waits("long", 3600), "long");
    let said = home.exits(&["resume", "--all", "--no-wait"], 1);
    assert!(said.contains("fails   FAILED") && said.contains("as meant"), "{said}");
    assert!(said.contains("due   SUCCEEDED") && said.contains("long   "), "{said}");
    let said = home.exits(&["resume", "--all", "--no-wait", "-q"], 75);
    assert_eq!(said, "", "a failed execution is not resumed repeatedly");
}

#[test]
fn an_approval_is_a_wait_and_a_due_wait_beside_it_is_done() {
    let home = Home::plain();
    with_activity(&home);
    start(&home, &home.one("approval", &token_wait()), "approval");
    start(&home, &home.waits("due", 1), "due");
    let said = home.exits(&["resume", "--all", "--no-wait"], 75);
    assert!(said.contains("due   SUCCEEDED") && said.contains("waits for a worker"), "{said}");
}

#[test]
fn no_wait_does_what_is_ready_in_every_branch_and_stops_then() {
    let home = Home::plain();
    let log = home.path().join("log");
    let program = home.program("work.sh", &format!("sleep 0.3; echo done >> {}; echo 1", log.display()));
    let mut steps = serde_json::Map::new();
    for n in 1..=4 {
        let mut work = json!({ "Type": "Task", "Resource": "flow:process:run", "Arguments": { "Program": program } });
        match n {
            4 => work["End"] = json!(true),
            n => work["Next"] = json!(format!("Work {}", n + 1)),
        }
        steps.insert(format!("Work {n}"), work);
    }
    let rest = json!({ "StartAt": "Rest", "States": { "Rest": { "Type": "Wait", "Seconds": 3600, "End": true } } });
    let both = json!({ "Type": "Parallel", "Branches": [rest, { "StartAt": "Work 1", "States": steps }], "End": true });
    let file = home.one("both", &both);
    let run = ["run", &file, "--yes", "--no-wait", "--id", "one"];
    home.exits_with(&run, &[("FLOW_PROGRAMS", &program)], 75);
    assert_eq!(
        std::fs::read_to_string(&log).unwrap().lines().count(),
        4,
        "calls in flight ended, and other executions ran"
    );
}

#[test]
fn a_due_wait_needs_one_resume_and_a_short_one_none() {
    let home = Home::plain();
    let two = json!({ "StartAt": "First", "States": {
        "First": { "Type": "Wait", "Seconds": 1, "Next": "Second" }, "Second": { "Type": "Wait", "Seconds": 1, "End": true } } });
    let file = home.definition("two", &two);
    home.exits(&["run", &file, "--yes", "--no-wait", "--id", "short"], 0);
    start(&home, &file, "one");
    std::thread::sleep(std::time::Duration::from_millis(1_200));
    let said = home.exits(&["resume", "one", "--no-wait=0"], 75);
    assert!(said.contains("Second"), "the first one was due and has ended: {said}");
    home.exits(&["resume", "one", "--no-wait=5s"], 0);
    home.exits(&["run", &file, "--yes", "--no-wait=soon"], 2);
}

#[test]
fn a_resume_prints_what_is_new_and_nothing_else() {
    let home = Home::plain();
    let mut states = serde_json::Map::new();
    for n in 1..=20 {
        states.insert(format!("Step {n}"), json!({ "Type": "Pass", "Next": format!("Step {}", n + 1) }));
    }
    states.insert("Step 21".to_owned(), json!({ "Type": "Wait", "Seconds": 3600, "Next": "Step 22" }));
    states.insert("Step 22".to_owned(), json!({ "Type": "Succeed" }));
    let file = home.definition("long", &json!({ "StartAt": "Step 1", "States": states }));
    let said = home.exits(&["run", &file, "--yes", "--no-wait", "--id", "one"], 75);
    assert!(said.contains("Step 3"), "{said}");
    for _ in 0..2 {
        let said = home.exits(&["resume", "one", "--no-wait"], 75);
        assert!(said.lines().count() <= 4 && !said.contains("Step 3"), "{said}");
        assert!(!said.contains("what is new"), "no heading without news: {said}");
        assert_eq!(home.exits(&["resume", "one", "--no-wait", "--quiet"], 75), "");
        let json = home.exits(&["resume", "one", "--no-wait", "-o", "json"], 75);
        assert!(json.lines().all(|line| !line.contains(r#""type":"entry""#)), "{json}");
    }
}

#[test]
fn a_nightly_run_that_changes_nothing_says_nothing_when_quiet() {
    let home = Home::plain();
    let file = home.one("pass", &json!({ "Type": "Pass", "End": true }));
    assert_eq!(home.exits(&["run", &file, "--yes", "--quiet"], 0), "");
    let fails = home.one("fail", &json!({ "Type": "Fail", "Error": "Broken" }));
    let said = home.exits(&["run", &fails, "--yes", "--quiet"], 1);
    assert!(said.contains("FAILED"), "{said}");
}

#[test]
fn beside_a_server_the_exit_code_is_as_without_one_and_it_says_whose_they_are() {
    let home = Home::plain();
    start(&home, &home.waits("long", 3600), "one");
    start(&home, &home.waits("other", 3600), "two");
    home.exits(&["resume", "--all", "--no-wait"], 75);
    let server = Server::start(&home);
    let said = home.exits(&["resume", "--all", "--no-wait"], 75);
    assert!(said.contains(&format!("one   RUNNING in process {}", server.pid())), "{said}");
    assert_eq!(said.lines().count(), 2, "{said}");
    assert_eq!(home.exits(&["resume", "--all", "--no-wait", "-q"], 75), "");
    let said = home.exits(&["resume", "--all", "--no-wait", "-o", "json"], 75);
    assert_eq!(said.matches(r#""type":"execution""#).count(), 2, "{said}");
    let listed = home.succeed(&["status"]);
    assert!(listed.contains("wait ends ") && !listed.contains("next check"), "nothing checks a Wait: {listed}");
    let ask = json!({ "Type": "Task", "Resource": "flow:approval:request", "Arguments": { "Prompt": "Deploy it?" }, "End": true });
    let said = home.exits(&["run", &home.one("ask", &ask), "--yes", "--no-wait=1s", "--quiet", "--id", "asks"], 75);
    assert_eq!(said.matches("Deploy it?").count(), 1, "the question is printed once: {said}");
    let said = home.exits(&["resume", "--all", "--no-wait"], 75);
    assert!(said.contains("asks   RUNNING, needs you: flow status asks"), "{said}");
    let quiet = ["resume", "--all", "--no-wait", "--quiet", "-o", "json"];
    assert_eq!(home.exits(&quiet, 75), "", "a known question is no news");
}

#[test]
fn a_resume_of_a_succeeded_execution_answers_with_a_line_also_in_json() {
    let home = Home::plain();
    let file = home.one("pass", &json!({ "Type": "Pass", "End": true }));
    home.exits(&["run", &file, "--yes", "--id", "one"], 0);
    let text = "one has succeeded: there is nothing to resume";
    assert!(home.exits(&["resume", "one"], 0).contains(text));
    let said = home.exits(&["resume", "one", "-o", "json"], 0);
    let line: serde_json::Value = said.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap();
    for (field, value) in
        [("type", "execution"), ("execution", "one"), ("displayStatus", "SUCCEEDED"), ("message", text)]
    {
        assert_eq!(line[field], value, "{line}");
    }
}

#[test]
fn two_at_once_do_not_hinder_each_other() {
    let home = Home::plain();
    let file = home.waits("due", 2);
    ["first", "second"].iter().for_each(|id| start(&home, &file, id));
    let children: Vec<_> = (0..3).map(|_| home.spawn(&["resume", "--all"])).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        // One drives them to their end; the others see that they have not ended.
        let is_right = matches!(output.status.code(), Some(0 | 75));
        assert!(is_right, "{} {}{}", output.status, text(&output.stdout), text(&output.stderr));
    }
    for id in ["first", "second"] {
        until(10, "it ends", || home.status_of(id) == "SUCCEEDED");
    }
}

#[test]
fn an_end_that_nobody_watched_is_reported_by_the_next_resume_of_all_once() {
    let home = Home::plain();
    let fails = json!({ "Rest": { "Type": "Wait", "Seconds": 2, "Next": "Fail" }, "Fail": { "Type": "Fail", "Error": "Broken", "Cause": "at night" } });
    let file = home.definition("fails", &json!({ "StartAt": "Rest", "States": fails }));
    home.exits(&["run", &file, "--yes", "--no-wait=0", "--id", "one"], 75);
    let all = ["resume", "--all", "--no-wait=0", "--quiet"];
    assert_eq!(home.exits(&all, 75), "");
    let server = Server::start(&home);
    until(10, "the server drives it to its end", || home.status_of("one") == "FAILED");
    let events = home.path().join("nights.jsonl").to_str().unwrap().to_owned();
    let said = home.exits(&[&all[..], &["--events-file", &events]].concat(), 1);
    assert!(said.contains("one") && said.contains("FAILED") && said.contains("at night"), "{said}");
    let recorded = std::fs::read_to_string(&events).unwrap();
    let ends: Vec<&str> = recorded.lines().filter(|line| line.contains(r#""type":"end""#)).collect();
    assert!(ends.len() == 1 && ends[0].contains(r#""status":"FAILED""#), "the file has the end: {recorded}");
    assert_eq!(home.exits(&all, 0), "", "it is reported once");
    drop(server);
    assert_eq!(home.exits(&all, 0), "");
    // An end that `resume --all` itself reported is not reported again.
    home.exits(&["run", &file, "--yes", "--no-wait=0", "--id", "two"], 75);
    home.exits(&["resume", "--all", "--no-wait=10s", "--quiet"], 1);
    assert_eq!(home.exits(&all, 0), "");
}

/// An end that a person has seen is not reported again, whichever process owns the store.
#[test]
fn an_end_that_a_person_watched_beside_a_server_is_not_reported() {
    let home = Home::plain();
    let _server = Server::start(&home);
    let file = home.waits("short", 3);
    let all = ["resume", "--all", "--no-wait=0", "--quiet"];
    let run = home.spawn(&["run", &file, "--yes", "--id", "run"]);
    start(&home, &file, "watched");
    until(10, "the run has begun", || home.flow(&["status", "run"]).status.success());
    // Both are tracked from now on.
    home.exits(&all, 75);
    home.exits(&["status", "watched", "--watch"], 0);
    assert!(run.wait_with_output().unwrap().status.success());
    assert_eq!(home.exits(&all, 0), "");
}

/// The command of the night has left with exit code 75, and nobody watches when the execution fails under a server.
#[test]
fn a_night_that_fails_after_its_command_has_left_is_reported_once() {
    let home = Home::plain();
    let states = json!({
        "Rest": { "Type": "Wait", "Seconds": 3, "Next": "Break" },
        "Break": { "Type": "Fail", "Error": "Broken" }
    });
    let file = home.definition("night", &json!({ "QueryLanguage": "JSONata", "StartAt": "Rest", "States": states }));
    let _server = Server::start(&home);
    let resume = ["resume", "--all", "--no-wait", "--quiet"];
    assert_eq!(home.exits(&resume, 0), "");
    home.exits(&["run", &file, "--yes", "--id", "night", "--no-wait=1s", "--quiet"], 75);
    until(30, "it has failed", || home.status_of("night") == "FAILED");
    let said = home.exits(&resume, 1);
    assert!(said.contains("night") && said.contains("Broken"), "{said}");
    assert_eq!(home.exits(&resume, 0), "");
}

/// The terminal of a run closes, or the run is killed: nobody sees the end.
#[test]
fn an_end_after_the_death_of_its_watcher_beside_a_server_is_reported_once() {
    let home = Home::plain();
    let _server = Server::start(&home);
    let states = json!({ "Rest": { "Type": "Wait", "Seconds": 2, "Next": "Break" }, "Break": { "Type": "Fail", "Error": "Broken" } });
    let file = home.definition("night", &json!({ "QueryLanguage": "JSONata", "StartAt": "Rest", "States": states }));
    let mut runs = ["killed", "closed"].map(|id| home.spawn(&["run", &file, "--yes", "--id", id]));
    for (id, signal, run) in [("killed", "-KILL", 0), ("closed", "-HUP", 1)] {
        until(10, "it has begun", || home.flow(&["status", id]).status.success());
        send(signal, runs[run].id());
        runs[run].wait().unwrap();
    }
    until(20, "both have failed", || ["killed", "closed"].iter().all(|id| home.status_of(id) == "FAILED"));
    let resume = ["resume", "--all", "--no-wait", "--quiet"];
    let said = home.exits(&resume, 1);
    assert!(said.contains("killed   FAILED") && said.contains("closed   FAILED"), "{said}");
    for more in [&[][..], &["-o", "json"]] {
        assert_eq!(home.exits(&[&resume[..], more].concat(), 0), "", "it is reported once");
    }
    let said = home.exits(&["resume", "killed", "--no-wait=0", "--quiet"], 3);
    assert!(!said.contains("( 2/2)"), "the failure is not printed again: {said}");
}

/// The owner records within a second what was shown, and not only at an orderly end.
#[test]
fn after_a_crash_of_the_owner_a_resume_does_not_print_again_what_was_shown_before_the_last_commit() {
    for has_server in [false, true] {
        let home = Home::plain();
        let mut states = serde_json::Map::new();
        for n in 1..=5 {
            states.insert(format!("Step {n}"), json!({ "Type": "Pass", "Next": format!("Step {}", n + 1) }));
        }
        states.insert("Step 6".to_owned(), json!({ "Type": "Wait", "Seconds": 2, "Next": "Rest" }));
        states.insert("Rest".to_owned(), json!({ "Type": "Wait", "Seconds": 3600, "End": true }));
        let file = home.definition("long", &json!({ "StartAt": "Step 1", "States": states }));
        let server = has_server.then(|| Server::start(&home));
        let mut run = home.command(&["run", &file, "--yes", "--id", "one", "--progress", "lines"]);
        let mut run = run.stdout(std::process::Stdio::null()).spawn().unwrap();
        until(20, "the second wait begins", || {
            let printed = text(&home.flow(&["status", "one", "-o", "json"]).stdout);
            printed.contains(r#""state":"Rest""#)
        });
        run.kill().unwrap();
        run.wait().unwrap();
        // A server is killed too.
        drop(server);
        let said = home.exits(&["resume", "one", "--no-wait"], 75);
        assert!(said.contains("Rest") && !said.contains("Step 3"), "has_server: {has_server}: {said}");
    }
}

#[test]
fn beside_an_owner_a_command_that_ends_at_a_wait_says_which_process_continues_it_and_when() {
    let home = Home::plain();
    let file = home.waits("long", 3600);
    start(&home, &file, "one");
    let mut owner = home.spawn(&["run", &file, "--yes", "--id", "own"]);
    crate::support::until(10, "it runs", || home.flow(&["status", "own"]).status.success());
    let said = home.exits(&["resume", "--all", "--no-wait=0"], 75);
    assert!(said.contains("one   RUNNING: ") && !said.contains("waiting for"), "it does not wait: {said}");
    let said = home.exits(&["resume", "one", "--no-wait=0"], 75);
    assert!(said.contains(&format!("one continues in process {} on ", owner.id())), "{said}");
    assert!(said.contains(". The wait ends ") && !said.contains("Nothing is lost"), "{said}");
    owner.kill().unwrap();
    owner.wait().unwrap();
}
