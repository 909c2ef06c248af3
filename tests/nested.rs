//! Resuming an execution that waits for another one that it started also continues the other one, and cancelling it cancels both.

use std::time::Instant;

use serde_json::json;

use crate::{
    serve::Server,
    support::{Home, until},
};

/// A workflow that starts an execution of `child` and waits for its end.
fn parent(home: &Home) -> String {
    let machine = "arn:aws:states:us-east-1:111111111111:stateMachine:child";
    home.one(
        "parent",
        &json!({ "Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2",
            "Arguments": { "StateMachineArn": machine, "Name": "inner", "Input": {} }, "End": true }),
    )
}

/// Creates the state machine `child`, whose executions wait this long, by running and cancelling an execution.
fn child(home: &Home, seconds: u64) {
    home.exits(&["run", &home.waits("child", seconds), "--yes", "--no-wait=0", "--id", "first"], 75);
    home.exits(&["cancel", "first"], 0);
}

#[test]
fn no_wait_ends_where_only_a_child_waits_and_says_75() {
    let home = Home::plain();
    child(&home, 3600);
    let file = parent(&home);
    for arguments in
        [&["run", &file, "--yes", "--no-wait=15m", "--id", "outer"] as &[&str], &["resume", "outer", "--no-wait=15m"]]
    {
        let began = Instant::now();
        home.exits(arguments, 75);
        assert!(began.elapsed().as_secs() < 20, "{arguments:?} waited for the child");
    }
    assert_eq!(home.exits(&["resume", "--all", "--no-wait", "--quiet"], 75), "");
    let said = home.exits(&["cancel", "outer"], 0);
    assert!(said.contains("outer waited for child:inner: cancelled too."), "{said}");
    until(20, "the child is stopped", || home.status_of("child:inner") == "ABORTED");
    let said = home.succeed(&["status", "child:inner"]);
    assert!(said.contains("outer does not wait for it any more"), "{said}");
}

#[test]
fn resuming_the_parent_continues_the_child_and_its_end_ends_the_parent_at_once() {
    let home = Home::plain();
    child(&home, 4);
    home.exits(&["run", &parent(&home), "--yes", "--no-wait=0", "--id", "outer"], 75);
    let began = Instant::now();
    home.exits(&["resume", "outer"], 0);
    assert_eq!(home.status_of("outer"), "SUCCEEDED");
    // Polling alone would find the end up to five seconds later.
    assert!(began.elapsed().as_millis() < 6_500, "{:?}", began.elapsed());
}

#[test]
fn cancelling_a_child_that_waits_for_hours_fails_its_parent_at_once() {
    let home = Home::plain();
    child(&home, 3600);
    let mut run = home.spawn(&["run", &parent(&home), "--yes", "--id", "outer"]);
    until(20, "the child waits", || home.flow(&["status", "child:inner"]).status.success());
    home.exits(&["cancel", "child:inner"], 0);
    assert_eq!(run.wait().unwrap().code(), Some(1));
    assert_eq!(home.status_of("outer"), "FAILED");
}

/// Nothing waits for an execution that is only started, so nothing else reports its failure.
#[test]
fn a_failed_child_is_reported_by_the_parent_that_waits_for_it_and_not_twice() {
    let home = Home::plain();
    let states = json!({ "Rest": { "Type": "Wait", "Seconds": 1, "Next": "Fail" }, "Fail": { "Type": "Fail", "Error": "Broken" } });
    let file = home.definition("child", &json!({ "StartAt": "Rest", "States": states }));
    home.exits(&["run", &file, "--yes", "--no-wait=0", "--id", "first"], 75);
    home.exits(&["cancel", "first"], 0);
    home.exits(&["run", &parent(&home), "--yes", "--no-wait=0", "--id", "outer"], 75);
    let _server = Server::start(&home);
    let machine = "arn:aws:states:us-east-1:111111111111:stateMachine:child";
    let starts = json!({ "Type": "Task", "Resource": "arn:aws:states:::states:startExecution",
        "Arguments": { "StateMachineArn": machine, "Name": "alone", "Input": {} }, "End": true });
    home.exits(&["run", &home.one("starts", &starts), "--yes", "--id", "starter"], 0);
    for id in ["outer", "child:alone"] {
        until(20, "it fails", || home.status_of(id) == "FAILED");
    }
    let said = home.exits(&["resume", "--all", "--no-wait=0", "--quiet"], 1);
    let lines_of = |id: &str| said.lines().filter(|line| line.starts_with(&format!("{id} "))).count();
    assert_eq!((lines_of("outer"), lines_of("child:inner"), lines_of("child:alone")), (1, 0, 1), "{said}");
}
