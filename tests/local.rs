//! A workflow without AWS can use this machine, and only as far as its operator allows.

use serde_json::{Value, json};

use crate::{
    serve::Server,
    support::{Home, text, until},
};

/// Runs a definition with these environment variables. Returns exit code, standard output and standard error.
fn run(home: &Home, definition: &Value, variables: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let file = home.path().join("local.asl.json");
    std::fs::write(&file, definition.to_string()).unwrap();
    let mut command = home.command(&["run", file.to_str().unwrap(), "--yes", "-o", "json"]);
    command.envs(variables.iter().copied());
    let output = command.output().unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn process(program: &str, input: &Value) -> Value {
    json!({ "StartAt": "A", "States": { "A": {
        "Type": "Task", "Resource": "flow:process:run", "End": true,
        "Parameters": { "Program": program, "Arguments": ["-c", "cat; echo oops >&2; exit $CODE"], "Input": input }
    } } })
}

#[test]
fn a_program_gets_json_and_answers_json_and_only_those_allowed_run() {
    let home = Home::plain();
    let mut definition = process("/bin/sh", &json!({ "a": [1] }));
    definition["States"]["A"]["Parameters"]["Arguments"] = json!(["-c", "cat"]);
    let (exit, out, error) = run(&home, &definition, &[("FLOW_PROGRAMS", "/bin/true:/bin/sh")]);
    assert_eq!(exit, Some(0), "{out}{error}");
    assert!(out.contains(r#""output":{"a":[1]}"#), "{out}");
    let (exit, out, error) = run(&home, &definition, &[("FLOW_PROGRAMS", "/bin/true")]);
    assert_eq!(exit, Some(1), "{out}{error}");
    assert!(out.contains("is not among the programs that FLOW_PROGRAMS allows"), "{out}");
    let warning = out.lines().find(|line| line.contains(r#""type":"warning""#)).unwrap_or_default();
    assert!(warning.contains("FLOW_PROGRAMS=/bin/true:/bin/sh") && warning.contains(r#""state":"A""#), "{out}");
    let checked = home.exits(&["check", home.path().join("local.asl.json").to_str().unwrap()], 0);
    assert!(checked.contains("\"A\" runs /bin/sh, which FLOW_PROGRAMS does not allow"), "{checked}");
}

#[test]
fn a_failed_program_is_reported_with_its_last_lines() {
    let home = Home::plain();
    let mut definition = process("/bin/sh", &json!({}));
    definition["States"]["A"]["Parameters"]["Arguments"] = json!(["-c", "echo oops >&2; exit 3"]);
    let (exit, out, error) = run(&home, &definition, &[("FLOW_PROGRAMS", "/bin/sh")]);
    assert_eq!(exit, Some(1), "{error}");
    assert!(out.contains("Process.Failed") && out.contains("oops"), "{out}");
}

#[test]
fn a_map_reads_a_file_and_writes_its_results_below_the_folder_and_nowhere_else() {
    let home = Home::plain();
    let folder = home.path().join("data");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("in.csv"), "id,name\n1,a\n2,b\n3,c\n").unwrap();
    let definition = |from: &str| {
        json!({ "StartAt": "A", "States": { "A": {
            "Type": "Map", "End": true,
            "ItemReader": { "Resource": "flow:file:read", "Parameters": { "Path": from },
                            "ReaderConfig": { "InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW" } },
            "ItemProcessor": { "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" }, "StartAt": "B",
                               "States": { "B": { "Type": "Pass", "InputPath": "$.name", "End": true } } },
            "ResultWriter": { "Resource": "flow:file:write", "Parameters": { "Path": "file:out/results.json" } }
        } } })
    };
    let variables = [("FLOW_FILES", folder.to_str().unwrap())];
    let (exit, out, error) = run(&home, &definition("file:in.csv"), &variables);
    assert_eq!(exit, Some(0), "{out}{error}");
    let written = std::fs::read_to_string(folder.join("out/results.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), json!(["a", "b", "c"]));
    let (exit, out, _) = run(&home, &definition("file:../../etc/passwd"), &variables);
    assert_eq!(exit, Some(1), "{out}");
    assert!(out.contains("is not below"), "{out}");
}

#[test]
fn what_a_program_prints_is_followed_live() {
    let home = Home::plain();
    let program =
        home.program("talks.sh", "sleep 1; for n in 1 2 3; do echo line $n >&2; sleep 0.2; done; sleep 2; echo 1");
    let file = home.definition("talks", &process(&program, &json!({})));
    let run = home.command(&["run", &file, "--yes", "--id", "one"]).env("FLOW_PROGRAMS", &program).spawn().unwrap();
    until(10, "the execution begins", || home.flow(&["status", "one"]).status.success());
    let followed = home.exits(&["events", "one", "--follow"], 0);
    for line in ["A prints: line 1", "A prints: line 3", "ExecutionSucceeded"] {
        assert!(followed.contains(line), "{line:?} is not in: {followed}");
    }
    assert!(run.wait_with_output().unwrap().status.success());
    assert!(!home.exits(&["events", "one"], 0).contains("line 1"), "lines are not stored");
}

/// A client's execution uses what the process that drives it allows: one that does not allow its program leaves it to another one.
#[test]
fn an_execution_of_a_client_is_continued_only_where_its_program_is_allowed() {
    let home = Home::plain();
    let program = home.program("work.sh", "echo 1");
    let allowed = [("FLOW_PROGRAMS", program.as_str())];
    let definition = json!({ "StartAt": "Rest", "States": {
        "Rest": { "Type": "Wait", "SecondsPath": "$.seconds", "Next": "Work" },
        "Work": { "Type": "Task", "Resource": "flow:process:run", "Parameters": { "Program": program }, "End": true } } });
    let server = Server::start_with(&home, &allowed);
    let role = "arn:aws:iam::111111111111:role/flow";
    let create = json!({ "name": "works", "definition": definition.to_string(), "roleArn": role });
    let machine = server.call("CreateStateMachine", &create)["stateMachineArn"].clone();
    let start = |name: &str, input: &str| {
        server.call("StartExecution", &json!({ "stateMachineArn": machine, "name": name, "input": input }));
    };
    start("two", r#"{"seconds": 600}"#);
    let events = home.path().join("events.jsonl");
    let watches = home.spawn(&["resume", "works:two", "--events-file", events.to_str().unwrap()]);
    until(20, "an entry is shown", || std::fs::read_to_string(&events).is_ok_and(|lines| lines.contains("\"entry\"")));
    start("one", r#"{"seconds": 1}"#);
    // The server is killed.
    drop(server);
    let watched = watches.wait_with_output().unwrap();
    let said = text(&watched.stderr);
    assert_eq!(watched.status.code(), Some(3), "{said}");
    let reason = format!("runs {program}, which FLOW_PROGRAMS of this command does not allow");
    let resume = |what: &str| format!("FLOW_PROGRAMS={program} flow resume {what}");
    assert!(
        said.contains(&format!("works:two is interrupted: it {reason}")) && said.contains(&resume("works:two")),
        "{said}"
    );
    assert!(home.succeed(&["status", "works:one"]).contains(&resume("works:one")));
    let said = home.exits(&["resume", "works:one"], 3);
    assert!(said.contains(&format!("works:one {reason}: nothing was changed")), "{said}");
    assert!(said.contains(&resume("works:one")), "{said}");
    let all = ["resume", "--all", "--no-wait", "--quiet"];
    let said = home.exits(&all, 3);
    assert!(said.contains(&format!("not resumed: {reason}")) && said.contains(&resume("--all")), "{said}");
    assert_eq!(home.exits(&all, 3), "", "it was said");
    home.exits_with(&["resume", "works:one"], &allowed, 0);
}
