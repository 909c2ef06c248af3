//! Workers are killed repeatedly while hundreds of executions run: none is lost, and no effect happens twice.
//!
//! `FLOW_TEST_WORKERS=1` runs 300 executions and also measures the round trips of a worker. Without it, a smaller
//! campaign runs. `FLOW_TEST_STEP_FUNCTIONS=URL` runs the campaign at LocalStack, sized for what it does in a second; see
//! tests/localstack.sh.

use std::{
    collections::VecDeque,
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

/// The time limit of a campaign, and of one call.
const SECONDS_MAX: u64 = 900;
const CALL_MAX: Duration = Duration::from_secs(120);
/// The most executions whose status is read at once.
const DESCRIBED_MAX: usize = 20;
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
pub async fn call(client: &reqwest::Client, endpoint: &str, operation: &str, input: &Value) -> Value {
    let request = client.post(endpoint).header("x-amz-target", format!("AWSStepFunctions.{operation}"));
    let sent = request.header("content-type", "application/x-amz-json-1.0").body(input.to_string()).send().await;
    let body: Value = serde_json::from_str(&sent.unwrap().text().await.unwrap()).unwrap();
    assert!(body.get("__type").is_none(), "{operation} {input}: {body}");
    body
}

/// Workers. They are killed when this is dropped, also if the test fails.
pub struct Workers(pub Vec<Child>);

impl Drop for Workers {
    fn drop(&mut self) {
        for worker in &mut self.0 {
            let _ = worker.kill();
            let _ = worker.wait();
        }
    }
}

/// The size of a campaign.
struct Campaign {
    executions: usize,
    /// The number of kills of a worker, and the mean pause between two kills.
    kills: usize,
    pause_ms: u64,
    heartbeat_seconds: u64,
    /// The most executions that run at once.
    open_max: usize,
}

impl Campaign {
    /// LocalStack makes about ten attempts a second, and ends each task after 60 s, including its time in the queue. So fewer
    /// executions run at once there. Heartbeats arrive late there on a busy machine.
    fn size() -> Self {
        let is_complete = std::env::var_os("FLOW_TEST_WORKERS").is_some();
        match (std::env::var_os("FLOW_TEST_STEP_FUNCTIONS").is_some(), is_complete) {
            (false, false) => {
                Campaign { executions: 30, kills: 3, pause_ms: 1_200, heartbeat_seconds: 2, open_max: usize::MAX }
            }
            (false, true) => {
                Campaign { executions: 300, kills: 25, pause_ms: 3_000, heartbeat_seconds: 2, open_max: usize::MAX }
            }
            (true, false) => Campaign { executions: 30, kills: 5, pause_ms: 3_000, heartbeat_seconds: 5, open_max: 20 },
            (true, true) => {
                Campaign { executions: 300, kills: 50, pause_ms: 3_000, heartbeat_seconds: 5, open_max: 20 }
            }
        }
    }
}

#[test]
fn every_execution_outlives_the_workers_and_each_effect_is_made_once() {
    let campaign = Campaign::size();
    let (home, elsewhere) = (Home::plain(), Home::plain());
    let folder = elsewhere.path().join("outside");
    std::fs::create_dir_all(folder.join("effects")).unwrap();
    // Slow enough that a kill hits attempts that have not ended.
    let program = elsewhere.program("append", &format!("sleep 0.1\n{}", APPEND.trim_start_matches("#!/bin/sh\n")));
    std::fs::rename(&program, folder.join("append")).unwrap();
    let program = folder.join("append").to_str().unwrap().to_owned();
    let server = Server::start(&home);
    let endpoint = step_functions(&server);
    let file = home.definition("campaign", &definition(&folder));
    let machine = deploy(&home, &endpoint, &file, campaign.heartbeat_seconds);
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64 | 1;
    let names: Vec<String> = (0..campaign.executions).map(|number| format!("e-{number}")).collect();
    let killed = AtomicUsize::new(0);
    let began = Instant::now();
    std::thread::scope(|scope| {
        let workers = scope.spawn(|| kill_over_and_over(&elsewhere, &endpoint, &program, seed, &campaign, &killed));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(drive(&endpoint, &machine, &names, &campaign, &killed));
        drop(workers.join().unwrap());
    });
    let repeated = verify(&folder, &names);
    let Campaign { executions, kills, .. } = campaign;
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
    campaign: &Campaign,
    killed: &AtomicUsize,
) -> Workers {
    let mut random = Random(seed);
    let start = || worker(home, endpoint, &["--activities", "process:run"], &[("FLOW_PROGRAMS", program)]);
    let mut workers = Workers((0..3).map(|_| start()).collect());
    for _ in 0..campaign.kills {
        std::thread::sleep(Duration::from_millis(campaign.pause_ms / 2 + random.below(campaign.pause_ms)));
        let one = random.below(3) as usize;
        drop(Workers(vec![std::mem::replace(&mut workers.0[one], start())]));
        killed.fetch_add(1, Ordering::Relaxed);
    }
    workers
}

/// Starts the executions, spread over the kills, and waits until they end.
async fn drive(endpoint: &str, machine: &str, names: &[String], campaign: &Campaign, killed: &AtomicUsize) {
    let client = reqwest::Client::builder().no_proxy().timeout(CALL_MAX).build().unwrap();
    let began = Instant::now();
    let mut open = VecDeque::new();
    for (name, number) in names.iter().zip(1..) {
        while killed.load(Ordering::Relaxed) * names.len() < (number - 1) * campaign.kills * 3 / 4 {
            assert!(began.elapsed().as_secs() < SECONDS_MAX, "the kills take too long");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        while open.len() >= campaign.open_max {
            remove_ended(&client, endpoint, &mut open, began).await;
        }
        let start = json!({ "stateMachineArn": format!("{machine}:deployed"), "name": name, "input": "{}" });
        let started = call(&client, endpoint, "StartExecution", &start).await;
        open.push_back(started["executionArn"].as_str().unwrap().to_owned());
    }
    while !open.is_empty() {
        remove_ended(&client, endpoint, &mut open, began).await;
    }
}

/// Removes those of the oldest executions that have succeeded. Waits a little if none has.
async fn remove_ended(client: &reqwest::Client, endpoint: &str, open: &mut VecDeque<String>, began: Instant) {
    let mut running = Vec::new();
    let described = open.len().min(DESCRIBED_MAX);
    for arn in open.drain(..described) {
        let found = call(client, endpoint, "DescribeExecution", &json!({ "executionArn": arn })).await;
        match found["status"].as_str() {
            Some("SUCCEEDED") => {}
            Some("RUNNING") if began.elapsed().as_secs() < SECONDS_MAX => running.push(arn),
            other => panic!("{arn}: {other:?} after {} s: {found}", began.elapsed().as_secs()),
        }
    }
    if running.len() == described {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    running.into_iter().rev().for_each(|arn| open.push_front(arn));
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
