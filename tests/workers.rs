//! A task of a worker that dies is neither lost nor done twice.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    process::Child,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use engine::step::Registry;
use serde_json::{Value, json};

use crate::{
    serve::Server,
    support::{Home, send, text, until},
};

const ROLE: &str = "arn:aws:iam::111111111111:role/flow";

/// Compiles a definition, creates its activities and its state machine, and returns the machine's ARN.
fn deployed(server: &Server, definition: &Value, heartbeat_seconds: u64) -> String {
    let mut steps = Registry::new();
    steps::register_local(&mut steps, &steps::LocalSettings::default());
    let arn = |name: &str| format!("arn:aws:states:us-east-1:111111111111:activity:{name}");
    let options = deploy::CompileOptions { heartbeat_seconds, server_asks: false };
    let compiled = deploy::compile(definition, &steps, &options, &arn).unwrap();
    for activity in &compiled.activities {
        assert_eq!(
            server.call("CreateActivity", &json!({ "name": activity.name }))["activityArn"],
            arn(&activity.name)
        );
    }
    let request = json!({ "name": "deployed", "definition": compiled.definition.to_string(), "roleArn": ROLE });
    server.call("CreateStateMachine", &request)["stateMachineArn"].as_str().unwrap().to_owned()
}

fn worker(home: &Home, server: &Server, program: &str) -> Child {
    worker_at(home, &server.endpoint, program, &[])
}

fn worker_at(home: &Home, endpoint: &str, program: &str, more: &[&str]) -> Child {
    let arguments = ["worker", "--endpoint", endpoint, "--activities", "process:run", "-o", "json"];
    let mut command = home.command(&[&arguments[..], more].concat());
    command.env("FLOW_PROGRAMS", program).env("AWS_REGION", "us-east-1");
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
}

fn status(server: &Server, execution: &str) -> Value {
    server.call("DescribeExecution", &json!({ "executionArn": execution }))
}

fn start(server: &Server, machine: &str, name: &str) -> String {
    let request = json!({ "stateMachineArn": machine, "name": name, "input": r#"{"items": [1, 2]}"# });
    server.call("StartExecution", &request)["executionArn"].as_str().unwrap().to_owned()
}

fn process(program: &str) -> Value {
    json!({ "Type": "Task", "Resource": "flow:process:run", "End": true,
        "Parameters": { "Program": program, "Arguments": [], "Input.$": "$" } })
}

#[test]
fn a_worker_runs_the_steps_of_a_deployed_workflow_and_drains() {
    let (home, elsewhere) = (Home::plain(), Home::plain());
    let program = elsewhere.program("echo", "cat");
    let inner = json!({ "Type": "Map", "End": true, "ItemsPath": "$.items",
        "ItemProcessor": { "StartAt": "Each", "States": { "Each": process(&program) } } });
    let server = Server::start(&home);
    let machine = deployed(&server, &json!({ "StartAt": "All", "States": { "All": inner } }), 60);
    let execution = start(&server, &machine, "one");
    let worker = worker(&elsewhere, &server, &program);
    until(30, "the execution", || status(&server, &execution)["status"] != "RUNNING");
    let found = status(&server, &execution);
    assert_eq!((&found["status"], &found["output"]), (&json!("SUCCEEDED"), &json!("[1,2]")), "{found}");
    send("-TERM", worker.id());
    let output = worker.wait_with_output().unwrap();
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}{}", text(&output.stderr));
    let last: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert_eq!((&last["received"], &last["succeeded"]), (&json!(2), &json!(2)), "{said}");
}

#[test]
fn the_task_of_a_killed_worker_is_done_by_another() {
    let (home, elsewhere) = (Home::plain(), Home::plain());
    let began = elsewhere.path().join("began");
    let script = format!("if [ -e {0} ]; then echo 2; else touch {0}; sleep 600; fi", began.display());
    let program = elsewhere.program("slow-once", &script);
    let server = Server::start(&home);
    let machine = deployed(&server, &json!({ "StartAt": "A", "States": { "A": process(&program) } }), 2);
    let execution = start(&server, &machine, "one");
    let first = worker(&elsewhere, &server, &program);
    until(30, "the first attempt", || began.exists());
    send("-KILL", first.id());
    first.wait_with_output().unwrap();
    let second = worker(&elsewhere, &server, &program);
    until(30, "the execution", || status(&server, &execution)["status"] != "RUNNING");
    let found = status(&server, &execution);
    assert_eq!((&found["status"], &found["output"]), (&json!("SUCCEEDED"), &json!("2")), "{found}");
    send("-TERM", second.id());
    second.wait_with_output().unwrap();
    let events = ["events", &execution, "--engine", "sfn", "--endpoint", &server.endpoint, "--region", "us-east-1"];
    let printed = elsewhere.succeed(&events);
    let cause = "A: States.Timeout: no heartbeat arrived for HeartbeatSeconds, 2 s (States.HeartbeatTimeout)";
    // The event, and the note of the retry.
    assert!(printed.matches(cause).count() >= 2, "{printed}");
}

#[test]
fn an_attempt_on_a_worker_has_its_own_time_and_ends_as_it_does_locally() {
    let (home, elsewhere) = (Home::plain(), Home::plain());
    let deep = format!("{}{}", "[".repeat(101), "]".repeat(101));
    let script = format!(
        "echo >> {0}/$1\ncase $1 in\ndeep) echo '{deep}' ;;\nslow) sleep 600 ;;\n\
         once) [ $(wc -l < {0}/once) -gt 1 ] || sleep 600; echo 2 ;;\nesac",
        elsewhere.path().display()
    );
    let program = elsewhere.program("by-kind", &script);
    let state = |kind: &str, more: Value| {
        let mut state = process(&program);
        state["Parameters"]["Arguments"] = json!([kind]);
        state.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        state
    };
    let rule = |error: &str, more: Value| {
        let mut rule = json!({ "ErrorEquals": [error] });
        rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!([rule])
    };
    let refused = rule("States.ALL", json!({ "Next": "Both", "ResultPath": "$.refused" }));
    let again = rule("States.Timeout", json!({ "IntervalSeconds": 1, "MaxAttempts": 5 }));
    let late = rule("States.Timeout", json!({ "Next": "Late" }));
    let branches = json!([
        { "StartAt": "Once", "States": { "Once": state("once", json!({ "TimeoutSeconds": 1, "Retry": again })) } },
        { "StartAt": "Slow", "States": { "Slow": state("slow", json!({ "TimeoutSeconds": 1, "Catch": late })),
            "Late": { "Type": "Pass", "Result": "late", "End": true } } },
    ]);
    let definition = json!({ "StartAt": "Deep", "States": { "Deep": state("deep", json!({ "Catch": refused })),
        "Both": { "Type": "Parallel", "Branches": branches, "ResultPath": "$.both", "End": true } } });
    let server = Server::start(&home);
    let execution = start(&server, &deployed(&server, &definition, 60), "one");
    let worker = worker(&elsewhere, &server, &program);
    // A minute is the time of the attempts that are added for workers that end.
    until(30, "the execution", || status(&server, &execution)["status"] != "RUNNING");
    let found = status(&server, &execution);
    assert_eq!(found["status"], "SUCCEEDED", "{found}");
    let output: Value = serde_json::from_str(found["output"].as_str().unwrap()).unwrap();
    assert_eq!(output["both"], json!([2, "late"]), "{output}");
    assert_eq!(output["refused"]["Error"], "States.DataLimitExceeded", "{output}");
    let runs = |kind: &str| std::fs::read_to_string(elsewhere.path().join(kind)).unwrap_or_default().lines().count();
    assert!(
        runs("once") > 1 && runs("slow") <= 1 && runs("deep") == 1,
        "{} {} {}",
        runs("once"),
        runs("slow"),
        runs("deep")
    );
    counters(worker);
}

#[test]
fn a_task_that_one_worker_may_not_run_is_done_by_another() {
    let (home, elsewhere) = (Home::plain(), Home::plain());
    let program = elsewhere.program("echo", "echo 2");
    let server = Server::start(&home);
    let machine = deployed(&server, &json!({ "StartAt": "A", "States": { "A": process(&program) } }), 60);
    let execution = start(&server, &machine, "one");
    let mut first = worker(&elsewhere, &server, "/bin/true");
    let mut errors = BufReader::new(first.stderr.take().unwrap());
    read_until(&mut errors, &format!("FLOW_PROGRAMS=/bin/true:{program} flow worker "));
    let second = worker(&elsewhere, &server, &program);
    until(30, "the execution", || status(&server, &execution)["status"] != "RUNNING");
    let found = status(&server, &execution);
    assert_eq!((&found["status"], &found["output"]), (&json!("SUCCEEDED"), &json!("2")), "{found}");
    assert!(counters(first)["givenBack"].as_u64().unwrap() >= 1);
    assert_eq!(counters(second)["succeeded"], 1);
}

#[test]
fn a_worker_whose_settings_are_wrong_is_refused_before_its_first_call() {
    let home = Home::plain();
    let folder = home.path().join("nowhere");
    let folder = folder.to_str().unwrap();
    let refused = |endpoint: &str, variable: (&str, &str), exit: i32, words: &str| {
        let said = home.exits_with(&["worker", "--endpoint", endpoint, "--once"], &[variable], exit);
        assert!(said.contains(words) && !said.contains("hunter2"), "{said}");
    };
    // Nothing listens there: a call would end with 5.
    let endpoint = "http://127.0.0.1:1";
    refused(endpoint, ("FLOW_FILES", folder), 3, &format!("FLOW_FILES: {folder} cannot be used"));
    refused(endpoint, ("FLOW_PROGRAMS", "bin/x"), 3, "FLOW_PROGRAMS: 'bin/x' is not an absolute path");
    refused(endpoint, ("FLOW_TOKEN", "hunter2\nb"), 3, "FLOW_TOKEN has a line break within it");
    refused("http://user:hunter2@127.0.0.1:1", ("FLOW_TOKEN", ""), 2, "has user information");
    refused("http://127.0.0.1:1/?token=hunter2", ("FLOW_TOKEN", ""), 2, "has a query or a fragment");
    let status = ["status", "--engine", "sfn", "--endpoint", "http://user:hunter2@127.0.0.1:1"];
    assert!(!home.exits(&status, 2).contains("hunter2"));
    home.exits_with(&["serve", "--listen", "127.0.0.1:0"], &[("FLOW_TOKEN", "hunter2\nb")], 3);
}

#[test]
fn a_quiet_run_without_a_worker_prints_the_command_that_starts_one() {
    let home = Home::plain();
    let server = Server::start(&home);
    let wait = json!({ "Type": "Task", "Resource": "flow:wait:file", "TimeoutSeconds": 900, "End": true,
        "Parameters": { "Path": "ready", "IntervalSeconds": 1 } });
    deployed(&server, &json!({ "StartAt": "A", "States": { "A": wait } }), 60);
    let run =
        ["run", "deployed", "--yes", "--quiet", "--no-wait=4s", "--engine", "sfn", "--endpoint", &server.endpoint];
    let printed = home.exits(&[&run[..], &["--region", "us-east-1"]].concat(), 75);
    let line =
        format!("A: waits for a worker. To start one:   FLOW_FILES=FOLDER flow worker --endpoint {}", server.endpoint);
    assert_eq!(printed.matches(&line).count(), 1, "{printed}");
}

/// A Map that runs the program for both items of the input.
fn both(program: &str) -> Value {
    json!({ "StartAt": "All", "States": { "All": { "Type": "Map", "End": true, "ItemsPath": "$.items",
        "ItemProcessor": { "StartAt": "Each", "States": { "Each": process(program) } } } } })
}

/// The last line of a worker, with its counters.
fn counters(worker: Child) -> Value {
    send("-TERM", worker.id());
    let output = worker.wait_with_output().unwrap();
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}{}", text(&output.stderr));
    serde_json::from_str(said.lines().last().unwrap()).unwrap()
}

#[test]
fn workers_run_as_many_steps_at_once_as_they_may() {
    // With one slot, a program waits in vain for a second one, so it does not wait long. Three workers with two slots run six programs at
    // once: none of them receives a third one while another worker has a free slot.
    for (workers, concurrency, wanted, at_once, tries) in [(1, "1", 2, 1, 10), (3, "2", 6, 6, 400)] {
        let (home, elsewhere) = (Home::plain(), Home::plain());
        let folder = elsewhere.path().join("running");
        std::fs::create_dir(&folder).unwrap();
        // Waits for the other programs, and prints how many run.
        let script = format!(
            "touch {0}/$$; n=0\nwhile [ $n -lt {tries} ] && [ \"$(ls {0} | wc -l)\" -lt {wanted} ]; do n=$((n + 1)); sleep 0.05; done\n\
             ls {0} | wc -l; [ $n -lt {tries} ] || rm {0}/$$",
            folder.display()
        );
        let program = elsewhere.program("count", &script);
        let server = Server::start(&home);
        let mut definition = both(&program);
        definition["StartAt"] = json!("Items");
        let items: Vec<usize> = (0..wanted).collect();
        definition["States"]["Items"] = json!({ "Type": "Pass", "Result": { "items": items }, "Next": "All" });
        let execution = start(&server, &deployed(&server, &definition, 60), "one");
        let begin = |_| worker_at(&elsewhere, &server.endpoint, &program, &["--concurrency", concurrency]);
        let workers: Vec<Child> = (0..workers).map(begin).collect();
        until(60, "the execution", || status(&server, &execution)["status"] != "RUNNING");
        let found = status(&server, &execution);
        assert_eq!(found["output"], json!(vec![at_once; wanted]).to_string(), "--concurrency {concurrency}: {found}");
        for worker in workers {
            assert_eq!(counters(worker)["succeeded"], 2);
        }
    }
}

#[test]
fn a_worker_that_is_asked_to_end_polls_no_more_and_gives_back_what_takes_too_long() {
    let (home, elsewhere) = (Home::plain(), Home::plain());
    let began = elsewhere.path().join("began");
    let script = format!("if [ -e {0} ]; then echo 2; else touch {0}; sleep 600; fi", began.display());
    let program = elsewhere.program("slow-once", &script);
    let server = Server::start(&home);
    let machine = deployed(&server, &json!({ "StartAt": "A", "States": { "A": process(&program) } }), 10);
    let one = start(&server, &machine, "one");
    let mut first = worker_at(&elsewhere, &server.endpoint, &program, &["--drain", "1"]);
    until(30, "the first attempt", || began.exists());
    let asked = Instant::now();
    send("-TERM", first.id());
    let mut errors = BufReader::new(first.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("no new tasks") {
        line.clear();
        assert!(errors.read_line(&mut line).unwrap() > 0, "the worker ended");
    }
    let two = start(&server, &machine, "two");
    let output = first.wait_with_output().unwrap();
    let elapsed = asked.elapsed();
    assert!(elapsed >= Duration::from_secs(1) && elapsed < Duration::from_secs(30), "{elapsed:?}");
    let last: Value = serde_json::from_str(text(&output.stdout).lines().last().unwrap()).unwrap();
    // The second task may have been sent to a poll that was open: it is given back too.
    assert!(last["received"].as_u64().is_some_and(|received| received >= 1), "{last}");
    assert_eq!(last["received"], last["givenBack"], "{last}");
    // Both end before HeartbeatSeconds have passed.
    let second = worker(&elsewhere, &server, &program);
    for execution in [one, two] {
        until(8, "the execution", || status(&server, &execution)["status"] != "RUNNING");
        assert_eq!(status(&server, &execution)["output"], "2");
    }
    assert_eq!(counters(second)["succeeded"], 2);
}

#[test]
fn a_second_signal_ends_a_worker_at_once() {
    let (home, elsewhere) = (Home::plain(), Home::plain());
    let began = elsewhere.path().join("began");
    let program = elsewhere.program("slow", &format!("touch {}; sleep 600", began.display()));
    let server = Server::start(&home);
    start(&server, &deployed(&server, &json!({ "StartAt": "A", "States": { "A": process(&program) } }), 60), "one");
    let mut worker = worker(&elsewhere, &server, &program);
    until(30, "the attempt", || began.exists());
    let mut errors = BufReader::new(worker.stderr.take().unwrap());
    send("-TERM", worker.id());
    read_until(&mut errors, "a second signal stops now");
    send("-INT", worker.id());
    // Without the second signal, it would wait for the program for 300 s.
    let mut lines = BufReader::new(worker.stdout.take().unwrap());
    read_until(&mut lines, "Another worker receives each task that this one had, after its HeartbeatSeconds");
    assert_eq!(worker.wait().unwrap().code(), Some(130));
}

#[test]
fn a_step_that_waits_is_given_back_at_once_and_continues_with_another_worker() {
    let (home, elsewhere) = (Home::plain(), Home::plain());
    let folder = elsewhere.path().join("files");
    std::fs::create_dir(&folder).unwrap();
    // Only workers' ends are retried, so the visit has the number of redrives.
    let wait = json!({ "Type": "Task", "Resource": "flow:wait:file", "TimeoutSeconds": 900, "End": true,
        "Parameters": { "Path": "ready", "IntervalSeconds": 1 } });
    let server = Server::start(&home);
    let machine = deployed(&server, &json!({ "StartAt": "A", "States": { "A": wait } }), 600);
    let execution = start(&server, &machine, "one");
    let begin = || {
        let arguments = ["worker", "--endpoint", &server.endpoint, "--activities", "wait:file", "-o", "json"];
        let mut command = elsewhere.command(&arguments);
        command.env("FLOW_FILES", &folder).env("AWS_REGION", "us-east-1");
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
    };
    let begun = |attempts: usize| {
        until(30, "an attempt", || {
            let history = server.call("GetExecutionHistory", &json!({ "executionArn": execution }));
            history["events"].as_array().unwrap().iter().filter(|event| event["type"] == "ActivityStarted").count()
                >= attempts
        });
    };
    let first = begin();
    begun(1);
    // Neither the time of a drain, which is 300 s, nor that without a heartbeat passes.
    assert_eq!(counters(first)["givenBack"], 1);
    let second = begin();
    begun(2);
    std::fs::write(folder.join("ready"), "12").unwrap();
    until(30, "the execution", || status(&server, &execution)["status"] != "RUNNING");
    assert_eq!(status(&server, &execution)["status"], "SUCCEEDED");
    assert_eq!(counters(second)["succeeded"], 1);
}

#[test]
fn a_poll_whose_connection_was_closed_takes_no_task() {
    let home = Home::plain();
    let server = Server::start(&home);
    let activity = server.call("CreateActivity", &json!({ "name": "work" }))["activityArn"].clone();
    let task = json!({ "Type": "Task", "Resource": activity, "HeartbeatSeconds": 600, "End": true });
    let definition = json!({ "StartAt": "A", "States": { "A": task } }).to_string();
    let machine = server.call("CreateStateMachine", &json!({ "name": "m", "definition": definition, "roleArn": ROLE }));
    let request = json!({ "activityArn": activity });
    let address = server.endpoint.trim_start_matches("http://");
    for _ in 0..4 {
        let mut poll = TcpStream::connect(address).unwrap();
        let head = format!("POST / HTTP/1.1\r\nhost: {address}\r\nx-amz-target: AWSStepFunctions.GetActivityTask");
        let body = request.to_string();
        write!(poll, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
        poll.shutdown(Shutdown::Write).unwrap();
        // The server closes its side when it has noticed that of the client. An answer would come after a minute.
        poll.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        assert_eq!(poll.read_to_end(&mut Vec::new()).unwrap(), 0);
    }
    server.call("StartExecution", &json!({ "stateMachineArn": machine["stateMachineArn"] }));
    let task = server.call("GetActivityTask", &request);
    assert!(task["taskToken"].is_string(), "{task}");
}

/// An address in front of a server. It closes connections until it is opened.
#[derive(Clone, Default)]
struct Door {
    is_open: Arc<AtomicBool>,
    closed: Arc<Mutex<Vec<Instant>>>,
    through: Arc<Mutex<Vec<TcpStream>>>,
}

impl Door {
    /// Accepts connections until the test process ends. Returns the endpoint.
    fn start(&self, server: &Server) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (door, address) = (self.clone(), server.endpoint.trim_start_matches("http://").to_owned());
        std::thread::spawn(move || {
            for client in listener.incoming().map(Result::unwrap) {
                if !door.is_open.load(Ordering::SeqCst) {
                    door.closed.lock().unwrap().push(Instant::now());
                    continue;
                }
                let Ok(inside) = TcpStream::connect(&address) else { return };
                let (client_too, inside_too) = (client.try_clone().unwrap(), inside.try_clone().unwrap());
                door.through.lock().unwrap().push(client.try_clone().unwrap());
                std::thread::spawn(|| copy(client, inside));
                std::thread::spawn(|| copy(inside_too, client_too));
            }
        });
        endpoint
    }

    fn open(&self) {
        self.is_open.store(true, Ordering::SeqCst);
    }

    /// Also closes the connections that are open.
    fn close(&self) {
        self.is_open.store(false, Ordering::SeqCst);
        self.through.lock().unwrap().drain(..).for_each(|stream| drop(stream.shutdown(Shutdown::Both)));
    }
}

/// Copies what one stream sends to another, until one of them ends.
fn copy(mut from: TcpStream, mut to: TcpStream) {
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Both);
}

#[test]
fn a_worker_returns_to_a_server_that_was_away_after_longer_and_longer_pauses() {
    let (home, elsewhere) = (Home::plain(), Home::plain());
    let program = elsewhere.program("echo", "cat");
    let server = Server::start(&home);
    let execution = start(&server, &deployed(&server, &both(&program), 60), "one");
    let door = Door::default();
    let worker = worker_at(&elsewhere, &door.start(&server), &program, &[]);
    until(30, "four attempts", || door.closed.lock().unwrap().len() >= 4);
    door.open();
    until(30, "the execution", || status(&server, &execution)["status"] != "RUNNING");
    assert_eq!(status(&server, &execution)["output"], "[1,2]");
    let closed = door.closed.lock().unwrap().clone();
    let pauses: Vec<Duration> = closed.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (pause, at_least_ms) in pauses.iter().zip([50, 100, 200]) {
        assert!(*pause >= Duration::from_millis(at_least_ms), "{pauses:?}");
    }
    let counters = counters(worker);
    assert!(counters["callsFailed"].as_u64().unwrap() >= 4, "{counters}");
    assert_eq!(counters["succeeded"], 2);
}

/// Reads lines until one has these words.
fn read_until(lines: &mut impl BufRead, words: &str) {
    let mut line = String::new();
    while !line.contains(words) {
        line.clear();
        assert!(lines.read_line(&mut line).unwrap() > 0, "it ended without: {words}");
    }
}

#[test]
fn a_watch_outlives_a_server_that_is_away() {
    let (home, elsewhere) = (Home::plain(), Home::plain());
    let server = Server::start(&home);
    // No worker: it runs until it is stopped.
    let machine = deployed(&server, &json!({ "StartAt": "A", "States": { "A": process("/bin/true") } }), 60);
    let one = start(&server, &machine, "one");
    let two = one.replace(":one", ":two");
    let door = Door::default();
    let endpoint = door.start(&server);
    let watches = [(&one, &["status", &one, "--watch"][..]), (&two, &["run", "deployed", "-y", "--id", "two"][..])];
    for (execution, command) in watches {
        door.open();
        let options = ["--engine", "sfn", "--endpoint", &endpoint, "--region", "us-east-1", "-o", "json"];
        let mut watch = elsewhere.spawn(&[command, &options[..]].concat());
        let mut printed = BufReader::new(watch.stdout.take().unwrap());
        let mut reported = BufReader::new(watch.stderr.take().unwrap());
        read_until(&mut printed, "StateEntered");
        door.close();
        read_until(&mut reported, "waiting up to 5m");
        door.open();
        read_until(&mut reported, "can be reached again");
        server.call("StopExecution", &json!({ "executionArn": execution }));
        assert_eq!(watch.wait().unwrap().code(), Some(1), "{command:?}");
    }
}
