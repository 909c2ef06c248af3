//! A client of Step Functions gets AWS's answers, and loses nothing if the server dies.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    lambda_stub::LambdaStub,
    support::{Home, post, run_python, text, until},
};

/// A server that begins for longer is reported, again after each such time.
const BEGINNING_REPORTED_AFTER: Duration = Duration::from_secs(5);
/// The time that a server may take to begin.
const BEGINNING_MAX: Duration = Duration::from_secs(120);

/// `flow serve` on a free port. Killed when this is dropped.
pub struct Server {
    process: Child,
    pub endpoint: String,
    /// The standard error of the server.
    errors: tempfile::NamedTempFile,
}

impl Server {
    pub fn start(home: &Home) -> Self {
        Server::start_with(home, &[])
    }

    pub fn start_with(home: &Home, variables: &[(&str, &str)]) -> Self {
        Self::start_as(home, &[], variables)
    }

    /// Starts a server with more arguments.
    pub fn start_as(home: &Home, more: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = home.command(&[&["serve", "--listen", "127.0.0.1:0", "-o", "json"], more].concat());
        command.envs(variables.iter().copied());
        Self::begin(command)
    }

    /// Starts a server with a limit on file handles.
    pub fn start_with_handles(home: &Home, handles: u32) -> Self {
        let flow = home.command(&[]);
        let mut command = Command::new("/bin/sh");
        let line = format!("ulimit -n {handles}; exec \"$0\" serve --listen 127.0.0.1:0 -o json");
        command.args(["-c", &line]).arg(flow.get_program()).stdin(Stdio::null());
        for (name, value) in flow.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        Self::begin(command)
    }

    /// Waits until it serves. A server that ends instead fails the test with its exit status and its standard error.
    fn begin(mut command: Command) -> Self {
        let errors = tempfile::NamedTempFile::new().unwrap();
        let appended = std::fs::OpenOptions::new().append(true).open(errors.path()).unwrap();
        command.env("AWS_REGION", "us-east-1").stdout(Stdio::piped()).stderr(appended);
        let mut process = command.spawn().unwrap();
        let stdout = process.stdout.take().unwrap();
        // Killed if it does not begin.
        let mut server = Server { process, endpoint: String::new(), errors };
        let line = server.first_line(stdout);
        let serving: Value = serde_json::from_str(&line).unwrap_or_default();
        match serving["endpoint"].as_str() {
            Some(endpoint) => server.endpoint = endpoint.to_owned(),
            None => {
                let mut status = None;
                until(10, "a server that does not begin ends", || {
                    status = server.process.try_wait().unwrap();
                    status.is_some()
                });
                let status = status.unwrap();
                panic!("the server did not begin: {status}; its output: {line:?}; its errors:\n{}", server.errors());
            }
        }
        server
    }

    /// The first line of its standard output; all of it if that names no endpoint. Reports what its threads do while it takes long.
    fn first_line(&self, stdout: ChildStdout) -> String {
        let begun = Instant::now();
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            let (mut line, mut output) = (String::new(), BufReader::new(stdout));
            let _ = output.read_line(&mut line);
            if !line.contains("\"endpoint\"") {
                let _ = output.read_to_string(&mut line);
            }
            let _ = sender.send(line);
        });
        loop {
            match lines.recv_timeout(BEGINNING_REPORTED_AFTER) {
                Ok(line) => return line,
                Err(RecvTimeoutError::Disconnected) => return String::new(),
                Err(RecvTimeoutError::Timeout) => {
                    let (pid, elapsed) = (self.pid(), begun.elapsed());
                    eprintln!("server {pid} has not begun after {elapsed:?}:\n{}", scheduled(pid));
                    assert!(elapsed < BEGINNING_MAX, "the server did not begin within {BEGINNING_MAX:?}");
                }
            }
        }
    }

    /// The standard error of the server so far.
    fn errors(&self) -> String {
        text(&std::fs::read(self.errors.path()).unwrap_or_default())
    }

    /// Calls an operation of Step Functions.
    pub fn call(&self, operation: &str, request: &Value) -> Value {
        let answer = post(&self.endpoint, &format!("AWSStepFunctions.{operation}"), &request.to_string());
        serde_json::from_str(&answer).unwrap()
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Waits until it ends. Returns its exit code.
    pub fn exit_code(&mut self) -> Option<i32> {
        self.process.wait().unwrap().code()
    }

    /// Its peak memory in bytes.
    pub fn peak_memory_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1_024
    }

    /// Its child processes.
    pub fn children(&self) -> Vec<u32> {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.process.id())).unwrap();
        let children = threads.map(|thread| std::fs::read_to_string(thread.unwrap().path().join("children")).unwrap());
        children.flat_map(|line| line.split_whitespace().map(|id| id.parse().unwrap()).collect::<Vec<_>>()).collect()
    }

    fn client(&self, phase: &str, more: &[&str]) -> String {
        self.python(include_str!("api_client.py"), &[&[phase], more].concat())
    }

    /// Runs a script with boto3, whose first argument is the endpoint. Returns its output.
    pub fn python(&self, script: &str, arguments: &[&str]) -> String {
        run_python(script, &[&[&*self.endpoint], arguments].concat())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            eprintln!("standard error of server {}:\n{}", self.pid(), self.errors());
        }
    }
}

/// For each thread of a process: its name, its state, and how long it ran and waited for a processor, in ns (/proc/PID/schedstat). A
/// thread that waits for a processor for most of the time shows a busy machine, not a fault.
fn scheduled(pid: u32) -> String {
    let read = |thread: &Path, file: &str| std::fs::read_to_string(thread.join(file)).unwrap_or_default();
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let line = |thread: &Path| {
        let stat = read(thread, "stat");
        let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next()).unwrap_or('?');
        let schedstat = read(thread, "schedstat");
        let mut times = schedstat.split_whitespace();
        let (ran, waited) = (times.next().unwrap_or("?"), times.next().unwrap_or("?"));
        format!("{} {state}: ran {ran} ns, waited for a processor {waited} ns\n", read(thread, "comm").trim())
    };
    threads.map(|thread| line(&thread.path())).collect()
}

#[test]
fn a_server_that_does_not_begin_fails_its_test_with_its_status_and_its_errors() {
    let home = Home::plain();
    let begins = || Server::start_as(&home, &["--no-such-option"], &[]);
    let failure = std::panic::catch_unwind(std::panic::AssertUnwindSafe(begins)).err().unwrap();
    let message = failure.downcast_ref::<String>().unwrap();
    assert!(message.contains("exit status: 2") && message.contains("--no-such-option"), "{message}");
    assert!(scheduled(std::process::id()).contains("waited for a processor"));
}

#[test]
fn boto3_starts_lists_stops_and_redrives_as_with_aws() {
    let home = Home::plain();
    Server::start(&home).client("executions", &[]);
}

#[test]
fn boto3_publishes_versions_and_aliases_and_deletes_as_with_aws() {
    let home = Home::plain();
    Server::start(&home).client("versions", &[]);
}

#[test]
fn executions_start_executions_and_wait_for_them() {
    let home = Home::plain();
    Server::start(&home).client("nested", &[]);
}

#[test]
fn functions_answer_fail_by_name_and_bring_tokens_back() {
    let home = Home::plain();
    let functions = LambdaStub::start();
    Server::start_with(&home, &functions.variables()).client("functions", &[]);
}

#[test]
fn after_a_kill_tokens_offers_and_waits_continue() {
    let home = Home::plain();
    let first = Server::start(&home);
    let kept = first.client("before_the_kill", &[]);
    drop(first);
    Server::start(&home).client("after_the_kill", &[kept.trim()]);
}

#[test]
fn commands_wait_until_a_child_of_a_killed_server_releases_its_lock() {
    let home = Home::plain();
    // As a child between its fork and its exec: the open lock file is its standard input.
    let inherits = || {
        let lock = std::fs::File::options().read(true).write(true).open(home.path().join("owner.lock")).unwrap();
        lock.try_lock().unwrap();
        Command::new("sleep").arg("0.8").stdin(lock).spawn().unwrap()
    };
    let empty = home.path().join("empty.jsonl");
    std::fs::write(&empty, "").unwrap();
    drop(Server::start(&home));
    let mut child = inherits();
    drop(Server::start(&home));
    child.wait().unwrap();
    let mut child = inherits();
    let output = home.flow(&["import", empty.to_str().unwrap()]);
    child.wait().unwrap();
    // Not 5, the exit code for a store that another process owns.
    assert_ne!(output.status.code(), Some(5), "{}", text(&output.stderr));
}

#[test]
fn nobody_else_reaches_it_without_a_token() {
    let home = Home::plain();
    let output = home.flow(&["serve", "--listen", "0.0.0.0:0"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("FLOW_TOKEN"), "{}", text(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn awss_own_rust_client_runs_and_pages_as_with_aws() {
    use aws_sdk_sfn::{config::Credentials, types::ExecutionStatus};
    let home = Home::plain();
    let server = Server::start(&home);
    let config = aws_sdk_sfn::Config::builder()
        .behavior_version_latest()
        .region(aws_sdk_sfn::config::Region::new("us-east-1"))
        .endpoint_url(&server.endpoint)
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    let client = aws_sdk_sfn::Client::from_conf(config);
    let definition = r#"{ "StartAt": "P", "States": { "P": { "Type": "Pass", "Result": [1], "End": true } } }"#;
    let role = "arn:aws:iam::111111111111:role/flow";
    let created =
        client.create_state_machine().name("rust").definition(definition).role_arn(role).send().await.unwrap();
    for number in 0..5 {
        let start = client.start_execution().state_machine_arn(created.state_machine_arn());
        start.name(format!("e-{number}")).send().await.unwrap();
    }
    let list = client.list_executions().state_machine_arn(created.state_machine_arn()).max_results(2);
    let pages: Vec<_> = list.into_paginator().items().send().collect::<Result<_, _>>().await.unwrap();
    assert_eq!(pages.len(), 5);
    let arn = pages[0].execution_arn();
    loop {
        let found = client.describe_execution().execution_arn(arn).send().await.unwrap();
        if *found.status() == ExecutionStatus::Succeeded {
            break assert_eq!(found.output(), Some("[1]"));
        }
        assert_eq!(*found.status(), ExecutionStatus::Running);
    }
    let history = client.get_execution_history().execution_arn(arn).into_paginator().items().send();
    assert_eq!(history.collect::<Result<Vec<_>, _>>().await.unwrap().len(), 4);
    let missing = client.describe_execution().execution_arn(format!("{arn}-none")).send().await.unwrap_err();
    assert!(missing.into_service_error().is_execution_does_not_exist());
}
