//! The process group is killed repeatedly while hundreds of executions run: no execution and no effect is lost.
//!
//! `FLOW_TEST_CRASHES=1` kills 120 times while 200 executions run. Without it, a smaller campaign runs.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

use crate::support::{Home, text};

/// The effects of one execution.
pub const STEPS: [&str; 5] = ["First", "Left", "Right", "0", "1"];
const PATIENCE: Duration = Duration::from_secs(300);

/// Records every attempt with its token. The program detects a repeated attempt by its token, as steps do.
pub const APPEND: &str = r#"#!/bin/sh
printf '%s %s\n' "$1" "$FLOW_IDEMPOTENCY_TOKEN" >> "$2/attempts"
(set -C; printf '%s\n' "$1" > "$2/effects/$FLOW_IDEMPOTENCY_TOKEN") 2>/dev/null
echo '{"done": true}'
"#;

/// A definition with five effects: in a chain, in branches and in a Map.
pub fn definition(folder: &Path) -> Value {
    let program = folder.join("append");
    let task = |name: &str, more: Value| {
        let name = format!("{{% $states.context.Execution.Name & '/' & {name} %}}");
        let mut task = json!({ "Type": "Task", "Resource": "flow:process:run",
            "Arguments": { "Program": program, "Arguments": [name, folder] },
            "Retry": [{ "ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 20 }] });
        task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        task
    };
    let branch =
        |name: &str| json!({ "StartAt": name, "States": { name: task(&format!("'{name}'"), json!({ "End": true })) } });
    json!({ "QueryLanguage": "JSONata", "StartAt": "First", "States": {
        "First": task("'First'", json!({ "Next": "Wait" })),
        "Wait": { "Type": "Wait", "Seconds": 1, "Next": "Both" },
        "Both": { "Type": "Parallel", "Branches": [branch("Left"), branch("Right")], "Next": "Each" },
        "Each": { "Type": "Map", "Items": "{% [0, 1] %}", "End": true,
            "ItemSelector": { "index": "{% $states.context.Map.Item.Index %}" },
            "ItemProcessor": { "StartAt": "Item", "States": {
                "Item": task("$string($states.input.index)", json!({ "End": true })) } } } } })
}

/// A server in its own process group.
struct Server {
    process: Child,
}

impl Server {
    fn start(home: &Home, program: &Path) -> (Self, Option<String>) {
        let mut command = home.command(&["serve", "--listen", "127.0.0.1:0", "-o", "json"]);
        command.env("FLOW_PROGRAMS", program).process_group(0).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let reported: Option<Value> = serde_json::from_str(&line).ok();
        let endpoint = reported.and_then(|reported| reported["endpoint"].as_str().map(str::to_owned));
        (Server { process }, endpoint)
    }
}

impl Drop for Server {
    /// Kills the process group at once.
    fn drop(&mut self) {
        let group = format!("-{}", self.process.id());
        let _ = Command::new("kill").args(["-9", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.process.wait();
    }
}

/// The address of the current server, and how many servers were killed.
#[derive(Default)]
struct CurrentServer {
    endpoint: Mutex<Option<String>>,
    killed: AtomicUsize,
}

impl CurrentServer {
    fn set(&self, endpoint: Option<String>) {
        *self.endpoint.lock().unwrap() = endpoint;
    }

    /// Repeats a call until a server answers it.
    async fn call(&self, client: &reqwest::Client, operation: &str, input: &Value) -> Value {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let endpoint = self.endpoint.lock().unwrap().clone();
            let Some(endpoint) = endpoint else {
                tokio::time::sleep(Duration::from_millis(5)).await;
                continue;
            };
            let request = client.post(endpoint).header("x-amz-target", format!("AWSStepFunctions.{operation}"));
            let sent =
                request.header("content-type", "application/x-amz-json-1.0").body(input.to_string()).send().await;
            if let Ok(answer) = sent
                && let Ok(body) = answer.text().await
                && let Ok(body) = serde_json::from_str::<Value>(&body)
            {
                assert!(body.get("__type").is_none(), "{operation} {input}: {body}");
                return body;
            }
        }
        panic!("{operation} was not answered");
    }
}

/// Pseudo-random numbers from a seed that is printed.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

#[test]
fn two_hundred_executions_outlive_kill_after_kill_and_each_effect_occurs_once() {
    let whole = std::env::var_os("FLOW_TEST_CRASHES").is_some();
    let (executions, kills) = if whole { (200, 120) } else { (60, 12) };
    let home = Home::plain();
    let folder = home.path().join("outside");
    std::fs::create_dir_all(folder.join("effects")).unwrap();
    let program = folder.join("append");
    std::fs::write(&program, APPEND).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64 | 1;
    let names: Vec<String> = (0..executions).map(|number| format!("e-{number}")).collect();
    let current = CurrentServer::default();
    std::thread::scope(|scope| {
        let alive = scope.spawn(|| kill_over_and_over(&home, &program, &current, seed, kills));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(drive(&current, &folder, &names, kills));
        drop(alive.join().unwrap());
    });
    let repeated = verify(&folder, &names);
    assert!(text(&home.flow(&["doctor"]).stdout).contains("✔ store"), "the store is intact");
    let effects = executions * STEPS.len();
    println!("seed {seed}: {kills} kills, {executions} executions, {effects} effects, lost 0, doubled 0");
    println!("{repeated} attempts were cut off and repeated, each under its first token");
}

/// Kills at random times, including before the store is open. Returns the last server.
fn kill_over_and_over(home: &Home, program: &Path, current: &CurrentServer, seed: u64, kills: usize) -> Server {
    let mut random = Random(seed);
    for _ in 0..kills {
        let (server, endpoint) = Server::start(home, program);
        current.set(endpoint);
        std::thread::sleep(Duration::from_millis(random.below(400)));
        drop(server);
        current.killed.fetch_add(1, Ordering::Relaxed);
    }
    let (server, endpoint) = Server::start(home, program);
    current.set(endpoint);
    server
}

/// Starts the executions, spread over the kills, and waits until they end.
async fn drive(current: &CurrentServer, folder: &Path, names: &[String], kills: usize) {
    let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).no_proxy().build().unwrap();
    let machine = json!({ "name": "crashed", "roleArn": "arn:aws:iam::111111111111:role/flow",
        "definition": definition(folder).to_string() });
    let made = current.call(&client, "CreateStateMachine", &machine).await;
    let mut arns = Vec::new();
    for (name, number) in names.iter().zip(1..) {
        while current.killed.load(Ordering::Relaxed) * names.len() < number * kills * 3 / 4 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let start = json!({ "stateMachineArn": made["stateMachineArn"], "name": name, "input": "{}" });
        let started = current.call(&client, "StartExecution", &start).await;
        arns.push(started["executionArn"].as_str().unwrap().to_owned());
    }
    for arn in &arns {
        ended(current, &client, arn).await;
    }
}

/// Waits until an execution has succeeded, and checks that its history is complete.
async fn ended(current: &CurrentServer, client: &reqwest::Client, arn: &str) {
    let begun = Instant::now();
    loop {
        let reported = current.call(client, "DescribeExecution", &json!({ "executionArn": arn })).await;
        match reported["status"].as_str() {
            Some("SUCCEEDED") => break,
            Some("RUNNING") if begun.elapsed() < PATIENCE => tokio::time::sleep(Duration::from_millis(20)).await,
            other => panic!("{arn}: {other:?}: {reported}"),
        }
    }
    let history =
        current.call(client, "GetExecutionHistory", &json!({ "executionArn": arn, "maxResults": 1000 })).await;
    let events = history["events"].as_array().unwrap();
    let ids = events.iter().map(|event| event["id"].as_u64().unwrap());
    assert!(ids.eq(1..=events.len() as u64), "{arn}: {history}");
}

/// Checks that each effect happened under one token. Returns how many attempts ran twice.
pub fn verify(folder: &Path, names: &[String]) -> usize {
    let attempts = std::fs::read_to_string(folder.join("attempts")).unwrap();
    let mut tokens: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in attempts.lines() {
        let (step, token) = line.split_once(' ').unwrap();
        tokens.entry(step).or_default().insert(token);
    }
    for name in names {
        for step in STEPS {
            let found = tokens.get(&*format!("{name}/{step}")).map_or(0, BTreeSet::len);
            assert_eq!(found, 1, "{name}/{step}: the number of tokens; 0 is a lost effect, 2 are a repeated one");
        }
    }
    let effects = std::fs::read_dir(folder.join("effects")).unwrap().count();
    assert_eq!(effects, names.len() * STEPS.len());
    attempts.lines().count() - effects
}
