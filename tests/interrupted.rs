//! Nothing is lost when a run is interrupted, read by another process, or taken over.

use std::io::{BufRead, BufReader};

use serde_json::json;

use crate::support::{Home, text};

fn waiting_file(home: &Home, seconds: u64) -> String {
    let file = home.path().join("waits.asl.json");
    let definition = json!({
        "QueryLanguage": "JSONata",
        "StartAt": "First",
        "States": {
            "First": { "Type": "Pass", "Next": "Wait" },
            "Wait": { "Type": "Wait", "Seconds": seconds, "Next": "Last" },
            "Last": { "Type": "Pass", "Output": "{% 'end' %}", "End": true }
        }
    });
    std::fs::write(&file, definition.to_string()).unwrap();
    file.to_str().unwrap().to_owned()
}

fn until(child: &mut std::process::Child, wanted: &str) {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains(wanted)), "{wanted} was never printed");
}

#[test]
fn a_killed_run_is_shown_without_a_process_and_continues_with_the_same_deadline() {
    let home = Home::plain();
    let mut child = home.spawn(&["run", &waiting_file(&home, 5), "--yes", "--id", "w-1"]);
    until(&mut child, "Started   ( 2/3)");
    assert!(home.succeed(&["status"]).contains("RUNNING"), "status answers while another process holds the store");
    // What is shown is recorded within a second.
    std::thread::sleep(std::time::Duration::from_secs(1));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(home.succeed(&["status", "w-1"]).contains("WAITING"), "no process drives it, and nothing is due");
    let begun = std::time::Instant::now();
    let shown = home.succeed(&["resume", "w-1"]);
    assert!(begun.elapsed().as_millis() < 4_500, "the wait continued and did not restart");
    for news in ["Completed ( 2/3) Wait", "Started   ( 3/3) Last", "Completed ( 3/3) Last", "SUCCEEDED"] {
        assert!(shown.contains(news), "{news:?} is not in: {shown}");
    }
    assert!(!shown.contains("( 1/3)") && !shown.contains("Started   ( 2/3)"), "it was shown before the kill: {shown}");
}

#[test]
fn an_interrupt_loses_nothing_and_says_how_to_continue() {
    let home = Home::plain();
    let mut child = home.spawn(&["run", &waiting_file(&home, 600), "--yes", "--id", "w-1"]);
    until(&mut child, "Started   ( 2/3)");
    let interrupted = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert!(text(&output.stderr).contains("flow resume w-1"));
    assert_eq!(home.flow(&["resume", "w-1", "--no-wait"]).status.code(), Some(75), "it still waits");
}

#[test]
fn a_client_takes_over_within_a_second_when_the_owner_dies() {
    let home = Home::plain();
    let mut owner = home.spawn(&["run", &waiting_file(&home, 60), "--yes", "--id", "w-owner"]);
    until(&mut owner, "Started   ( 2/3)");
    let mut client = home.spawn(&["run", &waiting_file(&home, 4), "--yes", "--id", "w-client"]);
    let lock = home.path().join("owner.lock");
    let owned_by = |pid: u32| std::fs::read_to_string(&lock).unwrap().contains(&format!("\"pid\":{pid},"));
    assert!(owned_by(owner.id()));
    while !home.flow(&["status", "w-client"]).status.success() {}
    owner.kill().unwrap();
    let died = std::time::Instant::now();
    owner.wait().unwrap();
    while !owned_by(client.id()) {
        assert!(died.elapsed().as_millis() < 1_000, "no process took over within a second");
    }
    println!("taken over after {} ms", died.elapsed().as_millis());
    until(&mut client, "SUCCEEDED");
    assert!(client.wait().unwrap().success());
    assert!(home.succeed(&["status"]).contains("WAITING"), "the other one waits for a resume");
}

#[test]
fn an_unknown_id_is_not_found() {
    let home = Home::plain();
    for verb in ["status", "resume", "events", "cancel"] {
        assert_eq!(home.flow(&[verb, "none"]).status.code(), Some(4), "{verb}");
    }
}

#[test]
fn json_lines_begin_with_their_version_and_end_with_the_outcome() {
    let home = Home::plain();
    let printed = home.succeed(&["run", &waiting_file(&home, 1), "--yes", "-o", "json"]);
    let lines: Vec<serde_json::Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["type"], &lines[0]["ui"]), (&json!("version"), &json!("1.2")));
    let last = lines.last().unwrap();
    assert_eq!((&last["type"], &last["status"], &last["output"]), (&json!("end"), &json!("SUCCEEDED"), &json!("end")));
}
