//! Every option does what its help says, and a test uses it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    serve::Server,
    sts_stub::{STAGING, Sts},
    support::{Home, text},
};

/// Options of every command. The tests of some commands use them.
const GLOBAL: [&str; 8] = ["--output", "--color", "--home", "--profile", "--region", "--verbose", "--quiet", "--help"];

/// The headings of options in a help text.
const OPTIONS: [&str; 4] = ["Options:", "Where it acts:", "Output:", "Rehearsal:"];

/// The words at the start of the lines in a section of a help text.
fn listed(help: &str, section: &str, begins: impl Fn(&str) -> bool) -> Vec<String> {
    let lines = help.lines().skip_while(|line| !line.starts_with(section)).skip(1);
    let lines = lines.take_while(|line| line.is_empty() || line.starts_with(' '));
    let words = lines.flat_map(|line| line.split([' ', ',']).filter(|word| !word.is_empty()).take(2));
    let name = |word: &str| {
        word.trim_end_matches(|c: char| !c.is_ascii_lowercase()).split('[').next().unwrap_or_default().to_owned()
    };
    words.filter(|word| begins(word)).map(name).collect()
}

#[test]
fn every_flag_of_every_command_is_used_by_a_test_of_that_command() {
    let home = Home::plain();
    let tests = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests")).unwrap();
    let tests: Vec<String> = tests.filter_map(|file| std::fs::read_to_string(file.unwrap().path()).ok()).collect();
    let help = home.exits(&["--help"], 0);
    let commands: BTreeSet<String> =
        listed(&help, "Commands:", |word| word.starts_with(|c: char| c.is_ascii_lowercase())).into_iter().collect();
    let commands: Vec<&String> =
        commands.iter().filter(|command| home.flow(&[command, "--help"]).status.success()).collect();
    assert!(commands.len() > 20, "{commands:?}");
    let mut unused = Vec::new();
    for command in commands {
        let help = home.exits(&[command, "--help"], 0);
        let flags: BTreeSet<String> = OPTIONS
            .iter()
            .flat_map(|heading| listed(&help, heading, |word| word.starts_with("--")))
            .filter(|flag| !GLOBAL.contains(&flag.as_str()))
            .collect();
        for flag in flags {
            let verb = format!("\"{command}\"");
            let uses = |test: &String| test.contains(&verb) && test.contains(&format!("\"{flag}"));
            if !tests.iter().any(uses) {
                unused.push(format!("flow {command} {flag}"));
            }
        }
    }
    assert!(unused.is_empty(), "no test uses {unused:#?}");
}

/// The last JSON line of `flow status ID --state NAME`.
fn state(home: &Home, id: &str, name: &str) -> Value {
    let said = home.exits(&["status", id, "--state", name, "-o", "json"], 0);
    serde_json::from_str(said.lines().last().unwrap()).unwrap()
}

#[test]
fn a_state_is_text_for_people_and_its_visits_are_counted_by_its_path() {
    let home = Home::plain();
    let states = json!({ "First": { "Type": "Pass", "Next": "Rest" }, "Rest": { "Type": "Wait", "Seconds": 3600, "End": true } });
    let file = home.definition("rests", &json!({ "StartAt": "First", "States": states }));
    home.exits(&["run", &file, "--yes", "--no-wait=0", "--id", "one", "--input", r#"{"n": 7}"#], 75);
    let said = home.exits(&["status", "one", "--state", "Rest"], 0);
    assert!(said.starts_with("Rest   waits until ") && said.contains("  input:\n    n: 7\n"), "{said}");
    assert!(!said.contains(['{', '"']), "{said}");
    let line = state(&home, "one", "Rest");
    assert_eq!(
        (&line["visit"], &line["attempt"]),
        (&json!(1), &json!(1)),
        "it is the second state, entered once: {line}"
    );
}

#[test]
fn all_states_with_a_name_are_shown_and_counted() {
    let home = Home::plain();
    let call = json!({ "StartAt": "Call", "States": { "Call": { "Type": "Pass", "End": true } } });
    let each = json!({ "Type": "Map", "ItemsPath": "$.a", "ItemProcessor": call, "End": true });
    let file = home.definition("each", &json!({ "StartAt": "Each", "States": { "Each": each } }));
    home.exits(&["run", &file, "--yes", "--id", "one", "--input", r#"{"a": [1, 2, 3]}"#], 0);
    let said = home.exits(&["status", "one", "--state", "Call"], 0);
    assert!(said.contains("3 states are named 'Call': 0 failed, 0 not left, 3 left"), "{said}");
    assert!(said.contains("Each[0]/Call   was left") && said.contains("Each[2]/Call   was left"), "{said}");
    let said = home.exits(&["status", "one", "--state", "Each[1]/Call"], 0);
    assert!(said.contains("input: 2") && !said.contains("Each[0]"), "{said}");
    let printed = home.exits(&["status", "one", "--state", "Call", "-o", "json"], 0);
    assert_eq!(printed.matches(r#""type":"state""#).count(), 3, "{printed}");
}

#[test]
fn a_state_is_shown_with_its_input_and_one_that_is_not_entered_is_not_found() {
    let home = Home::plain();
    let file = home.waits("long", 3600);
    home.exits(&["run", &file, "--yes", "--no-wait=0", "--id", "one", "--input", r#"{"n": 7}"#], 75);
    let shown = state(&home, "one", "Rest");
    assert_eq!((&shown["state"], &shown["input"]["n"]), (&json!("Rest"), &json!(7)));
    let refused = home.flow(&["status", "one", "--state", "Other"]);
    assert_eq!(refused.status.code(), Some(4));
    assert!(text(&refused.stderr).contains("flow events one"), "{}", text(&refused.stderr));
}

#[test]
fn a_state_that_was_left_is_shown_with_its_last_result() {
    let home = Home::plain();
    let first = json!({ "Type": "Pass", "Output": { "m": 8 }, "Next": "Last" });
    let states = json!({ "First": first, "Last": { "Type": "Fail", "Error": "Broken", "Cause": "as meant" } });
    let fails = json!({ "QueryLanguage": "JSONata", "StartAt": "First", "States": states });
    home.exits(&["run", &home.definition("fails", &fails), "--yes", "--id", "one", "--input", r#"{"n": 7}"#], 1);
    home.exits(&["run", &home.one("pass", &json!({ "Type": "Pass", "End": true })), "--yes", "--id", "two"], 0);
    let state = |id: &str, name: &str| state(&home, id, name);
    let first = state("one", "First");
    assert_eq!((&first["input"]["n"], &first["output"]["m"]), (&json!(7), &json!(8)), "{first}");
    assert_eq!((&first["visit"], &first["activity"]["doing"]), (&json!(1), &json!("left")), "{first}");
    assert!(state("one", "Last").to_string().contains("Broken"));
    assert_eq!(state("two", "Only")["type"], "state");
    let said = home.exits(&["status", "two", "--state", "Other"], 4);
    assert!(said.contains("two has not entered a state named 'Other'"), "{said}");
}

#[test]
fn the_json_list_has_every_execution() {
    let home = Home::plain();
    let server = Server::start(&home);
    let file = home.one("pass", &json!({ "Type": "Pass", "End": true }));
    for n in 0..103 {
        home.exits(&["run", &file, "--yes", "--id", &format!("e-{n}")], 0);
    }
    let ids = || {
        let printed = home.succeed(&["status", "-o", "json"]);
        let lines = printed.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let ids = lines.filter(|line| line["type"] == "execution").map(|line| line["execution"].clone());
        ids.collect::<Vec<Value>>()
    };
    let expected: Vec<Value> = (0..103).rev().map(|n| json!(format!("e-{n}"))).collect();
    assert_eq!(ids(), expected, "beside an owner");
    drop(server);
    assert_eq!(ids(), expected, "without one");
}

#[test]
fn a_client_lists_and_finds_more_than_a_hundred_executions() {
    let (home, person) = (Home::plain(), Home::plain());
    let server = Server::start(&home);
    let machine = |name: &str, state: Value| {
        let definition = json!({ "StartAt": "S", "States": { "S": state } }).to_string();
        let create =
            json!({ "name": name, "definition": definition, "roleArn": "arn:aws:iam::111111111111:role/flow" });
        server.call("CreateStateMachine", &create)["stateMachineArn"].clone()
    };
    let start = |machine: &Value, name: &str| {
        server.call("StartExecution", &json!({ "stateMachineArn": machine, "name": name, "input": "{}" }));
    };
    let question = json!({ "Prompt": "Which day?" });
    let ask = json!({ "Type": "Task", "Resource": "flow:approval:request", "Parameters": question, "End": true });
    start(&machine("asks", ask), "late");
    let quick = machine("quick", json!({ "Type": "Wait", "Seconds": 600, "End": true }));
    (0..120).for_each(|number| start(&quick, &format!("q{number:03}")));
    let options = ["--engine", "sfn", "--endpoint", &server.endpoint, "--region", "us-east-1"];
    let at_server = |arguments: &[&str]| person.exits(&[arguments, &options].concat(), 0);
    let latest = at_server(&["status"]);
    assert!(latest.contains("21 earlier ones:   flow status --all --engine sfn"), "{latest}");
    let all = at_server(&["status", "--all"]);
    assert_eq!(all.lines().filter(|line| line.starts_with('q')).count(), 120, "{all}");
    assert!(all.contains("late ") && !all.contains("earlier"), "{all}");
    assert_eq!(at_server(&["status", "-o", "json"]).matches(r#""type":"execution""#).count(), 121);
    // The first execution of its state machine, by a name that does not begin with the state machine's.
    at_server(&["cancel", "q000"]);
    assert!(at_server(&["status", "q000"]).contains("ABORTED"));
    let asked = at_server(&["approvals"]);
    assert!(asked.contains("Which day?") && !asked.contains("Nothing waits"), "{asked}");
}

#[test]
fn events_begin_at_a_sequence_and_show_only_what_failed() {
    let home = Home::plain();
    let definition = json!({ "StartAt": "First", "States": { "First": { "Type": "Pass", "Next": "Last" },
        "Last": { "Type": "Fail", "Error": "Broken", "Cause": "as meant" } } });
    home.exits(&["run", &home.definition("fails", &definition), "--yes", "--id", "one"], 1);
    let all = home.exits(&["events", "one"], 0);
    let later = home.exits(&["events", "one", "--since", "3"], 0);
    assert!(all.lines().count() == later.lines().count() + 2, "{all}{later}");
    assert!(all.ends_with(&later), "{all}{later}");
    let failed = home.exits(&["events", "one", "--failed"], 0);
    assert!(failed.contains("Broken") && !failed.contains("First"), "{failed}");
    assert_eq!(home.exits(&["events", "one", "--since", "1000"], 0), "");
}

#[test]
fn a_signalled_failure_has_its_error_and_cause() {
    let home = Home::plain();
    let server = Server::start(&home);
    crate::support::post(&server.endpoint, "AWSStepFunctions.CreateActivity", r#"{"name": "approve"}"#);
    drop(server);
    let resource = "arn:aws:states:us-east-1:111111111111:activity:approve";
    let offered = home.one("offered", &json!({ "Type": "Task", "Resource": resource, "End": true }));
    assert!(!home.exits(&["check", &offered], 0).contains("ACTIVITY_MUST_EXIST"), "the store has it");
    let asks = home.one(
        "asks",
        &json!({ "Type": "Task", "Resource": "flow:wait:tcp", "End": true, "TimeoutSeconds": 3600,
            "Arguments": { "Host": "127.0.0.1", "Port": 1, "IntervalSeconds": 60 } }),
    );
    home.exits(&["run", &asks, "--yes", "--no-wait", "--id", "one"], 75);
    home.exits(&["signal", "one", "Only", "--failure", "Refused", "--cause", "not today"], 0);
    let said = home.exits(&["status", "one"], 0);
    assert!(said.contains("Refused") && said.contains("not today"), "{said}");
}

#[test]
fn mocked_cases_are_chosen_by_name_and_by_state_machine() {
    let home = Home::plain();
    let call = json!({ "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Arguments": { "FunctionName": "${Function}" }, "End": true });
    let file = home.one("calls", &call);
    let mocks = json!({
        "StateMachines": {
            "first": { "TestCases": { "Good": { "Only": "answers" }, "Bad": { "Only": "fails" } } },
            "second": { "TestCases": { "Other": { "Only": "answers" } } } },
        "MockedResponses": {
            "answers": { "0": { "Return": { "StatusCode": 200 } } },
            "fails": { "0": { "Throw": { "Error": "Broken", "Cause": "as meant" } } } } });
    let mocks_file = home.path().join("mocks.json");
    std::fs::write(&mocks_file, mocks.to_string()).unwrap();
    let base = ["test", &file, "--mocks", mocks_file.to_str().unwrap(), "--substitute", "Function=f"];
    let test = |more: &[&str], exit: i32| home.exits(&[&base[..], more].concat(), exit);
    test(&["--state-machine", "first"], 1);
    let said = test(&["--state-machine", "first", "--case", "Good"], 0);
    assert!(said.contains("Good") && !said.contains("Bad"), "{said}");
    test(&["--state-machine", "second"], 0);
    test(&["--state-machine", "first", "--expect", "Bad=FAILED"], 0);
    for wrong in [&["--state-machine", "third"][..], &["--state-machine", "first", "--case", "Missing"]] {
        let refused = home.flow(&[&base[..], wrong].concat());
        assert!(!refused.status.success(), "{}", text(&refused.stdout));
    }
}

/// The configuration file sets defaults; a variable and an option take precedence. `flow config` names the source of each.
#[test]
fn the_configuration_file_sets_defaults_that_variables_and_options_replace() {
    let home = Home::plain();
    let folder = home.path().join("configuration/flow");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("config.toml");
    assert!(home.succeed(&["config"]).contains("config.toml (does not exist)"));
    std::fs::write(&file, "home = '/nonexistent/flow'\nprogress = 'none'\ncolor = 'always'\n").unwrap();
    let said = home.succeed(&["config", "--color", "never", "-o", "json"]);
    let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let setting = |name: &str| lines.iter().find(|line| line["name"] == name).unwrap();
    assert_eq!(setting("home")["source"], "environment variable FLOW_HOME");
    assert_eq!(
        (&setting("progress")["value"], &setting("progress")["source"]),
        (&"none".into(), &"configuration file".into())
    );
    assert_eq!((&setting("color")["value"], &setting("color")["source"]), (&"never".into(), &"option".into()));
    assert_eq!(setting("region")["value"], Value::Null);
    let variables = [("NO_COLOR", "1"), ("FLOW_PROGRAMS", "/bin/sh"), ("FLOW_TOKEN", "hunter2")];
    let decided = home.exits_with(&["config", "--color", "auto"], &variables, 0);
    assert!(decided.contains("environment variable NO_COLOR"), "{decided}");
    assert!(decided.contains("/bin/sh") && decided.contains("FLOW_TOKEN") && !decided.contains("hunter2"), "{decided}");
    let quiet = home.definition("pass", &json!({ "StartAt": "A", "States": { "A": { "Type": "Pass", "End": true } } }));
    assert!(!home.succeed(&["run", &quiet, "--yes"]).contains("Entered"), "the file's display is used");
    std::fs::write(&file, "region = 'eu-central-1'\n").unwrap();
    let refused = home.exits(&["status"], 3);
    assert!(refused.contains("config.toml") && refused.contains("AWS_REGION"), "{refused}");
}

#[test]
fn doctor_names_the_account_when_it_is_asked() {
    let home = Home::plain();
    let sts = Sts::start();
    let said = home.exits_with(&["doctor", "--aws"], &sts.credentials(STAGING), 0);
    assert!(said.contains(STAGING), "{said}");
    let asked = sts.asked();
    home.exits_with(&["doctor"], &sts.credentials(STAGING), 0);
    assert_eq!(sts.asked(), asked, "without the option no question is asked");
}

#[test]
fn a_worker_polls_once_with_a_limit_and_ends() {
    let (home, elsewhere) = (Home::plain(), Home::plain());
    let server = Server::start(&home);
    let arguments =
        ["worker", "--endpoint", &server.endpoint, "--activities", "process:run", "--once", "--concurrency", "2"];
    let refused = elsewhere.exits(&arguments, 3);
    assert!(refused.contains("FLOW_PROGRAMS is not set: this worker does not poll flow:process:run"), "{refused}");
    elsewhere.exits_with(&arguments, &[("AWS_REGION", "us-east-1"), ("FLOW_PROGRAMS", "/bin/true")], 0);
    let refused =
        elsewhere.flow(&["worker", "--endpoint", "http://127.0.0.1:1", "--once", "--activities", "wait:http"]);
    assert_eq!(refused.status.code(), Some(5), "no server listens: {}", text(&refused.stdout));
    let rehearsal = Home::for_rehearsal();
    rehearsal.exits(&["worker", "--endpoint", &server.endpoint, "--once", "--rehearse"], 0);
}

#[test]
fn a_policy_is_of_the_partition_that_is_named() {
    let home = Home::plain();
    let said = home.exits(&["policy", "endpoints-aws", "--partition", "aws-cn", "--account", "111122223333"], 0);
    assert!(said.contains("arn:aws-cn:") && !said.contains("arn:aws:"), "{said}");
}

#[test]
fn a_policy_is_limited_to_the_records_of_a_domain() {
    let home = Home::plain();
    let said = home.exits(&["policy", "endpoints-aws", "--domain", "www.example.com"], 0);
    let names = "route53:ChangeResourceRecordSetsNormalizedRecordNames";
    assert!(said.contains(names) && said.contains("www.example.com"), "{said}");
}

#[test]
fn an_id_that_reads_as_an_option_or_as_the_latest_is_refused() {
    let home = Home::plain();
    let file = home.one("pass", &json!({ "Type": "Pass", "End": true }));
    for id in ["@latest", "-x"] {
        let said = home.exits(&["run", &file, "--yes", &format!("--id={id}")], 3);
        assert!(said.contains("cannot be the id"), "{said}");
    }
    let refused = home.flow(&["run", &file, "--yes", "--id", "a/b c"]);
    assert_eq!(refused.status.code(), Some(3));
    assert_eq!(text(&refused.stdout), "", "nothing is shown before the refusal");
    assert!(text(&refused.stderr).contains("it contains '/' and a space"), "{}", text(&refused.stderr));
}

#[test]
fn a_proposed_command_names_an_execution_whose_id_begins_like_an_option() {
    let home = Home::plain();
    let server = Server::start(&home);
    let wait = json!({ "StartAt": "-w", "States": { "-w": { "Type": "Wait", "Seconds": 3600, "End": true } } });
    let role = "arn:aws:iam::111111111111:role/flow";
    let machine = json!({ "name": "-sm", "roleArn": role, "definition": wait.to_string() });
    let post = |operation: &str, body: &Value| {
        let target = format!("AWSStepFunctions.{operation}");
        let answer = crate::support::post(&server.endpoint, &target, &body.to_string());
        serde_json::from_str::<Value>(&answer).unwrap()
    };
    let arn = post("CreateStateMachine", &machine)["stateMachineArn"].clone();
    post("StartExecution", &json!({ "stateMachineArn": arn, "name": "-x" }));
    drop(server);
    let listed = home.succeed(&["status"]);
    assert!(listed.contains(r"flow resume '\-sm:-x'"), "{listed}");
    home.exits(&["resume", r"\-sm:-x", "--no-wait=0"], 75);
    for id in [&[r"\-sm:-x", "--state", r"\-w"][..], &["--state=-w", "--", "-sm:-x"]] {
        assert!(home.exits(&[&["status"][..], id].concat(), 0).contains("-w"));
    }
    home.exits(&["cancel", r"\-sm:-x"], 0);
}

/// The commands whose help names @latest.
fn commands_with_latest() -> Vec<String> {
    let reference = include_str!("../docs/reference/commands.md");
    let sections = reference.split("\n## flow ").skip(1).filter(|section| section.contains("@latest"));
    sections.map(|section| section.split(['\n', '`']).next().unwrap().trim().to_owned()).collect()
}

#[test]
fn every_command_that_takes_an_id_takes_the_latest() {
    let home = Home::plain();
    let ask = home.one(
        "ask",
        &json!({ "Type": "Task", "Resource": "flow:approval:request", "End": true,
        "TimeoutSeconds": 3600, "Arguments": { "Prompt": "Go?" } }),
    );
    let wait = home.one(
        "wait",
        &json!({ "Type": "Task", "Resource": "flow:wait:tcp", "End": true,
        "TimeoutSeconds": 3600, "Arguments": { "Host": "127.0.0.1", "Port": 1, "IntervalSeconds": 60 } }),
    );
    let begun = |file: &str, id: &str| home.exits(&["run", file, "--yes", "--no-wait", "--id", id], 75);
    begun(&ask, "ask-1");
    begun(&wait, "wait-1");
    assert!(home.succeed(&["status", "wait-1"]).contains(" · next check "), "it says when a resume can proceed");
    let answer = r#"{"Address":"127.0.0.1:1"}"#;
    // In this order each is the latest that the command can act on.
    let walk: [(&[&str], i32, &str); 9] = [
        (&["status", "@latest", "--state", "Only"], 0, "Only   "),
        (&["events", "@latest"], 0, "waiting"),
        (&["export", "@latest"], 0, r#""id":"wait-1""#),
        (&["resume", "@latest", "--no-wait"], 75, "wait-1: nothing new"),
        (&["approve", "@latest"], 0, "ask-1: \"Only\" is approved"),
        (&["signal", "@latest", "Only", "--success", answer], 0, "wait-1: \"Only\" is answered"),
        (&["run", "--again", "@latest", "--yes", "--no-wait"], 75, "Nothing is lost. Next check "),
        (&["cancel", "@latest"], 0, "is cancelled"),
        (&["reject", "@latest"], 0, "ask-2: \"Only\" is rejected"),
    ];
    for (arguments, exit, words) in walk {
        if arguments[0] == "reject" {
            begun(&ask, "ask-2");
        }
        let said = home.exits(arguments, exit);
        assert!(said.contains(words), "{arguments:?}: {words:?} is not in: {said}");
    }
    let mut walked: Vec<&str> = walk.iter().map(|(arguments, ..)| arguments[0]).collect();
    let mut documented = commands_with_latest();
    walked.sort_unstable();
    documented.sort_unstable();
    assert_eq!(walked, documented, "every command whose help names @latest is walked");
}
