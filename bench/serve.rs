//! serve: the rate of a server of the Step Functions API for clients on this machine. [`drive`] is the client. It runs in a process of
//! its own, so that it does not share the server's memory and locks. It uses plain HTTP/1.1 over persistent connections.

mod client;
mod figures;
mod server;
#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use serde_json::{Value, json};

use self::{client::Client, figures::Latencies};
pub use self::{figures::ServeFigures, server::serve};
use super::BenchError;

/// A workload for the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServeWorkload {
    /// This many StartExecution, sequential on each of 64 connections.
    Starts(usize),
    /// This many tasks of an activity: start, GetActivityTask, SendTaskSuccess, on 16 connections.
    RoundTrips(usize),
    /// This many pages of ListExecutions, with 100 executions each, on 4 connections.
    Pages(usize),
}

impl ServeWorkload {
    fn connections(self) -> usize {
        match self {
            ServeWorkload::Starts(_) => 64,
            ServeWorkload::RoundTrips(_) => 16,
            ServeWorkload::Pages(_) => 4,
        }
    }

    fn count(self) -> usize {
        match self {
            ServeWorkload::Starts(count) | ServeWorkload::RoundTrips(count) | ServeWorkload::Pages(count) => count,
        }
    }

    /// The name of the state machine and of the activity that it uses.
    fn name(self) -> &'static str {
        match self {
            ServeWorkload::RoundTrips(_) => "bench-round-trip",
            ServeWorkload::Starts(_) | ServeWorkload::Pages(_) => "bench-start",
        }
    }

    fn does(self) -> &'static str {
        match self {
            ServeWorkload::Starts(_) => "StartExecution",
            ServeWorkload::RoundTrips(_) => "StartExecution, GetActivityTask and SendTaskSuccess",
            ServeWorkload::Pages(_) => "ListExecutions, 100 to a page",
        }
    }
}

/// Runs a workload against the server at `address` (host and port), with `token` if the server requires one. Run starts before lists: the
/// starts create the executions that the lists return.
///
/// # Errors
/// The server cannot be reached, refuses a request, or its answer is not one of the API.
pub async fn drive(address: &str, token: Option<&str>, workload: ServeWorkload) -> Result<ServeFigures, BenchError> {
    let mut clients = Vec::new();
    for _ in 0..workload.connections() {
        clients.push(Client::connect(address, token).await?);
    }
    let Some(first) = clients.first_mut() else { return Ok(ServeFigures::default()) };
    let target = Arc::new(Target::prepare(first, workload).await?);
    let left = Arc::new(AtomicUsize::new(workload.count()));
    let began = Instant::now();
    let tasks: Vec<_> =
        clients.into_iter().map(|client| tokio::spawn(work(client, target.clone(), left.clone(), workload))).collect();
    let mut latencies = Latencies::default();
    for task in tasks {
        latencies.extend(task.await.map_err(|error| client::failed(error.to_string()))??);
    }
    let did = format!("{}, {} connections", workload.does(), workload.connections());
    Ok(latencies.figures(did, began.elapsed()))
}

/// The ARNs that the requests name.
struct Target {
    machine: String,
    activity: String,
}

impl Target {
    /// Creates the state machines of a workload, or reuses those of an earlier run.
    async fn prepare(client: &mut Client, workload: ServeWorkload) -> Result<Self, BenchError> {
        let name = workload.name();
        let activity = client.call("CreateActivity", &json!({ "name": name })).await?;
        let activity = text(&activity, "activityArn")?;
        let state = match workload {
            ServeWorkload::RoundTrips(_) => json!({ "Type": "Task", "Resource": activity, "End": true }),
            ServeWorkload::Starts(_) | ServeWorkload::Pages(_) => json!({ "Type": "Succeed" }),
        };
        let definition = json!({ "StartAt": "Only", "States": { "Only": state } }).to_string();
        let request =
            json!({ "name": name, "definition": definition, "roleArn": "arn:aws:iam::111111111111:role/bench" });
        let machine = text(&client.call("CreateStateMachine", &request).await?, "stateMachineArn")?;
        Ok(Target { machine, activity })
    }
}

fn text(answer: &Value, member: &str) -> Result<String, BenchError> {
    let text = answer[member].as_str().map(str::to_owned);
    text.ok_or_else(|| client::failed(format!("an answer has no {member}: {answer}")))
}

/// The work of one connection: takes the next request while any is left.
async fn work(
    mut client: Client,
    target: Arc<Target>,
    left: Arc<AtomicUsize>,
    workload: ServeWorkload,
) -> Result<Latencies, BenchError> {
    let (mut latencies, mut next_page) = (Latencies::default(), Value::Null);
    let take = |left: usize| left.checked_sub(1);
    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
        let began = Instant::now();
        match workload {
            ServeWorkload::Starts(_) => drop(client.call("StartExecution", &target.start()).await?),
            ServeWorkload::RoundTrips(_) => round_trip(&mut client, &target).await?,
            ServeWorkload::Pages(_) => {
                let mut request = json!({ "stateMachineArn": target.machine, "maxResults": 100 });
                if !next_page.is_null() {
                    request["nextToken"] = next_page;
                }
                let page = client.call("ListExecutions", &request).await?;
                next_page = page["nextToken"].clone();
            }
        }
        latencies.add(began.elapsed());
    }
    Ok(latencies)
}

impl Target {
    fn start(&self) -> Value {
        json!({ "stateMachineArn": self.machine, "input": r#"{"shop": "example"}"# })
    }
}

/// A task from its start to the answer of a worker. The worker may receive a task that another connection started.
async fn round_trip(client: &mut Client, target: &Target) -> Result<(), BenchError> {
    client.call("StartExecution", &target.start()).await?;
    let task = client.call("GetActivityTask", &json!({ "activityArn": target.activity })).await?;
    let answer = json!({ "taskToken": text(&task, "taskToken")?, "output": "{}" });
    client.call("SendTaskSuccess", &answer).await.map(drop)
}
