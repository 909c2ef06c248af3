//! Workers are killed repeatedly while hundreds of executions run: none is lost, and no effect happens twice.
//!
//! `FLOW_TEST_WORKERS=1` runs 300 executions and also measures the round trips of a worker. Without it, a smaller
//! campaign runs. `FLOW_TEST_STEP_FUNCTIONS=URL` runs the campaign at LocalStack; see tests/localstack.sh.

use std::{
    process::{Child, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

use crate::{
    crashed::{APPEND, Random, STEPS, definition, verify},
    serve::Server,
    support::{Home, post, send, until},
};

/// The time limit of a campaign.
const SECONDS_MAX: u64 = 600;
const ROLE: &str = "arn:aws:iam::111111111111:role/flow";

/// Starts a worker for the steps of some activities of a server.
pub fn worker(home: &Home, endpoint: &str, more: &[&str], variables: &[(&str, &str)]) -> Child {
    let arguments = ["worker", "--endpoint", endpoint, "--quiet", "--region", "us-east-1"];
    let mut command = home.command(&[&arguments[..], more].concat());
    command.envs(variables.iter().copied()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// The Step Functions to which workflows are deployed: LocalStack, if it is named, or this server.
pub fn step_functions(server: &Server) -> String {
    std::env::var("FLOW_TEST_STEP_FUNCTIONS").unwrap_or_else(|_| server.endpoint.clone())
}

/// Deploys a definition to a server and returns the ARN of its state machine.
pub fn deploy(home: &Home, endpoint: &str, file: &str, heartbeat_seconds: u64) -> String {
    let heartbeat = heartbeat_seconds.to_string();
    let arguments = ["deploy", file, "--endpoint", endpoint, "--role-arn", ROLE, "--heartbeat", &heartbeat];
    let printed = home.succeed(&[&arguments[..], &["--yes", "-o", "json", "--region", "us-east-1"]].concat());
    let last: Value = serde_json::from_str(printed.lines().last().unwrap()).unwrap();
    last["stateMachineArn"].as_str().unwrap().to_owned()
}

/// Calls an operation with a client that keeps its connection open.
async fn call(client: &reqwest::Client, endpoint: &str, operation: &str, input: &Value) -> Value {
    let request = client.post(endpoint).header("x-amz-target", format!("AWSStepFunctions.{operation}"));
    let sent = request.header("content-type", "application/x-amz-json-1.0").body(input.to_string()).send().await;
    let body: Value = serde_json::from_str(&sent.unwrap().text().await.unwrap()).unwrap();
    assert!(body.get("__type").is_none(), "{operation} {input}: {body}");
    body
}

fn end(mut worker: Child) {
    let _ = worker.kill();
    let _ = worker.wait();
}

#[test]
fn every_execution_outlives_the_workers_and_each_effect_is_made_once() {
    let complete = std::env::var_os("FLOW_TEST_WORKERS").is_some();
    let (executions, kills, pause_ms) = if complete { (300, 25, 3_000) } else { (30, 3, 1_200) };
    let (home, elsewhere) = (Home::plain(), Home::plain());
    let folder = elsewhere.path().join("outside");
    std::fs::create_dir_all(folder.join("effects")).unwrap();
    // Slow enough that a kill hits attempts that have not ended.
    let program = elsewhere.program("append", &format!("sleep 0.1\n{}", APPEND.trim_start_matches("#!/bin/sh\n")));
    std::fs::rename(&program, folder.join("append")).unwrap();
    let program = folder.join("append").to_str().unwrap().to_owned();
    let server = Server::start(&home);
    let endpoint = step_functions(&server);
    let machine = deploy(&home, &endpoint, &home.definition("campaign", &definition(&folder)), 2);
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64 | 1;
    let names: Vec<String> = (0..executions).map(|number| format!("e-{number}")).collect();
    let killed = AtomicUsize::new(0);
    let began = Instant::now();
    std::thread::scope(|scope| {
        let workers =
            scope.spawn(|| kill_over_and_over(&elsewhere, &endpoint, &program, seed, (kills, pause_ms), &killed));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(drive(&endpoint, &machine, &names, kills, &killed));
        workers.join().unwrap().into_iter().for_each(end);
    });
    let repeated = verify(&folder, &names);
    let (effects, seconds) = (executions * STEPS.len(), began.elapsed().as_secs());
    println!(
        "seed {seed}: {kills} kills in {seconds} s, {executions} executions, {effects} effects, lost 0, doubled 0"
    );
    println!("{repeated} attempts were cut off and repeated, each under its first token");
}

/// Runs three workers and repeatedly kills and replaces one. Returns those that are left.
fn kill_over_and_over(
    home: &Home,
    endpoint: &str,
    program: &str,
    seed: u64,
    (kills, pause_ms): (usize, u64),
    killed: &AtomicUsize,
) -> Vec<Child> {
    let mut random = Random(seed);
    let start = || worker(home, endpoint, &["--activities", "process:run"], &[("FLOW_PROGRAMS", program)]);
    let mut workers: Vec<Child> = (0..3).map(|_| start()).collect();
    for _ in 0..kills {
        std::thread::sleep(Duration::from_millis(pause_ms / 2 + random.below(pause_ms)));
        let one = random.below(3) as usize;
        end(std::mem::replace(&mut workers[one], start()));
        killed.fetch_add(1, Ordering::Relaxed);
    }
    workers
}

/// Starts the executions, spread over the kills, and waits until they end.
async fn drive(endpoint: &str, machine: &str, names: &[String], kills: usize, killed: &AtomicUsize) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let began = Instant::now();
    let mut arns = Vec::new();
    for (name, number) in names.iter().zip(1..) {
        while killed.load(Ordering::Relaxed) * names.len() < (number - 1) * kills * 3 / 4 {
            assert!(began.elapsed().as_secs() < SECONDS_MAX, "the kills take too long");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let start = json!({ "stateMachineArn": format!("{machine}:deployed"), "name": name, "input": "{}" });
        let started = call(&client, endpoint, "StartExecution", &start).await;
        arns.push(started["executionArn"].as_str().unwrap().to_owned());
    }
    for arn in arns {
        loop {
            let found = call(&client, endpoint, "DescribeExecution", &json!({ "executionArn": arn })).await;
            match found["status"].as_str() {
                Some("SUCCEEDED") => break,
                Some("RUNNING") if began.elapsed().as_secs() < SECONDS_MAX => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                other => panic!("{arn}: {other:?}: {found}"),
            }
        }
    }
}

/// Opt-in, because the figure is meaningful only on an idle machine.
#[test]
fn the_round_trips_of_a_worker_are_measured() {
    if std::env::var_os("FLOW_TEST_WORKERS").is_none() {
        return;
    }
    let tasks = 4_000;
    let (home, elsewhere) = (Home::plain(), Home::plain());
    std::fs::write(elsewhere.path().join("one.json"), "1").unwrap();
    let read =
        json!({ "Type": "Task", "Resource": "flow:file:read", "Parameters": { "Path": "one.json" }, "End": true });
    let file = home.definition("trips", &json!({ "StartAt": "Read", "States": { "Read": read } }));
    let server = Server::start(&home);
    let machine = deploy(&home, &server.endpoint, &file, 60);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    runtime.block_on(async {
        for _ in 0..tasks {
            call(&client, &server.endpoint, "StartExecution", &json!({ "stateMachineArn": machine, "input": "{}" }))
                .await;
        }
    });
    let variables = [("FLOW_FILES", elsewhere.path().to_str().unwrap())];
    let running = || {
        let request = json!({ "stateMachineArn": machine, "statusFilter": "RUNNING", "maxResults": 1 });
        !runtime.block_on(call(&client, &server.endpoint, "ListExecutions", &request))["executions"]
            .as_array()
            .unwrap()
            .is_empty()
    };
    let began = Instant::now();
    let worker =
        worker(&elsewhere, &server.endpoint, &["--activities", "file:read", "--concurrency", "64"], &variables);
    until(SECONDS_MAX, "the tasks", || !running());
    let seconds = began.elapsed().as_secs_f64();
    println!("{tasks} round trips in {seconds:.2} s: {:.0}/s with one worker", f64::from(tasks) / seconds);
    send("-TERM", worker.id());
    worker.wait_with_output().unwrap();
}

/// The status of an execution, with its output as JSON.
pub fn ended(endpoint: &str, execution: &str, seconds_max: u64) -> Value {
    let describe = || -> Value {
        let request = json!({ "executionArn": execution }).to_string();
        serde_json::from_str(&post(endpoint, "AWSStepFunctions.DescribeExecution", &request)).unwrap()
    };
    until(seconds_max, "the execution's end", || describe()["status"] != "RUNNING");
    describe()
}
