//! An execution that waits names the command that answers it, and an answer that is kept can be seen and withdrawn.

use serde_json::{Value, json};

use crate::{
    serve::Server,
    support::{Home, post},
};

/// A Task that no worker polls.
fn activity() -> Value {
    json!({ "Type": "Task", "Resource": "arn:aws:states:us-east-1:111111111111:activity:approve", "End": true })
}

fn create_activity(server: &Server) {
    post(&server.endpoint, "AWSStepFunctions.CreateActivity", r#"{"name": "approve"}"#);
}

fn approval(home: &Home) -> String {
    let ask = json!({ "Type": "Task", "Resource": "flow:approval:request", "Arguments": { "Prompt": "Release it?" }, "End": true });
    home.one("ask", &ask)
}

/// The row of an execution in the list, as JSON.
fn row(home: &Home, id: &str) -> Value {
    let printed = home.succeed(&["status", "-o", "json"]);
    let mut lines = printed.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.find(|line| line["type"] == "execution" && line["execution"] == id).unwrap()
}

#[test]
fn the_list_proposes_an_approval_that_works_when_pasted() {
    let home = Home::plain();
    home.exits(&["run", &approval(&home), "--yes", "--no-wait", "--id", "ask-1"], 75);
    let printed = home.succeed(&["status"]);
    let proposed = "needs you: flow approve ask-1 Only";
    assert!(printed.contains(proposed) && printed.contains("WAITING"), "{printed}");
    assert!(!printed.contains("flow resume"), "a resume alone does not continue it: {printed}");
    let row = row(&home, "ask-1");
    assert_eq!((&row["next"], &row["advice"]), (&json!("flow approve ask-1 Only"), &json!(proposed)));
    let folder = home.path().to_str().unwrap();
    let printed = home.succeed(&["status", "--home", folder]);
    assert!(printed.contains(&format!("{proposed} --home {folder}")), "the home is repeated: {printed}");
    let printed = home.succeed(&["status", "ask-1"]);
    assert!(printed.contains("After the answer:   flow resume ask-1"), "{printed}");
    home.exits(&["approve", "ask-1", "Only", "--home", folder], 0);
    assert_eq!(home.status_of("ask-1"), "SUCCEEDED");
}

#[test]
fn a_task_that_waits_for_a_worker_is_waiting_after_its_owner_was_killed() {
    let home = Home::plain();
    let file = home.one("work", &activity());
    let server = Server::start(&home);
    create_activity(&server);
    home.exits(&["run", &file, "--yes", "--no-wait", "--id", "work-1"], 75);
    let beside = row(&home, "work-1");
    assert_eq!(beside["displayStatus"], "RUNNING", "{beside}");
    // The server is killed with SIGKILL.
    drop(server);
    let alone = row(&home, "work-1");
    assert_eq!(
        (&alone["displayStatus"], &alone["needs"]["answerer"]),
        (&json!("WAITING"), &json!("worker")),
        "{alone}"
    );
    assert_eq!(beside["advice"], "waits for a worker");
    assert_eq!(alone["next"], "flow serve");
    assert_eq!(alone["advice"], "needs a server and a worker: flow serve");
    let printed = home.succeed(&["status", "work-1"]);
    for words in ["WAITING", "waits for a worker", "To offer its task to workers:   flow serve"] {
        assert!(printed.contains(words), "{words:?} is not in: {printed}");
    }
    assert!(!printed.contains("flow signal") && !printed.contains("After the answer"), "{printed}");
    for more in [&[][..], &["--early"]] {
        let refused = home.exits(&[&["signal", "work-1", "Only", "--success", "{}"], more].concat(), 3);
        assert!(refused.contains("only its worker answers") && refused.contains("flow cancel work-1"), "{refused}");
    }
    home.exits(&["cancel", "work-1"], 0);
    assert_eq!(home.status_of("work-1"), "ABORTED");
}

#[test]
fn an_answer_that_is_kept_is_shown_exported_and_withdrawn() {
    let home = Home::plain();
    let ask = json!({ "Type": "Task", "Resource": "flow:wait:tcp", "End": true, "TimeoutSeconds": 3600,
        "Arguments": { "Host": "127.0.0.1", "Port": 1, "IntervalSeconds": 60 } });
    let rest = json!({ "Type": "Wait", "Seconds": 600, "Next": "Ask" });
    let states = json!({ "Rest": rest, "Ask": ask });
    let definition = json!({ "QueryLanguage": "JSONata", "StartAt": "Rest", "States": states });
    let file = home.definition("later", &definition);
    home.exits(&["run", &file, "--yes", "--no-wait", "--id", "l-1"], 75);
    let withdraw = "flow signal l-1 Ask --withdraw";
    let early = ["signal", "l-1", "Ask", "--success", r#"{"Address":"a"}"#, "--early", "--comment", "too early"];
    assert!(home.exits(&early, 0).contains(withdraw));
    let printed = home.succeed(&["status", "l-1"]);
    for words in ["An answer is kept for \"Ask\": success by ", "(too early)", withdraw] {
        assert!(printed.contains(words), "{words:?} is not in: {printed}");
    }
    let kept = |home: &Home| -> Value {
        let printed = home.succeed(&["status", "l-1", "-o", "json"]);
        serde_json::from_str::<Value>(printed.lines().last().unwrap()).unwrap()["keptAnswers"].clone()
    };
    assert_eq!((&kept(&home)[0]["state"], &kept(&home)[0]["by"]["comment"]), (&json!("Ask"), &json!("too early")));
    assert!(home.succeed(&["export", "l-1"]).contains(r#""earlySignals":[{"#), "the export has it");
    home.exits(&["signal", "l-1", "Ask", "--withdraw", "--early"], 2);
    let refused = home.exits(&["signal", "l-1", "Rest", "--withdraw"], 3);
    assert!(refused.contains("it keeps answers for \"Ask\""), "{refused}");
    home.exits(&["signal", "l-1", "Ask", "--withdraw", "--comment", "wrong day"], 0);
    assert_eq!(kept(&home), json!([]));
    assert!(!home.succeed(&["status", "l-1"]).contains("is kept"));
    let events = home.succeed(&["events", "l-1"]);
    let withdrawn = events.lines().find(|line| line.contains("signalWithdrawn")).unwrap_or_default();
    assert!(withdrawn.contains("Ask: by ") && withdrawn.contains(", wrong day"), "who, when and why: {events}");
    assert!(home.exits(&["signal", "l-1", "Ask", "--withdraw"], 3).contains("it keeps none"));
    // Another answer can be given now.
    home.exits(&["signal", "l-1", "Ask", "--success", r#"{"Address":"b"}"#, "--early"], 0);
}
