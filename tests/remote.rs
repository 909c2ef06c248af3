//! An execution at Step Functions is shown, answered and cancelled like one on this machine.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use serde_json::{Value, json};

use crate::{
    campaign::{deploy, worker},
    lambda_stub::LambdaStub,
    serve::Server,
    support::{Home, post, send, text, until},
};

const ROLE: &str = "arn:aws:iam::111111111111:role/flow";

/// A server, the home of a person on another machine, and a worker. All end when this is dropped.
struct Elsewhere {
    serving: Home,
    person: Home,
    server: Server,
    workers: Vec<std::process::Child>,
    program: String,
}

impl Elsewhere {
    fn start(script: &str) -> Self {
        Self::start_with(script, &[])
    }

    fn start_with(script: &str, variables: &[(&str, &str)]) -> Self {
        let (serving, person) = (Home::plain(), Home::plain());
        let program = person.program("act", script);
        let server = Server::start_with(&serving, variables);
        let workers =
            vec![worker(&person, &server.endpoint, &["--activities", "process:run"], &[("FLOW_PROGRAMS", &program)])];
        Elsewhere { serving, person, server, workers, program }
    }

    fn task(&self, more: Value) -> Value {
        let mut task = json!({ "Type": "Task", "Resource": "flow:process:run",
            "Parameters": { "Program": self.program, "Arguments.$": "States.Array($.folder)" } });
        task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        task
    }

    /// Runs a command for the server's executions. Returns its output.
    fn at_server(&self, arguments: &[&str], exit: i32) -> String {
        let more = ["--engine", "sfn", "--endpoint", &self.server.endpoint, "--region", "us-east-1"];
        self.person.exits(&[arguments, &more[..]].concat(), exit)
    }

    fn input(&self) -> String {
        json!({ "folder": self.person.path() }).to_string()
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        for worker in &mut self.workers {
            let _ = worker.kill();
            let _ = worker.wait();
        }
    }
}

/// The lines without times, which differ.
fn shape(printed: &str) -> Vec<String> {
    let is_time =
        |word: &str| word.trim_end_matches(':').strip_suffix('s').is_some_and(|time| time.parse::<f64>().is_ok());
    let word = |word: &str| if is_time(word) { "TIME".to_owned() } else { word.to_owned() };
    printed.lines().map(|line| line.split_whitespace().map(word).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn a_run_ends_as_on_the_local_engine_with_the_same_screen_and_exit_code() {
    let there = Elsewhere::start("printf '{\"done\": true}'");
    let section = json!({ "Type": "Parallel", "End": true, "ResultPath": "$.made", "Branches": [
        { "StartAt": "Act", "States": { "Act": there.task(json!({ "End": true })) } }] });
    let definition =
        json!({ "StartAt": "Prepare", "States": { "Prepare": { "Type": "Pass", "Next": "Make" }, "Make": section } });
    let file = there.person.definition("job", &definition);
    deploy(&there.serving, &there.server.endpoint, &file, 20);
    let input = there.input();
    let run = ["run", &file, "--yes", "--id", "job-1", "--input", &input, "--progress", "none"];
    let deployed = there.at_server(&run, 0);
    let local = there.person.exits_with(&run, &[("FLOW_PROGRAMS", &there.program)], 0);
    assert_eq!(shape(&deployed), shape(&local));
    // Once more with the same input: nothing is run. With another input it is refused.
    let again = there.at_server(&run, 0);
    assert!(again.contains("job-1 exists already and has SUCCEEDED; nothing was run"), "{again}");
    let local = there.person.exits_with(&run, &[("FLOW_PROGRAMS", &there.program)], 0);
    assert_eq!(shape(&again), shape(&local));
    let other = there.at_server(&["run", &file, "--yes", "--id", "job-1", "--input", "{\"folder\": \"/\"}"], 3);
    let command = format!("flow status job:job-1 --engine sfn --endpoint {}", there.server.endpoint);
    assert!(other.contains("exists already, with another input") && other.contains(&command), "{other}");
    let status = |printed: &str| -> Vec<String> {
        shape(printed).into_iter().filter(|line| !line.contains("engine") && !line.is_empty()).collect()
    };
    let deployed = there.at_server(&["status", "job-1"], 0);
    assert_eq!(status(&deployed), status(&there.person.succeed(&["status", "job-1"])));
    let events = there.at_server(&["events", "job-1", "-o", "json"], 0);
    let entered: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let entered = entered.iter().filter(|line| line["event"]["type"] == "StateEntered");
    let names: Vec<_> = entered.map(|line| line["event"]["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, ["Prepare", "Make", "Act"], "{events}");
    // Also without its name, by its ARN, and in the list.
    assert!(there.at_server(&["status", "@latest"], 0).contains("job-1"));
    let arn = "arn:aws:states:us-east-1:111111111111:execution:job:job-1";
    assert!(there.at_server(&["status", arn], 0).contains("SUCCEEDED"));
    assert!(there.at_server(&["status"], 0).contains("job-1"));
    there.at_server(&["status", "none"], 4);
    there.at_server(&["run", "endpoints-aws", "--rehearse"], 3);
}

#[test]
fn a_run_of_another_definition_than_the_deployed_one_is_refused() {
    let there = Elsewhere::start("echo 1");
    let with = |comment: &str| {
        let act = there.task(json!({ "End": true, "Comment": comment }));
        there.person.definition("job", &json!({ "StartAt": "Act", "States": { "Act": act } }))
    };
    let run = |file: &str, id: &str, exit| {
        there.at_server(&["run", file, "--yes", "--id", id, "--input", &there.input(), "--progress", "none"], exit)
    };
    let options = format!("--engine sfn --endpoint {} --region us-east-1", there.server.endpoint);
    let file = with("first");
    let deploy_command = format!("flow deploy {file} {options}");
    let refused = run(&file, "job-0", 4);
    assert!(refused.contains(&deploy_command), "{refused}");
    // Another value of HeartbeatSeconds is an option of the deployment, not another definition.
    deploy(&there.serving, &there.server.endpoint, &file, 20);
    run(&file, "job-1", 0);
    let file = with("second");
    let refused = run(&file, "job-2", 3);
    assert!(refused.contains("nothing was started") && refused.contains(&deploy_command), "{refused}");
    there.at_server(&["status", "job-2"], 4);
    deploy(&there.serving, &there.server.endpoint, &file, 30);
    run(&file, "job-2", 0);
}

#[test]
fn a_failed_execution_is_redriven_where_it_failed() {
    let there = Elsewhere::start(
        "[ -e \"$1/slow\" ] && exec sleep 60; if [ -e \"$1/repaired\" ]; then echo 1; else echo broken >&2; exit 1; fi",
    );
    let file = there.person.definition(
        "job",
        &json!({ "StartAt": "First", "States": {
        "First": { "Type": "Pass", "Next": "Act" }, "Act": there.task(json!({ "End": true })) } }),
    );
    deploy(&there.serving, &there.server.endpoint, &file, 20);
    let printed = there.at_server(&["run", &file, "--yes", "--id", "job-1", "--input", &there.input()], 1);
    assert!(printed.contains("broken") && printed.contains("\"Act\""), "{printed}");
    a_watch_ends_while_a_worker_is_busy(&there, &file);
    std::fs::write(there.person.path().join("repaired"), "").unwrap();
    let printed = there.at_server(&["resume", "job-1"], 0);
    assert!(!printed.contains("First"), "earlier entries are not shown again: {printed}");
    assert!(there.at_server(&["status", "job-1"], 0).contains("SUCCEEDED"));
    assert!(there.at_server(&["resume", "job-1"], 0).contains("nothing to resume"));
}

/// A watch of a step that takes long in its worker ends after the time of `--no-wait`, and at a signal; the execution continues.
fn a_watch_ends_while_a_worker_is_busy(there: &Elsewhere, file: &str) {
    let input = there.input();
    there.at_server(&["run", file, "--yes", "--id", "slow-2", "--input", &input], 1);
    let slow = there.person.path().join("slow");
    std::fs::write(&slow, "").unwrap();
    let run = ["run", file, "--yes", "--id", "slow-1", "--input", &input, "--no-wait=1s"];
    let printed = there.at_server(&run, 75);
    assert!(printed.contains("Act: ") && printed.contains("Nothing is lost. slow-1 continues in"), "{printed}");
    let more = ["--engine", "sfn", "--endpoint", &there.server.endpoint, "--region", "us-east-1"];
    let mut resume = there.person.command(&[&["resume", "slow-2"][..], &more[..]].concat());
    let mut resumed = resume.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Kept open until the end: a display without a reader may end earlier.
    let mut lines = BufReader::new(resumed.stdout.take().unwrap()).lines().map_while(Result::ok);
    let redriven = lines.by_ref().take_while(|line| !line.contains("Resumed")).count();
    send("-TERM", resumed.id());
    let output = resumed.wait_with_output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(143), "after {redriven} lines: {said}");
    assert!(said.contains("slow-2 continues in") && !said.contains("nothing was begun"), "{said}");
    ["slow-1", "slow-2"].iter().for_each(|id| drop(there.at_server(&["cancel", id], 0)));
    std::fs::remove_file(slow).unwrap();
}

#[test]
fn a_task_is_answered_and_an_execution_is_cancelled() {
    let functions = LambdaStub::start();
    let there = Elsewhere::start_with("echo 1", &functions.variables());
    let ask = json!({ "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "End": true,
        "TimeoutSeconds": 86_400, "Parameters": { "FunctionName": "echo", "Payload": { "token.$": "$$.Task.Token", "Prompt": "Which day?",
            "Choices": ["today", "tomorrow"], "Fields": { "required": ["ticket"], "properties": { "ticket": { "type": "string" } } } } } });
    let file = there.person.definition("asking", &json!({ "StartAt": "Ask", "States": { "Ask": ask } }));
    deploy(&there.serving, &there.server.endpoint, &file, 20);
    for id in ["asking-1", "asking-2", "asking-3", "asking-4", "asking-5"] {
        let printed = there.at_server(&["run", &file, "--yes", "--id", id, "--no-wait"], 75);
        shows_the_question(&there, id, &printed);
    }
    for shown in [&["status", "asking-1"][..], &["resume", "asking-1", "--no-wait"]] {
        let exit = if shown[0] == "resume" { 75 } else { 0 };
        shows_the_question(&there, "asking-1", &there.at_server(shown, exit));
    }
    a_watch_shows_the_question(&there);
    refuses_a_signal(&there);
    answers_as_a_person(&there);
    answers_without_a_question(&there);
    crate::approvals::a_question_beside_a_token_is_an_approval_in_the_home_of_its_server(
        &there.serving,
        "asking:asking-5",
    );
    there.at_server(&["cancel", "asking-2"], 0);
    there.at_server(&["cancel", "asking-2"], 1);
    let output = there
        .person
        .command(&["status", "asking-2", "--watch", "--engine", "sfn", "--region", "us-east-1"])
        .env("AWS_ENDPOINT_URL_STEPFUNCTIONS", &there.server.endpoint)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("ABORTED"));
    there.person.exits(&["status", "asking-2", "--endpoint", &there.server.endpoint], 3);
}

/// The output about an execution has the question with the commands that answer it, and one line about how the execution continues.
fn shows_the_question(there: &Elsewhere, id: &str, printed: &str) {
    let options = format!("--engine sfn --endpoint {} --region us-east-1", there.server.endpoint);
    let approve = format!("flow approve asking:{id} Ask --choice today --set ticket=… {options}");
    for words in ["Which day?", "Times out", &approve] {
        assert!(printed.contains(words), "{words:?} is not in: {printed}");
    }
    assert!(!printed.contains("flow signal") && !printed.contains("After the answer"), "{printed}");
    assert!(printed.matches("Nothing is lost").count() <= 1, "{printed}");
}

/// A watch without a terminal shows the question when it begins to wait for the answer.
fn a_watch_shows_the_question(there: &Elsewhere) {
    let endpoint = there.server.endpoint.as_str();
    let options = ["--engine", "sfn", "--endpoint", endpoint, "--region", "us-east-1"];
    let mut watching = there.person.spawn(&[&["resume", "asking-3"][..], &options].concat());
    let command = "flow approve asking:asking-3 Ask --choice today --set ticket=…";
    let lines = BufReader::new(watching.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut shown = Vec::new();
    // The line after 10 s only says that somebody is needed.
    for line in lines.take_while(|line| !line.contains(" Still ")) {
        shown.push(line);
        if shown.last().is_some_and(|line| line.contains(command)) {
            break;
        }
    }
    send("-TERM", watching.id());
    watching.wait().unwrap();
    let shown = shown.join("\n");
    assert!(shown.contains("Which day?") && shown.contains(command), "{shown}");
}

/// A signal answers no approval, and its comment is not dropped. An answer to an execution that has ended is refused with that reason.
fn refuses_a_signal(there: &Elsewhere) {
    let signal = |more: &[&str], exit| {
        there.at_server(&[&["signal", "asking-1"][..], more, &["--success", "{\"Choice\": \"never\"}"]].concat(), exit)
    };
    assert!(signal(&["None"], 3).contains("asking-1 has no state named \"None\""));
    let refused = signal(&["Ask"], 3);
    assert!(refused.contains("is an approval") && refused.contains("flow approve asking:asking-1"), "{refused}");
    assert!(signal(&["Ask", "--comment", "hello"], 3).contains("records no comment"));
    let approve = ["approve", "asking-1", "--choice", "today", "--set", "ticket=17"];
    there.at_server(&approve, 0);
    until(20, "the end", || there.at_server(&["status", "asking-1"], 0).contains("SUCCEEDED"));
    for refused in [there.at_server(&approve, 1), signal(&["Ask"], 1)] {
        assert!(refused.contains("\"Ask\" of asking-1 was answered by "), "{refused}");
        assert!(refused.contains("asking-1 has ended: SUCCEEDED at "), "{refused}");
    }
}

/// A Task whose parameters have only the token is answered by a signal.
fn answers_without_a_question(there: &Elsewhere) {
    let ask = json!({ "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "Next": "Pause",
        "Parameters": { "FunctionName": "echo", "Payload": { "token.$": "$$.Task.Token" } } });
    let pause = json!({ "Type": "Wait", "Seconds": 600, "End": true });
    let definition = json!({ "StartAt": "Ask", "States": { "Ask": ask, "Pause": pause } });
    let file = there.person.definition("plain", &definition);
    deploy(&there.serving, &there.server.endpoint, &file, 20);
    there.at_server(&["run", &file, "--plan", "--detailed-exitcode"], 10);
    let printed = there.at_server(&["run", &file, "--yes", "--id", "plain-1", "--no-wait"], 75);
    let options = format!("--engine sfn --endpoint {} --region us-east-1", there.server.endpoint);
    let answer = format!("flow signal plain:plain-1 Ask --success '{{}}' {options}");
    assert!(printed.contains(&answer), "a proposed command works when pasted: {printed}");
    let listed = there.at_server(&["approvals"], 0);
    assert!(listed.contains(&answer) && !listed.contains("flow approve plain:plain-1"), "{listed}");
    let signal = ["signal", "plain-1", "Ask", "--success", "{}"];
    there.at_server(&signal, 0);
    let refused = there.at_server(&signal, 1);
    assert!(refused.contains("\"Ask\" of plain-1 was answered at "), "{refused}");
    let paused = there.at_server(&["resume", "plain-1", "--no-wait"], 75);
    assert!(paused.contains("● Pause: until ") && !paused.contains("runs"), "{paused}");
}

/// Approves `asking-3` and rejects `asking-4`, with the checks and the output of an approval.
fn answers_as_a_person(there: &Elsewhere) {
    let options = format!("--engine sfn --endpoint {} --region us-east-1", there.server.endpoint);
    let listed = there.at_server(&["approvals"], 0);
    let approve = format!("flow approve asking:asking-3 Ask --choice today --set ticket=… {options}");
    let reject = format!("flow reject asking:asking-3 Ask --comment WHY {options}");
    for words in ["asking-2   Ask   waits", "Which day?", &approve, &reject] {
        assert!(listed.contains(words), "{words:?} is not in: {listed}");
    }
    assert!(!listed.contains("asking-1"), "it has ended: {listed}");
    let json = there.at_server(&["approvals", "-o", "json"], 0);
    assert!(json.contains("\"deadlineMs\":1") && !json.contains("\"deadlineMs\":null"), "{json}");
    let day = ["approve", "asking-3", "--choice"];
    for (more, why) in [
        (&["never", "--set", "ticket=1"][..], "choose one of today, tomorrow"),
        (&["today"], "ticket"),
        (&["today", "--set", "ticket=1", "--set", "tickets=2"], "no field 'tickets'"),
    ] {
        let refused = there.at_server(&[&day[..], more].concat(), 3);
        assert!(refused.contains(why) && refused.contains("nothing was answered"), "{refused}");
    }
    there.at_server(&["approve", "asking-3", "Ask", "--choice", "today", "--set", "ticket=17", "--comment", "ok"], 0);
    there.at_server(&["reject", "asking-4", "--comment", "too late"], 0);
    until(20, "the end", || there.at_server(&["status", "asking-3"], 0).contains("SUCCEEDED"));
    let output = there.at_server(&["status", "asking-3", "-o", "json"], 0);
    // The field is text, because its schema says so.
    for words in [r#""Choice":"today""#, r#""ticket":"17""#, r#""Comment":"ok""#] {
        assert!(output.contains(words), "{words} is not in: {output}");
    }
    until(20, "the end", || there.at_server(&["status", "asking-4"], 0).contains("FAILED"));
    let failed = there.at_server(&["status", "asking-4"], 0);
    assert!(failed.contains("Approval.Rejected") && failed.contains("too late"), "{failed}");
    let refused = there.at_server(&["approve", "asking-4"], 1);
    assert!(refused.contains("\"Ask\" was rejected by "), "{refused}");
    assert!(refused.contains("asking-4 has ended: FAILED"), "{refused}");
}

#[test]
fn a_run_that_does_not_wait_ends_where_only_a_worker_can_proceed() {
    let mut there = Elsewhere::start("echo 1");
    for mut worker in there.workers.drain(..) {
        worker.kill().unwrap();
        worker.wait().unwrap();
    }
    let act = there.task(json!({ "End": true }));
    let file = there.person.definition("job", &json!({ "StartAt": "Act", "States": { "Act": act } }));
    deploy(&there.serving, &there.server.endpoint, &file, 20);
    let input = there.input();
    let printed = there.at_server(&["run", &file, "--yes", "--id", "job-1", "--input", &input, "--no-wait=0"], 75);
    let options = format!("--engine sfn --endpoint {} --region us-east-1", there.server.endpoint);
    let watch = format!("flow status job:job-1 --watch {options}");
    assert!(printed.contains("Act: waits for a worker") && printed.contains(&watch), "{printed}");
    let status = there.at_server(&["status", "job-1"], 0);
    assert!(status.contains("waits for a worker"), "{status}");
    there.workers = vec![worker(
        &there.person,
        &there.server.endpoint,
        &["--activities", "process:run"],
        &[("FLOW_PROGRAMS", &there.program)],
    )];
    there.at_server(&["status", "job-1", "--watch"], 0);
}

#[test]
fn a_fail_state_ends_a_run_with_the_advice_to_run_it_again() {
    let there = Elsewhere::start("echo 1");
    let choose = json!({ "Type": "Choice", "Default": "Stop",
        "Choices": [{ "Variable": "$.ready", "BooleanEquals": true, "Next": "Go" }] });
    let stop = json!({ "Type": "Fail", "Error": "Tests.Missing", "Cause": "no tests were run" });
    let states = json!({ "Choose": choose, "Stop": stop, "Go": { "Type": "Succeed" } });
    let file = there.person.definition("gate", &json!({ "StartAt": "Choose", "States": states }));
    deploy(&there.serving, &there.server.endpoint, &file, 20);
    let printed = there.at_server(&["run", &file, "--yes", "--id", "gate-1", "--input", "{\"ready\": false}"], 1);
    let options = format!("--engine sfn --endpoint {} --region us-east-1", there.server.endpoint);
    let again = format!("flow run gate --again gate:gate-1 {options}");
    for words in ["gate-1 FAILED at \"Stop\"", "[Tests.Missing]", "no tests were run", &again] {
        assert!(printed.contains(words), "{words:?} is not in: {printed}");
    }
    let printed = there.at_server(&["run", &file, "--yes", "--id", "gate-1", "--input", "{\"ready\": false}"], 1);
    assert!(printed.contains("gate-1 exists already and has FAILED"), "{printed}");
    // The same input, and the deployed definition: a file is not needed.
    let printed = there.at_server(&["run", "--again", "gate-1", "--yes", "--id", "gate-2"], 1);
    assert!(printed.contains("gate-2 FAILED at \"Stop\""), "{printed}");
    there.at_server(&["run", "gate", "--again", "gate:gate-1", "--yes", "--id", "gate-3", "--set", "ready=true"], 0);
    there.at_server(&["run", "--again", "gate-1", "--from", "Stop", "--yes"], 3);
    there.at_server(&["run", "--again", "none", "--yes"], 4);
}

#[test]
fn an_approval_is_shown_with_the_command_that_answers_it_in_the_servers_home() {
    let there = Elsewhere::start("echo 1");
    let ask = json!({ "Type": "Task", "Resource": "flow:approval:request", "End": true,
        "Parameters": { "Prompt": "Go?", "Choices": ["now", "tonight"] } });
    let definition = json!({ "StartAt": "Ask", "States": { "Ask": ask } });
    let file = there.person.definition("asking", &definition);
    deploy(&there.serving, &there.server.endpoint, &file, 20);
    let arn = "arn:aws:states:us-east-1:111111111111:execution:asking:asking-1";
    let command = format!("flow approve {arn} Ask --choice …");
    let quiet = there.at_server(&["run", &file, "--yes", "--id", "asking-1", "--no-wait", "--quiet"], 75);
    for words in ["Go?", "now, tonight", "in the home of the server", &command] {
        assert!(quiet.contains(words), "{words:?} is not in: {quiet}");
    }
    until(20, "the question", || there.at_server(&["status", "asking-1"], 0).contains(&command));
    let refused = there.at_server(&["signal", "asking-1", "Ask", "--success", "{}"], 3);
    assert!(refused.contains(&format!("flow approve {arn}")), "{refused}");
    // Only the home of the server answers: a client of the network must not decide who answered.
    for command in [&["approve", "asking-1"][..], &["reject", "asking-1", "Ask"]] {
        let refused = there.at_server(command, 3);
        assert!(refused.contains(&format!("in the home of the server:   flow approve {arn}")), "{refused}");
    }
    let listed = there.at_server(&["approvals"], 0);
    assert!(listed.contains("Go?") && listed.contains(&format!("flow approve {arn}")), "{listed}");
    assert!(there.at_server(&["status", "asking-1"], 0).contains("RUNNING"), "nothing was answered");
    there.serving.succeed(&["approve", arn, "Ask", "--choice", "now"]);
    until(20, "the end", || there.at_server(&["status", "asking-1"], 0).contains("SUCCEEDED"));
}

#[test]
fn a_state_machine_of_another_name_runs_by_its_name_and_by_its_file() {
    let there = Elsewhere::start("printf '{\"done\": true}'");
    let with = |comment: &str| {
        let act = there.task(json!({ "End": true, "Comment": comment }));
        there.person.definition("job", &json!({ "StartAt": "Act", "States": { "Act": act } }))
    };
    let options = ["--endpoint", &there.server.endpoint, "--region", "us-east-1"];
    let deploy = |file: &str, name: &str| {
        let arguments = ["deploy", file, "--role-arn", ROLE, "--yes", "--name", name, "--quiet"];
        there.serving.succeed(&[&arguments[..], &options].concat())
    };
    let file = with("first");
    let changes = deploy(&file, "other");
    assert!(changes.lines().count() >= 4 && changes.lines().all(|line| line.starts_with("created ")), "{changes}");
    assert_eq!(deploy(&file, "other"), "", "what does not change is not printed");
    let input = there.input();
    let run = |arguments: &[&str], exit| {
        there.at_server(&[&["run"][..], arguments, &["--yes", "--input", &input]].concat(), exit)
    };
    // Without the name, the file's own name is searched.
    let refused = run(&[&file], 4);
    assert!(refused.contains("there is no state machine named job") && refused.contains("--name NAME"), "{refused}");
    assert!(run(&["other"], 0).contains("other-"), "an execution is named after its state machine");
    run(&["other", "--id", "other-1"], 0);
    run(&[&file, "--name", "other", "--id", "other-2"], 0);
    run(&["--again", "other-1", "--id", "other-3"], 0);
    assert!(there.at_server(&["status", "other-2"], 0).contains("SUCCEEDED"));
    // The name alone runs what is deployed; a file must be what is deployed.
    let file = with("second");
    let refused = run(&[&file, "--name", "other", "--id", "other-4"], 3);
    let update = format!("flow deploy {file} --name other --engine sfn");
    assert!(refused.contains("nothing was started") && refused.contains(&update), "{refused}");
    run(&["other", "--id", "other-4"], 0);
    // Neither a workflow, a file nor a state machine.
    let refused = run(&["none"], 4);
    let found = "neither a state machine, a workflow nor a file is named 'none'";
    assert!(refused.contains(found) && refused.contains("flow deploy FILE --engine sfn"), "{refused}");
    // A file with the name of a state machine does not replace it.
    std::fs::write(there.person.path().join("other"), "").unwrap();
    let run = ["run", "other", "--yes", "--id", "other-5", "--input", &input, "--engine", "sfn"];
    let mut command = there.person.command(&[&run[..], &options].concat());
    let output = command.current_dir(there.person.path()).output().unwrap();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    let local = there.person.exits(&["run", &file, "--name", "other", "--yes"], 3);
    assert!(local.contains("--engine sfn"), "{local}");
    // What the earlier execution ran is not deployed any more.
    deploy(&file, "other");
    let planned = there.at_server(&["run", &file, "--name", "other", "--plan", "--input", &input], 0);
    assert!(planned.contains("other:deployed") && planned.contains("transitions of a run"), "{planned}");
    let refused = there.at_server(&["run", "--again", "other-1", "--yes"], 3);
    let again = "flow run other --again other-1 --engine sfn";
    assert!(refused.contains(again) && !refused.contains("flow deploy"), "{refused}");
}

#[test]
fn a_state_machine_that_flow_deploy_did_not_create_is_refused_before_anything_is_started_or_made() {
    let there = Elsewhere::start("echo 1");
    let act = there.task(json!({ "End": true }));
    let definition = json!({ "StartAt": "Act", "States": { "Act": act } });
    let file = there.person.definition("job", &definition);
    let endpoint = &there.server.endpoint;
    let call = |operation: &str, request: Value| -> Value {
        serde_json::from_str(&post(endpoint, &format!("AWSStepFunctions.{operation}"), &request.to_string())).unwrap()
    };
    let request = json!({ "name": "job", "roleArn": ROLE, "definition": definition.to_string() });
    let machine = call("CreateStateMachine", request)["stateMachineArn"].clone();
    for workflow in [file.as_str(), "job"] {
        let refused = there.at_server(&["run", workflow, "--yes", "--input", &there.input()], 3);
        assert!(refused.contains("flow deploy did not create the state machine job"), "{refused}");
    }
    let large = there.person.path().join("large.json");
    std::fs::write(&large, json!({ "text": "x".repeat(256 << 10) }).to_string()).unwrap();
    let refused = there.at_server(&["run", &file, "--yes", "--input", large.to_str().unwrap()], 3);
    assert!(refused.contains("262155 bytes; Step Functions takes 262144"), "{refused}");
    assert_eq!(call("ListExecutions", json!({ "stateMachineArn": machine }))["executions"], json!([]));
    let deploy = ["deploy", &file, "--endpoint", endpoint, "--role-arn", ROLE, "--region", "us-east-1", "--yes"];
    let refused = there.person.exits(&deploy, 3);
    assert!(refused.contains("flow deploy did not create it") && refused.contains("--name NAME"), "{refused}");
    // The collision is found before the activity is created, which is the first change of a deployment.
    assert_eq!(call("ListActivities", json!({}))["activities"], json!([]));
    let described = call("DescribeStateMachine", json!({ "stateMachineArn": machine }));
    assert_eq!(described["definition"], definition.to_string());
}
