//! A step that is called again with its token, because its first answer was lost, does not repeat its effect.
//!
//! Step Functions and its workers call a step at least once. This test's worker calls every step of the runbook twice,
//! until it is done, and answers with the second call's output.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use deploy::{TaskInput, activity_name};
use engine::{
    runner::{Clock, ScaledClock},
    step::{Answer, ErrorClass, Registry, Step, StepContext, StepError},
};
use serde_json::{Value, json};
use steps::{Environment, LocalSettings};

use crate::{
    campaign::{deploy, ended},
    serve::Server,
    support::{Home, one_of_everything, post},
};

/// The time limit of the runbook.
const SECONDS_MAX: u64 = 300;
/// The most polls of a step.
const POLLS_MAX: u32 = 2_000;
/// The time for which the world's clock runs between two attempts.
const RETRY_AFTER: Duration = Duration::from_secs(10);
/// HeartbeatSeconds: the test's worker sends no heartbeats, and does not die.
const HEARTBEAT_SECONDS: u64 = 3_600;
/// The time that the worker waits after a call that failed.
const AFTER_FAILED_CALL: Duration = Duration::from_millis(100);

/// The calls, and the outputs of steps whose two calls differ.
#[derive(Default)]
struct Calls {
    count: BTreeMap<String, usize>,
    different: Vec<String>,
}

struct Repeater {
    endpoint: String,
    client: reqwest::Client,
    clock: ScaledClock,
    calls: Mutex<Calls>,
    is_over: AtomicBool,
}

/// Every step in the world of a home's rehearsal, and that world's clock.
fn steps_of(home: &Home) -> (Registry, ScaledClock) {
    let folder = home.path().join("rehearsal");
    let world = rehearsal::World::read(&folder).unwrap().unwrap();
    let clock = ScaledClock::new(world.started_at_ms, world.speed);
    let environment = Environment::for_rehearsal(cli::rehearsal_addresses(world));
    let environment = environment.unwrap().with_keys_directory(folder.join("keys"));
    let mut registry = steps::registry(Arc::new(environment));
    steps::register_local(&mut registry, &LocalSettings::default());
    (registry, clock)
}

impl Repeater {
    async fn call(&self, operation: &str, input: &Value) -> Value {
        let request = self.client.post(&self.endpoint).header("x-amz-target", format!("AWSStepFunctions.{operation}"));
        let request = request.header("content-type", "application/x-amz-json-1.0").body(input.to_string());
        let Ok(answer) = request.send().await else { return Value::Null };
        serde_json::from_str(&answer.text().await.unwrap_or_default()).unwrap_or_default()
    }

    /// Works on the tasks of an activity until the test ends.
    async fn work(self: Arc<Self>, arn: String, step: Arc<dyn Step>) {
        while !self.is_over.load(Ordering::Relaxed) {
            let task = self.call("GetActivityTask", &json!({ "activityArn": arn })).await;
            if task.is_null() {
                tokio::time::sleep(AFTER_FAILED_CALL).await;
            }
            let Some(token) = task["taskToken"].as_str().filter(|token| !token.is_empty()) else { continue };
            let input = TaskInput::read(task["input"].as_str().unwrap()).unwrap();
            let (operation, mut answer) = match self.twice(&*step, &input).await {
                Ok(output) => ("SendTaskSuccess", json!({ "output": output.to_string() })),
                Err(error) => ("SendTaskFailure", json!({ "error": error.error_name(), "cause": error.to_string() })),
            };
            answer["taskToken"] = token.into();
            self.call(operation, &answer).await;
        }
    }

    async fn twice(&self, step: &dyn Step, input: &TaskInput) -> Result<Value, StepError> {
        let first = self.to_the_end(step, input, 1).await?;
        let second = self.to_the_end(step, input, 2).await?;
        let mut calls = self.calls.lock().unwrap();
        *calls.count.entry(step.description().name).or_default() += 1;
        if repeatable(&first) != repeatable(&second) {
            calls.different.push(format!("{}: {first} and then {second}", input.flow.state_path));
        }
        Ok(second)
    }

    /// Polls one attempt until it is done, as after a crash that lost the previous attempt's answer.
    async fn to_the_end(&self, step: &dyn Step, input: &TaskInput, attempt: u32) -> Result<Value, StepError> {
        let visit = &input.flow;
        for poll in 1..POLLS_MAX {
            let now_ms = self.clock.now_ms();
            let context = StepContext {
                execution: visit.execution.rsplit(':').next().unwrap_or_default().to_owned(),
                state_path: visit.indexed_path(),
                visit: visit.entered_ms(),
                token: visit.token(),
                attempt,
                poll,
                now_ms,
                first_poll_ms: visit.entered_ms().min(now_ms),
                created: Arc::new(ids(&input.input).map(|id| (id, visit.started_ms())).collect()),
                ..StepContext::for_test(&visit.state_path)
            };
            let again_after = match step.poll(context, input.input.clone()).await {
                Ok(Answer::Done(done)) => return Ok(done.output),
                Ok(Answer::Pending(pending)) => pending.check_again_after,
                // Another attempt of the same visit, with the same token. The server's Retry would wait in real time.
                Err(error) if may_pass(&error) => RETRY_AFTER,
                Err(error) => return Err(error),
            };
            let due_ms = now_ms + again_after.as_millis() as u64;
            tokio::time::sleep(self.clock.real_duration_until(due_ms)).await;
        }
        Err(StepError::new(ErrorClass::Failed, format!("still pending after {POLLS_MAX} polls")))
    }
}

/// Whether a rule of the workflows' Retry names the error.
fn may_pass(error: &StepError) -> bool {
    let classes = [
        ErrorClass::Throttled,
        ErrorClass::Unknown,
        ErrorClass::NotConsistentYet,
        ErrorClass::Capacity,
        ErrorClass::Busy,
    ];
    error.name.is_none() && classes.contains(&error.class)
}

/// The ids and ARNs in a step's arguments, as a worker reads them: each may be new, so a NotFound for it is not a failure yet. Other
/// texts are part of many messages of AWS, each of which would then be retried for minutes.
fn ids(arguments: &Value) -> Box<dyn Iterator<Item = String> + '_> {
    let is_hexadecimal = |tail: &str| tail.len() >= 8 && tail.chars().all(|c| c.is_ascii_hexdigit());
    let is_id =
        |text: &str| text.starts_with("arn:") || text.rsplit_once('-').is_some_and(|(_, tail)| is_hexadecimal(tail));
    match arguments {
        Value::String(text) => Box::new(is_id(text).then(|| text.clone()).into_iter()),
        Value::Array(items) => Box::new(items.iter().flat_map(ids)),
        Value::Object(fields) => Box::new(fields.values().flat_map(ids)),
        _ => Box::new(std::iter::empty()),
    }
}

/// The values that both calls of a step return. Not the id of Route 53's change, because a call that finds the record as wanted makes no
/// change, and not whether RDS modifies the database: a second call cannot know whether the first one, whose answer was lost, changed it,
/// and lets the wait assume so.
fn repeatable(answer: &Value) -> Value {
    let mut answer = answer.clone();
    if let Some(fields) = answer.as_object_mut() {
        for name in ["changeId", "isModified"] {
            fields.remove(name);
        }
    }
    answer
}

/// Starts workers that call every step twice, for the activities of a server.
fn workers(repeater: &Arc<Repeater>, registry: &Registry) -> tokio::runtime::Runtime {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    // Both workflows have more activities than a page has by default.
    let request = json!({ "maxResults": 1_000 }).to_string();
    let listed: Value =
        serde_json::from_str(&post(&repeater.endpoint, "AWSStepFunctions.ListActivities", &request)).unwrap();
    assert!(listed.get("nextToken").is_none_or(Value::is_null), "more activities than one page has");
    for activity in listed["activities"].as_array().unwrap() {
        let names = |step: &engine::step::StepDescription| activity["name"] == activity_name(step);
        let description = registry.descriptions().find(names).unwrap();
        let step = registry.find(&format!("flow:{}", description.name)).unwrap();
        let arn = activity["activityArn"].as_str().unwrap().to_owned();
        // Several workers, because branches wait for steps of one activity concurrently.
        for _ in 0..4 {
            runtime.spawn(repeater.clone().work(arn.clone(), step.clone()));
        }
    }
    runtime
}

/// Runs a deployed workflow. Returns the calls.
fn run(repeater: &Repeater, machine: &str, input: &Value) -> Calls {
    let request = json!({ "stateMachineArn": machine, "input": input.to_string() }).to_string();
    let started: Value =
        serde_json::from_str(&post(&repeater.endpoint, "AWSStepFunctions.StartExecution", &request)).unwrap();
    let began = Instant::now();
    let found = ended(&repeater.endpoint, started["executionArn"].as_str().unwrap(), SECONDS_MAX);
    assert_eq!(found["status"], "SUCCEEDED", "{found}");
    let calls = std::mem::take(&mut *repeater.calls.lock().unwrap());
    println!("{machine}: {} steps in {} s", calls.count.len(), began.elapsed().as_secs());
    calls
}

#[test]
fn every_step_of_the_runbook_is_called_twice_with_one_token_and_there_is_one_of_everything() {
    let home = Home::for_rehearsal();
    let world = home.world();
    let serving = Home::plain();
    let server = Server::start(&serving);
    let [made, removed] = ["endpoints-aws", "endpoints-aws-teardown"]
        .map(|workflow| deploy(&home, &server.endpoint, workflow, HEARTBEAT_SECONDS));
    let (registry, clock) = steps_of(&home);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let (calls, is_over) = (Mutex::default(), AtomicBool::new(false));
    let repeater = Arc::new(Repeater { endpoint: server.endpoint.clone(), client, clock, calls, is_over });
    // The same workers for both workflows: a poll that ends with its worker may take a task along.
    let runtime = workers(&repeater, &registry);
    let workflow = workflows::find("endpoints-aws").unwrap();
    let calls = run(&repeater, &made, &workflow.prepare_input(workflow.rehearsal_input()).unwrap());
    assert!(calls.count.len() > 30, "{:?}", calls.count);
    assert_eq!(calls.different, Vec::<String>::new(), "the second call did not return what the first did");
    assert_eq!(world.inspect()["counts"], one_of_everything());
    let workflow = workflows::find("endpoints-aws-teardown").unwrap();
    let mut input = workflow.rehearsal_input();
    input["confirm"] = input["deployment"].clone();
    let calls = run(&repeater, &removed, &workflow.prepare_input(input).unwrap());
    assert!(calls.count.len() > 20, "{:?}", calls.count);
    repeater.is_over.store(true, Ordering::Relaxed);
    runtime.shutdown_timeout(Duration::from_millis(100));
}
