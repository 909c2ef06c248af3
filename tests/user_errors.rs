//! A mistake of a person is refused with what is allowed, and nothing is run.

use serde_json::{Value, json};

use crate::support::Home;

fn write(home: &Home, name: &str, text: &str) -> String {
    let file = home.path().join(name);
    std::fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn a_file_of_connections_of_another_shape_is_refused_at_the_start() {
    let home = Home::plain();
    let connections = write(&home, "connections.json", r#"{ "orders": { "Username": "u", "Password": "canary-1" } }"#);
    let chmod = std::process::Command::new("chmod").args(["600", &connections]).status().unwrap();
    assert!(chmod.success());
    let arguments = json!({ "Method": "GET", "ApiEndpoint": "http://127.0.0.1:9/", "Authentication": { "ConnectionArn": "orders" } });
    let file = home.one(
        "call",
        &json!({ "Type": "Task", "Resource": "arn:aws:states:::http:invoke", "Arguments": arguments, "End": true }),
    );
    let said =
        home.exits_with(&["run", &file, "--yes", "--id", "one"], &[("FLOW_CONNECTIONS", connections.as_str())], 3);
    for expected in
        ["'orders'", "unknown field 'Username'", "AuthorizationType, AuthParameters", "ApiKeyAuthParameters"]
    {
        assert!(said.contains(expected), "{expected} is not in: {said}");
    }
    assert!(!said.contains("canary-1"), "{said}");
    home.exits(&["status", "one"], 4);
}

#[test]
fn an_id_that_has_ended_runs_nothing_and_says_so() {
    let home = Home::plain();
    let pass = |output: &str| json!({ "Type": "Pass", "Output": output, "End": true });
    let file = home.one("work", &pass("first"));
    home.exits(&["run", &file, "--yes", "--id", "one"], 0);
    let run = ["run", file.as_str(), "--yes", "--id", "one"];
    let said = home.exits(&run, 0);
    assert!(said.contains("one exists already and has SUCCEEDED; nothing was run"), "{said}");
    assert!(!home.exits(&[&run[..], &["--quiet"]].concat(), 0).contains("exists already"));
    home.one("work", &pass("second"));
    let said = home.exits(&run, 3);
    assert!(said.contains("exists already, with another definition"), "{said}");
    assert!(said.contains("flow status one") && said.contains("another --id"), "both ways: {said}");
    let fail = home.one("fail", &json!({ "Type": "Fail", "Error": "Disk.Full" }));
    let run = ["run", fail.as_str(), "--yes", "--id", "two"];
    home.exits(&run, 1);
    let said = home.exits(&run, 1);
    assert!(said.contains("two exists already and has FAILED; nothing was run"), "{said}");
}

fn mocks(states: &Value) -> String {
    json!({ "StateMachines": { "work": { "TestCases": { "Happy": states } } },
            "MockedResponses": { "Fine": { "0": { "Return": {} } } } })
    .to_string()
}

#[test]
fn a_case_a_state_and_a_field_of_the_mocks_that_do_not_exist_are_refused() {
    let home = Home::plain();
    let task =
        json!({ "Type": "Task", "Resource": "flow:process:run", "Arguments": { "Program": "/bin/date" }, "End": true });
    let file = home.one("work", &task);
    let answers = write(&home, "work.mocks.json", &mocks(&json!({ "Only": "Fine" })));
    home.exits(&["test", &file, "--expect", "Happy=SUCCEEDED"], 0);
    let said = home.exits(&["test", &file, "--expect", "Hapy=FAILED"], 4);
    assert!(said.contains("has no case 'Hapy'; did you mean 'Happy'?"), "{said}");
    let said = home.exits(&["test", &file, "--expect", "Happy=SUCCEDED"], 3);
    assert!(said.contains("SUCCEEDED, FAILED, TIMED_OUT, ABORTED"), "{said}");
    write(&home, "work.mocks.json", &mocks(&json!({ "Onyl": "Fine" })));
    for command in ["test", "dev"] {
        let once: &[&str] = if command == "dev" { &["--once"] } else { &[] };
        let said = home.exits(&[&[command, &file], once].concat(), 3);
        assert!(said.contains(&answers) && said.contains("'Onyl'") && said.contains("did you mean 'Only'?"), "{said}");
    }
    write(&home, "work.mocks.json", r#"{ "StateMachines": {}, "MockedResponse": {} }"#);
    let said = home.exits(&["test", &file], 3);
    assert!(said.contains("unknown field `MockedResponse`"), "{said}");
}

#[test]
fn a_file_that_cannot_be_parsed_is_a_problem_with_its_line() {
    let home = Home::plain();
    let text = "StartAt: A\nStates:\n  A:\n    Type: Pass\n\tEnd: true\n";
    let file = write(&home, "tab.asl.yaml", text);
    let said = home.exits(&["check", &file], 3);
    assert!(said.contains(&format!("--> {file}:5:1")) && !said.contains("<input>"), "{said}");
    let said = home.exits(&["check", &file, "-o", "json"], 3);
    let line: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert_eq!((&line["type"], &line["code"]), (&json!("diagnostic"), &json!("NOT_PARSED")), "{said}");
    assert_eq!((&line["line"], &line["column"]), (&json!(5), &json!(1)), "{said}");
    let said = home.exits(&["run", &file, "--yes"], 3);
    assert!(said.contains("cannot be parsed: line 5 column 1"), "{said}");
}

#[test]
fn a_misspelt_field_is_marked_at_its_own_line() {
    let home = Home::plain();
    let text = "StartAt: A\nStates:\n  A:\n    type: Wait\n    Seconds: 1\n    End: true\n";
    let said = home.exits(&["check", &write(&home, "type.asl.yaml", text)], 3);
    assert!(said.contains("is 'type' meant as 'Type'?") && said.contains(":4:5"), "{said}");
    let text = "StartAt: A\nStates:\n  A:\n    Type: Pass\n    Nxt: B\n    End: true\n";
    let said = home.exits(&["check", &write(&home, "next.asl.yaml", text)], 3);
    assert!(said.contains("did you mean 'Next'?") && said.contains(":5:5"), "{said}");
}

#[test]
fn a_failure_is_described_without_empty_parts() {
    let home = Home::plain();
    let fail = home.one("fail", &json!({ "Type": "Fail", "Error": "Disk.Full" }));
    let said = home.exits(&["run", &fail, "--yes", "--id", "one"], 1);
    assert!(said.contains("The workflow ended itself with this error"), "{said}");
    assert!(!said.contains("The mistake is in the definition") && !said.contains("no call"), "{said}");
    let said = home.exits(&["resume", "one"], 3);
    for words in ["ended one, and a resume runs only that state again: nothing was changed", "flow run --again one"] {
        assert!(said.contains(words), "{words:?} is not in: {said}");
    }
    let task = json!({ "Type": "Task", "Resource": "flow:process:run", "Arguments": { "Program": "/bin/false" }, "End": true });
    let said = home.exits_with(
        &["run", &home.one("false", &task), "--yes", "--id", "two"],
        &[("FLOW_PROGRAMS", "/bin/false")],
        1,
    );
    assert!(said.contains("/bin/false: exit status: 1\n") && !said.contains("no call"), "{said}");
    let pass = home.one("pass", &json!({ "Type": "Pass", "End": true }));
    let said = home.exits(&["run", &pass, "--yes"], 0);
    assert!(said.contains("SUCCEEDED") && !said.contains("0 created"), "no step reports resources: {said}");
    let read = json!({ "Type": "Task", "Resource": "flow:file:read", "Arguments": { "Path": "a" }, "End": true });
    let said = home.exits(&["run", &home.one("read", &read), "--yes", "--id", "three"], 1);
    assert!(said.contains("To allow it:   FLOW_FILES=FOLDER flow resume three"), "{said}");
}

#[test]
fn resume_all_says_what_it_waits_for() {
    let home = Home::plain();
    home.exits(&["run", &home.waits("rest", 2), "--yes", "--id", "one", "--no-wait=0"], 75);
    let said = home.exits(&["resume", "--all"], 0);
    assert!(said.starts_with("one   resumed"), "{said}");
    home.exits(&["run", &home.waits("rest", 2), "--yes", "--id", "two", "--no-wait=0"], 75);
    assert!(!home.exits(&["resume", "--all", "--quiet"], 0).contains("resumed"));
}

#[test]
fn a_home_that_is_a_file_is_named_as_one() {
    let home = Home::plain();
    let pass = home.one("pass", &json!({ "Type": "Pass", "End": true }));
    let file = write(&home, "taken", "");
    for folder in [file.clone(), format!("{file}/inside")] {
        for command in
            [&["status"][..], &["doctor"], &["resume", "--all"], &["run", &pass, "--yes"], &["cancel", "one"]]
        {
            let said = home.exits_with(command, &[("FLOW_HOME", &folder)], 3);
            assert!(said.contains("the home is a folder, and ") && said.contains("taken is a file"), "{said}");
            assert!(said.contains("name a folder with --home or FLOW_HOME") && !said.contains("sudo"), "{said}");
        }
    }
}

#[test]
fn a_home_that_the_system_refuses_is_named_with_one_that_works() {
    let home = Home::plain();
    let pass = home.one("pass", &json!({ "Type": "Pass", "End": true }));
    let long = format!("/tmp/{}", "n".repeat(300));
    let run = ["run", &pass, "--yes"];
    for (folder, command) in
        [("/proc/1/x", &run[..]), (&*long, &run), (&*long, &["status"]), (&*long, &["resume", "--all"])]
    {
        let said = home.exits_with(command, &[("FLOW_HOME", folder)], 3);
        assert!(said.contains(&format!("the home {folder} cannot be ")) && !said.contains("os error"), "{said}");
        assert!(said.contains("   export FLOW_HOME=") && !said.contains("sudo"), "{said}");
    }
}

#[test]
fn an_error_that_cannot_be_printed_keeps_its_exit_code() {
    let home = Home::plain();
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    let status = home.command(&["status", "nope"]).stdout(full()).stderr(full()).status().unwrap();
    assert_eq!(status.code(), Some(4));
}
