//! Only permitted people can approve, and the history names who did.

use serde_json::{Value, json};

use crate::{
    serve::Server,
    support::{Home, text, until},
    transports::request,
};

fn asks(home: &Home, name: &str, arguments: &Value) -> String {
    let rejected =
        json!([{ "ErrorEquals": ["Approval.Rejected"], "Output": "{% $states.errorOutput.Cause %}", "Next": "No" }]);
    let ask = json!({ "Type": "Task", "Resource": "flow:approval:request", "TimeoutSeconds": 3600, "Arguments": arguments,
                      "Catch": rejected, "End": true });
    home.definition(
        name,
        &json!({ "QueryLanguage": "JSONata", "StartAt": "Ask", "States": { "Ask": ask, "No": { "Type": "Succeed" } } }),
    )
}

/// Runs until the execution waits for the person.
fn started(home: &Home, file: &str, id: &str) -> String {
    home.exits(&["run", file, "--yes", "--id", id, "--no-wait"], 75)
}

fn output(home: &Home, id: &str) -> Value {
    let reported = home.succeed(&["status", id, "-o", "json"]);
    let line =
        reported.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).find(|line| line["type"] == "status");
    line.unwrap()["view"]["output"].clone()
}

/// A Task that asks `Which day?` beside its task token (choices `today` and `tomorrow`, a field `ticket`), in the home of the server that
/// runs it.
pub fn a_question_beside_a_token_is_an_approval_in_the_home_of_its_server(serving: &Home, id: &str) {
    for command in [&["approvals"][..], &["status", id]] {
        let shown = serving.succeed(command);
        assert!(shown.contains("Which day?") && shown.contains(&format!("flow approve {id} Ask")), "{shown}");
        assert!(!shown.contains("flow signal"), "{shown}");
    }
    for (refused, words) in [
        (&["signal", id, "Ask", "--success", "{}"][..], "flow approve"),
        (&["approve", id, "Ask", "--choice", "never", "--set", "ticket=1"], "choose one of today, tomorrow"),
        (&["approve", id, "Ask", "--choice", "today"], "ticket: is missing"),
    ] {
        let printed = serving.exits(refused, 3);
        assert!(printed.contains(words), "{words:?} is not in: {printed}");
    }
    serving.succeed(&["approve", id, "Ask", "--choice", "today", "--set", "ticket=5"]);
    until(20, "the end", || serving.succeed(&["status", id]).contains("SUCCEEDED"));
    assert_eq!(output(serving, id)["Choice"], "today");
}

#[test]
fn an_approval_with_fields_by_a_second_user_is_checked_and_attributed() {
    let home = Home::plain();
    let fields = json!({ "type": "object", "required": ["ticket"], "additionalProperties": false,
                         "properties": { "ticket": { "type": "string", "pattern": "^CHG-[0-9]+$" } } });
    let file = asks(
        &home,
        "release",
        &json!({ "Prompt": "Release it?", "Choices": ["now", "tonight"], "Fields": fields, "Users": ["bob"] }),
    );
    started(&home, &file, "r-1");
    for (command, words) in
        [("approvals", "flow approve r-1 Ask --choice now --set ticket=…"), ("status", "r-1 needs you: Release it?")]
    {
        let reported = home.succeed(&[command]);
        assert!(reported.contains(words), "{words:?} is not in: {reported}");
    }
    let as_user = |user: &str, arguments: &[&str]| {
        home.command(arguments).env("SUDO_USER", user).env_remove("SSH_CONNECTION").output().unwrap()
    };
    let refusals = [
        (
            "ann",
            &["approve", "r-1", "--choice", "now", "--set", "ticket=CHG-1"][..],
            "ann may not answer \"Ask\": bob may",
        ),
        ("bob", &["approve", "r-1", "--set", "ticket=CHG-1"], "choose one of now, tonight"),
        ("bob", &["approve", "r-1", "--choice", "now"], "ticket: is missing"),
        ("bob", &["approve", "r-1", "--choice", "now", "--set", "ticket=x"], "is not of the right form"),
        ("bob", &["signal", "r-1", "Ask", "--success", "{}"], "flow approve r-1"),
    ];
    for (user, arguments, words) in refusals {
        let refused = as_user(user, arguments);
        assert_eq!(refused.status.code(), Some(3), "{arguments:?}");
        let (shows_sudo, is_other) = (text(&refused.stderr).contains("sudo -u "), user == "ann");
        assert_eq!(shows_sudo, is_other, "how somebody else answers: {}", text(&refused.stderr));
        assert!(text(&refused.stderr).contains(words), "{words:?} is not in: {}", text(&refused.stderr));
    }
    let comment = "after 22:00 \u{1b}[31m\u{1b}]0;title\u{7}\nforged";
    let approve = ["approve", "r-1", "--choice", "tonight", "--set", "ticket=CHG-17", "--comment", comment];
    let approved = as_user("bob", &approve);
    assert_eq!(approved.status.code(), Some(0), "{}", text(&approved.stderr));
    home.flow(&["resume", "r-1"]);
    let output = output(&home, "r-1");
    for (field, value) in
        [("Choice", json!("tonight")), ("Fields", json!({ "ticket": "CHG-17" })), ("User", json!("bob"))]
    {
        assert_eq!(output[field], value, "{output}");
    }
    for reported in [home.succeed(&["events", "r-1"]), home.succeed(&["export"])] {
        assert!(
            reported.contains("bob") && reported.contains("after 22:00"),
            "the author and the comment are in: {reported}"
        );
    }
    for command in [&["events", "r-1"][..], &["status", "r-1"], &["status", "r-1", "--state", "Ask"]] {
        let shown = home.succeed(command);
        assert!(!shown.contains(['\u{1b}', '\u{7}']), "nothing acts on the terminal: {shown:?}");
        assert!(!shown.lines().any(|line| line.starts_with("forged")), "a comment begins no line: {shown}");
    }
    assert!(home.succeed(&["approvals"]).contains("Nothing waits for a person."));
}

#[test]
fn a_field_of_type_string_takes_a_number_and_a_choice_of_an_approval_without_choices_is_refused() {
    let home = Home::plain();
    let fields =
        json!({ "type": "object", "properties": { "ticket": { "type": "string" }, "n": { "type": "integer" } } });
    let file = asks(&home, "release", &json!({ "Prompt": "Release it?", "Fields": fields }));
    started(&home, &file, "r-1");
    let refused = home.exits(&["approve", "r-1", "--choice", "nope"], 3);
    assert!(refused.contains("has no choices") && refused.contains("without --choice"), "{refused}");
    home.succeed(&["approve", "r-1", "--set", "ticket=5", "--set", "n=5"]);
    home.flow(&["resume", "r-1"]);
    assert_eq!(output(&home, "r-1")["Fields"], json!({ "ticket": "5", "n": 5 }));
}

#[test]
fn a_field_is_shown_with_what_is_allowed_and_has_its_default() {
    let home = Home::plain();
    let fields = json!({ "type": "object", "required": ["stack", "count"], "properties": {
        "stack": { "type": "string", "enum": ["prod", "stage"] },
        "count": { "type": "integer", "minimum": 1, "maximum": 5, "default": 2 } } });
    let file = asks(&home, "release", &json!({ "Prompt": "Release it?", "Fields": fields }));
    let said = started(&home, &file, "r-1");
    for expected in ["one of prod, stage", "from 1 to 5; default 2", "--set stack=…", "Not required: --set count=…"]
    {
        assert!(said.contains(expected), "{expected} is not in: {said}");
    }
    let refused = home.exits(&["approve", "r-1", "--set", "stack=test"], 3);
    assert!(refused.contains("allowed: one of prod, stage"), "{refused}");
    let refused = home.exits(&["approve", "r-1", "--set", "stack=prod", "--set", "count=9"], 3);
    assert!(refused.contains("from 1 to 5"), "{refused}");
    home.succeed(&["approve", "@latest", "--set", "stack=prod"]);
    home.flow(&["resume", "r-1"]);
    assert_eq!(output(&home, "r-1")["Fields"], json!({ "stack": "prod", "count": 2 }));
}

#[test]
fn an_approval_is_not_answered_early() {
    let home = Home::plain();
    let ask =
        json!({ "Type": "Task", "Resource": "flow:approval:request", "Arguments": { "Prompt": "Now?" }, "End": true });
    let states = json!({ "Rest": { "Type": "Wait", "Seconds": 600, "Next": "Ask" }, "Ask": ask });
    let file = home.definition("early", &json!({ "QueryLanguage": "JSONata", "StartAt": "Rest", "States": states }));
    started(&home, &file, "r-1");
    let refused = home.exits(&["signal", "r-1", "Ask", "--success", "{}", "--early"], 3);
    assert!(refused.contains("cannot be answered before it waits") && refused.contains("flow approvals"), "{refused}");
    assert!(!refused.contains("flow approve "), "a command that cannot work yet is not proposed: {refused}");
}

#[test]
fn a_rejection_is_an_error_that_the_workflow_can_catch() {
    let home = Home::plain();
    let file = asks(&home, "release", &json!({ "Prompt": "Release it?" }));
    started(&home, &file, "r-1");
    home.succeed(&["reject", "r-1", "--comment", "not today"]);
    home.flow(&["resume", "r-1"]);
    let output = output(&home, "r-1");
    assert!(
        output
            .as_str()
            .is_some_and(|cause| { cause.starts_with("\"Ask\" was rejected by ") && cause.ends_with(": not today") }),
        "{output}"
    );
    let before = home.exits(&["events", "r-1"], 0);
    for again in [
        &["approve", "r-1"][..],
        &["reject", "r-1", "Ask"],
        &["signal", "r-1", "Ask", "--success", "1"],
        &["signal", "r-1", "Ask", "--success", "1", "--early"],
    ] {
        let refused = home.exits(again, 1);
        for words in ["\"Ask\" of r-1 was answered by ", "r-1 has ended: SUCCEEDED at 2", "nothing was changed"] {
            assert!(refused.contains(words), "{again:?}: {words:?} is not in: {refused}");
        }
    }
    assert_eq!(home.exits(&["events", "r-1"], 0), before, "a refused answer changes nothing");
}

/// Two questions, one after the other.
fn asks_twice(home: &Home) -> String {
    let ask = |prompt: &str| {
        json!({ "Type": "Task", "Resource": "flow:approval:request", "Arguments": {
            "Prompt": prompt, "Fields": { "type": "object", "properties": { "note": { "type": "string" } } } } })
    };
    let (mut first, mut second) = (ask("First?"), ask("Second?"));
    (first["Next"], second["End"]) = (json!("Second"), json!(true));
    let states = json!({ "First": first, "Second": second });
    home.definition("twice", &json!({ "QueryLanguage": "JSONata", "StartAt": "First", "States": states }))
}

#[test]
fn after_a_rejection_that_is_caught_the_state_that_ended_the_execution_is_named() {
    let home = Home::plain();
    let ask = json!({ "Type": "Task", "Resource": "flow:approval:request", "Arguments": { "Prompt": "Deploy?" }, "End": true });
    let rejected = json!([{ "ErrorEquals": ["Approval.Rejected"], "Next": "Not completed" }]);
    let branch = json!({ "StartAt": "Ask", "States": { "Ask": ask } });
    let states = json!({
        "Deploy": { "Type": "Parallel", "Branches": [branch], "Catch": rejected, "End": true },
        "Not completed": { "Type": "Fail", "Error": "NotCompleted", "Cause": "It was rolled back." } });
    let definition = json!({ "QueryLanguage": "JSONata", "StartAt": "Deploy", "States": states });
    started(&home, &home.definition("deploy", &definition), "d-1");
    let said = home.exits(&["reject", "d-1", "--comment", "not on Friday"], 0);
    assert!(
        said.contains("It was rolled back. To see why and how to continue:   flow status d-1") && !said.contains(".. "),
        "{said}"
    );
    let shown = home.succeed(&["status", "d-1"]);
    assert!(shown.contains("FAILED at \"Not completed\"") && shown.contains("[NotCompleted]"), "{shown}");
    assert!(shown.contains("The workflow ended itself") && !shown.contains("Rejected"), "{shown}");
    let rejected = |line: &str| line.contains("\"Deploy/Ask\" was rejected by ") && line.ends_with(": not on Friday");
    assert_eq!(shown.matches("\"Deploy/Ask\" was rejected by ").count(), 2, "in the tree and in the failure: {shown}");
    assert!(shown.lines().any(rejected), "{shown}");
    assert!(shown.contains(" ✖ Deploy ") && !shown.contains('✔'), "a rejected section is not done: {shown}");
    for (state, words) in
        [("Deploy", "Deploy   failed, caught: Approval.Rejected"), ("Deploy/Ask", "failed: Approval.Rejected")]
    {
        let shown = home.succeed(&["status", "d-1", "--state", state]);
        assert!(shown.contains(words), "{words} is not in: {shown}");
    }
}

#[test]
fn after_a_rejection_and_a_resume_the_time_in_between_is_not_counted_and_the_question_is_new() {
    let home = Home::plain();
    started(&home, &asks_twice(&home), "t-1");
    home.exits(&["reject", "t-1"], 0);
    std::thread::sleep(std::time::Duration::from_secs(3));
    home.exits(&["resume", "t-1", "--no-wait"], 75);
    let said = home.succeed(&["status", "t-1", "-o", "json"]);
    let line: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    let (state, idle) = (&line["view"]["states"]["First"], &line["view"]["idle"][0]);
    let ms = |value: &Value| value.as_u64().unwrap();
    assert!(ms(&state["calledMs"]) >= ms(&state["enteredMs"]) + 3_000, "it is asked again: {state}");
    assert!(ms(&idle["untilMs"]) >= ms(&idle["fromMs"]) + 3_000, "{idle}");
    assert_eq!(ms(&line["header"]["idleMs"]), ms(&idle["untilMs"]) - ms(&idle["fromMs"]), "the list counts the same");
    let listed = home.succeed(&["approvals", "-o", "json"]);
    let mut lines = listed.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let task = lines.find(|line| line["type"] == "needsPerson").unwrap()["task"].clone();
    assert!(ms(&task["sinceMs"]) >= ms(&state["enteredMs"]) + 3_000, "it waits since it is asked again: {task}");
}

#[test]
fn an_answer_beside_an_owner_says_that_the_owner_continues_or_how_the_execution_ended() {
    let home = Home::plain();
    let server = Server::start(&home);
    started(&home, &asks_twice(&home), "t-1");
    let said = home.exits(&["approve", "t-1"], 0);
    assert!(said.contains(&format!("It continues in process {} on ", server.pid())), "{said}");
    assert!(said.contains("flow serve"), "{said}");
    until(10, "the second question is asked", || home.succeed(&["approvals"]).contains("Second?"));
    let said = home.exits(&["approve", "t-1"], 0);
    assert!(said.contains("SUCCEEDED"), "{said}");
    assert_eq!(home.exits(&["resume", "--all", "--quiet"], 0), "", "its end was shown to the person who approved");
}

#[test]
fn the_line_and_the_output_of_an_answer_have_the_documented_types() {
    let home = Home::plain();
    started(&home, &asks_twice(&home), "t-1");
    let said = home.succeed(&["approve", "t-1", "--set", "note=7", "-o", "json"]);
    let line: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert_eq!((&line["type"], &line["state"]), (&json!("approved"), &json!("First")), "{line}");
    assert!(line["user"].is_string(), "{line}");
    let events = home.succeed(&["events", "t-1", "-o", "json"]);
    let entries = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut succeeded = entries.filter(|entry| entry["event"]["type"] == "TaskSucceeded");
    let output = succeeded.next().unwrap()["event"]["output"].clone();
    assert_eq!((&output["Choice"], &output["Fields"]), (&json!("approve"), &json!({ "note": "7" })), "{output}");
    assert!(["User", "Host", "Time"].iter().all(|name| output[name].is_string()), "{output}");
    assert!(output["Comment"].is_null(), "{output}");
}

#[test]
fn after_an_answer_that_nobody_continues_every_command_names_resume() {
    let home = Home::plain();
    let asked = started(&home, &asks_twice(&home), "t-1");
    assert!(
        asked.contains("First?") && !asked.to_lowercase().contains("next check"),
        "nothing checks an answer: {asked}"
    );
    assert!(asked.contains("flow approve t-1 First\n"), "a command that works when pasted: {asked}");
    assert!(asked.contains("Not required: --set note=…"), "a field that is not required: {asked}");
    home.succeed(&["approve", "t-1"]);
    let printed = home.succeed(&["status", "t-1"]);
    for words in ["Second: not called yet", "Every answer is recorded. Nothing is lost: flow resume t-1"] {
        assert!(printed.contains(words), "{words:?} is not in: {printed}");
    }
    let events = home.succeed(&["events", "t-1", "-o", "json"]);
    assert_eq!(events.matches(r#""type":"TaskScheduled""#).count(), 1, "nothing is begun by an answer: {events}");
    let refused = home.exits(&["approve", "t-1"], 1);
    assert!(refused.contains("no process drives t-1") && refused.contains("flow resume t-1"), "{refused}");
    assert!(
        refused.contains("and nothing in it waits for an answer (INTERRUPTED: Second, not called yet"),
        "{refused}"
    );
    assert!(refused.contains("no approval waits in t-1: \"First\" of t-1 was answered by "), "{refused}");
    let refused = home.exits(&["reject", "t-1", "First"], 1);
    assert!(refused.contains("\"First\" of t-1 was answered by "), "{refused}");
    let listed = home.succeed(&["approvals"]);
    assert!(listed.contains("no process drives it") && listed.contains("flow resume t-1"), "{listed}");
    // A Wait follows in place of a question.
    let ask = json!({ "Type": "Task", "Resource": "flow:approval:request", "Arguments": { "Prompt": "Now?" }, "Next": "Rest" });
    let states = json!({ "Ask": ask, "Rest": { "Type": "Wait", "Seconds": 3600, "End": true } });
    let file = home.definition("rests", &json!({ "QueryLanguage": "JSONata", "StartAt": "Ask", "States": states }));
    started(&home, &file, "w-1");
    home.succeed(&["approve", "w-1"]);
    let refused = home.exits(&["approve", "w-1"], 1);
    assert!(
        refused.contains("nothing in it waits for an answer (WAITING: Rest, until ") && !refused.contains("asks"),
        "{refused}"
    );
}

#[test]
fn a_resume_says_that_the_changed_file_is_not_what_runs() {
    let home = Home::plain();
    let file = asks_twice(&home);
    started(&home, &file, "t-1");
    let folder = std::path::Path::new(&file).parent().unwrap();
    let resumed = || home.command(&["resume", "t-1", "--no-wait"]).current_dir(folder).output().unwrap();
    let said = text(&resumed().stdout);
    assert!(!said.contains("has changed"), "{said}");
    let changed = std::fs::read_to_string(&file).unwrap().replace("Second?", "The second?");
    std::fs::write(&file, changed).unwrap();
    let said = text(&resumed().stdout);
    assert!(said.contains("the definition that it has pinned") && said.contains("--again t-1 --from First"), "{said}");
}

#[test]
fn a_proposed_command_is_not_an_answer_before_its_values_are_filled_in() {
    let home = Home::plain();
    let fields = json!({ "type": "object", "properties": { "ticket": { "type": "string" } }, "required": ["ticket"] });
    let arguments = json!({ "Prompt": "ok?", "Fields": fields });
    let file = home.one(
        "ask",
        &json!({ "Type": "Task", "Resource": "flow:approval:request", "Arguments": arguments, "End": true }),
    );
    home.exits(&["run", &file, "--yes", "--id", "one", "--no-wait"], 75);
    let said = home.exits(&["approve", "one", "--set", "ticket=…"], 3);
    assert!(said.contains("nothing was answered"), "{said}");
    assert_eq!(home.status_of("one"), "RUNNING");
}

#[test]
fn an_end_that_a_rejection_brings_is_printed_also_with_quiet_and_in_json() {
    let home = Home::plain();
    let ask =
        json!({ "Type": "Task", "Resource": "flow:approval:request", "Arguments": { "Prompt": "Go?" }, "End": true });
    let file =
        home.definition("ask", &json!({ "QueryLanguage": "JSONata", "StartAt": "Ask", "States": { "Ask": ask } }));
    for id in ["quiet", "lines"] {
        home.exits(&["run", &file, "--yes", "--no-wait=0", "--id", id], 75);
    }
    let said = home.exits(&["reject", "quiet", "--quiet"], 0);
    assert!(said.contains("FAILED after") && said.contains("To see how to continue:   flow status quiet"), "{said}");
    assert!(!said.contains("was rejected"), "it says so once: {said}");
    let said = home.exits(&["reject", "lines", "-o", "json"], 0);
    assert!(said.contains(r#""status":"FAILED""#) && said.contains("FAILED after"), "{said}");
}

#[test]
fn a_question_that_has_timed_out_is_shown_so_and_not_answered() {
    let home = Home::plain();
    let late = json!([{ "ErrorEquals": ["States.Timeout"], "Next": "Late" }]);
    let ask = json!({ "Type": "Task", "Resource": "flow:approval:request", "TimeoutSeconds": 3,
                      "Arguments": { "Prompt": "Now?" }, "Catch": late, "Next": "Done" });
    let states = json!({ "Ask": ask, "Done": { "Type": "Succeed", "Output": "done" }, "Late": { "Type": "Succeed", "Output": "late" } });
    let file = home.definition("late", &json!({ "QueryLanguage": "JSONata", "StartAt": "Ask", "States": states }));
    home.exits(&["run", &file, "--yes", "--id", "l-1", "--no-wait=1s"], 75);
    std::thread::sleep(std::time::Duration::from_millis(3_100));
    for command in [&["approvals"][..], &["status"], &["status", "l-1"]] {
        let shown = home.succeed(command);
        assert!(shown.contains("timed out") && shown.contains("flow resume l-1"), "{command:?}: {shown}");
        assert!(!shown.contains("flow approve l-1"), "{command:?}: {shown}");
    }
    for arguments in [&["approve", "l-1"][..], &["reject", "l-1", "Ask"]] {
        let refused = home.exits(arguments, 1);
        assert!(refused.contains("timed out at") && refused.contains("flow resume l-1 continues"), "{refused}");
    }
    home.succeed(&["resume", "l-1"]);
    assert_eq!(output(&home, "l-1"), "late");
}

#[test]
fn the_holder_of_a_token_answers_and_the_history_has_the_label_and_never_the_token() {
    let home = Home::plain();
    let new_token = |name: &str| {
        let file = home.path().join(name).to_str().unwrap().to_owned();
        let made = home.succeed(&["approvals", "--new-token", &file, "-o", "json"]);
        (file, serde_json::from_str::<Value>(made.lines().last().unwrap()).unwrap()["sha256"].clone())
    };
    let ((file, sha256), (other, _)) = (new_token("on-call.token"), new_token("other.token"));
    let token = std::fs::read_to_string(&file).unwrap().trim().to_owned();
    let tokens = json!([{ "Label": "on-call", "Sha256": sha256 }]);
    let definition = asks(&home, "release", &json!({ "Prompt": "Release it?", "Tokens": tokens }));
    let said = started(&home, &definition, "r-1");
    assert!(said.contains("flow approve r-1 Ask --token-file …"), "{said}");
    for (arguments, words) in [
        (&["approve", "r-1"][..], "the holder of a token answers with   --token-file FILE"),
        (
            &["reject", "r-1", "--token-file", &other],
            "the holder of this token may not answer \"Ask\": token on-call may",
        ),
        (&["reject", "r-1", "--engine", "sfn", "--token-file", &file], "IAM decides"),
    ] {
        let refused = home.exits(arguments, 3);
        assert!(refused.contains(words), "{words:?} is not in: {refused}");
    }
    let said = home.succeed(&["approve", "r-1", "--token-file", &file, "--comment", "all is well"]);
    assert!(said.contains("is approved by on-call (token "), "{said}");
    home.flow(&["resume", "r-1"]);
    let user = output(&home, "r-1")["User"].clone();
    assert_eq!(user, format!("on-call (token {})", &sha256.as_str().unwrap()[..8]));

    started(&home, &definition, "r-2");
    let server = Server::start_as(&home, &[], &[("FLOW_TOKEN", "door")]);
    let over_tcp = |door: &str, token: &str| {
        let door = format!("Bearer {door}");
        let headers = [("x-amz-target", "Flow.AnswerWithToken"), ("authorization", &*door)];
        let body = json!({ "id": "r-2", "decision": { "approve": {} }, "token": token, "host": "elsewhere" });
        request(&server, &headers, &body.to_string())
    };
    assert!(over_tcp("another", &token).contains("UnrecognizedClientException"));
    assert!(over_tcp("door", &"0".repeat(64)).contains("ApprovalNeedsToken"));
    let answered = over_tcp("door", &token);
    assert!(answered.contains("on-call (token "), "{answered}");
    drop(server);
    let exported = home.succeed(&["export"]);
    assert!(exported.contains("on-call (token ") && exported.contains("elsewhere"), "{exported}");
    assert!(!exported.contains(&token), "the token is stored nowhere");
}
