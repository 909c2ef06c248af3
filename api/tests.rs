//! Tests of the operations over the real runner and records in memory. Requests are made like a client's: a name and
//! JSON.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod activities;
mod aliases;
mod definitions;
mod executions;
mod history;
mod lists;
mod map_runs;
mod model;
mod operations;
mod page_costs;
mod requests;
mod resuming;
mod starts;
mod state_machines;
mod tags;
mod test_state;
mod variables;
mod versions;
mod workflow;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use engine::{
    runner::{self, Clock, RunnerHandle, RunnerOptions, SystemClock},
    step::{Answer, Approval, Done, Instructions, Registry, StepContext, StepError, StepResult},
    store::{MemoryRecords, Records, Store},
};
use serde_json::{Value, json};

use crate::{Api, ApiOptions, Fault, Host, OwnerDescription};

const ROLE: &str = "arn:aws:iam::111111111111:role/flow";
const PREFIX: &str = "arn:aws:states:us-east-1:111111111111";

/// An account in which [`Nowhere`] cannot act.
const OTHER_ACCOUNT: &str = "222222222222";

/// A process without environments whose only integration is Lambda. The output of `test:echo` must be a number.
pub struct Nowhere;

#[async_trait::async_trait]
impl Host for Nowhere {
    async fn environment(&self, _needs_account: bool) -> Value {
        Value::Null
    }

    async fn verify(&self, environment: &Value) -> Result<(), Fault> {
        match environment["accountId"] == OTHER_ACCOUNT {
            true => Err(Fault::new(crate::ENVIRONMENT_REFUSED, "another account")),
            false => Ok(()),
        }
    }

    fn needs_account(&self, _resource: &str) -> bool {
        false
    }

    fn has_step(&self, resource: &str) -> bool {
        resource.ends_with("lambda:invoke") || resource.contains(":states:startExecution")
    }

    fn problems_of_output(&self, resource: &str, output: &Value) -> Vec<String> {
        let wrong = resource == "flow:test:echo" && !output.is_number();
        if wrong { vec!["it is no number".to_owned()] } else { Vec::new() }
    }

    fn problems_of_value(&self, schema: &Value, value: &Value) -> Vec<String> {
        let names = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        names.filter(|name| value.get(name).is_none()).map(|name| format!("{name}: is missing")).collect()
    }

    fn owner(&self) -> OwnerDescription {
        OwnerDescription::default()
    }
}

/// The API with five steps: `echo` answers with its input, `waits` waits for an answer, `repaired` fails until [`World::repair`] is
/// called, `sns:publish` asks a malformed question beside its task token, and the call of `events:putEvents` does not end.
struct World {
    api: Api,
    runner: RunnerHandle,
    is_repaired: Arc<AtomicBool>,
}

impl World {
    fn new() -> Self {
        Self::over(&MemoryRecords::new())
    }

    fn over(records: &(impl Records + Clone)) -> Self {
        Self::at(records, Arc::new(SystemClock::default()))
    }

    fn at(records: &(impl Records + Clone), clock: Arc<dyn Clock>) -> Self {
        let is_repaired = Arc::new(AtomicBool::new(false));
        let mut registry = Registry::new();
        registry.register(
            "test:echo",
            "Echoes",
            &[],
            |_: StepContext, input: Value| async move { Ok(Answer::done(input)) },
        );
        registry.register("test:waits", "Waits for an answer", &[], |_: StepContext, _: Value| async move {
            Ok(Answer::<Value>::pending("nothing answered yet", Duration::from_secs(3_600)))
        });
        registry.register("aws:sns:publish", "Asks malformed questions", &[], |_: StepContext, _: Value| async move {
            let approval = Approval { problem: Some("Choices: no list".to_owned()), ..Approval::default() };
            let (sentence, values, answer) = (String::new(), Vec::new(), None);
            let question = Instructions { sentence, values, answer, approval: Some(Box::new(approval)) };
            Ok(Answer::Done(Done { question: Some(question), ..Done::new(Value::Null, Vec::new()) }))
        });
        registry.register("aws:events:putEvents", "Never answers", &[], |_: StepContext, _: Value| async move {
            std::future::pending::<StepResult<Value>>().await
        });
        let repaired = is_repaired.clone();
        registry.register("test:repaired", "Fails until it is repaired", &[], move |_: StepContext, input: Value| {
            let is_repaired = repaired.load(Ordering::Relaxed);
            async move { if is_repaired { Ok(Answer::done(input)) } else { Err(StepError::named("Broken", "as meant")) } }
        });
        let store = Arc::new(Store::new(records.clone()).unwrap());
        let runner = runner::start(store, Arc::new(registry), clock, RunnerOptions::default());
        let (region, account_id) = ("us-east-1".to_owned(), "111111111111".to_owned());
        let host = Arc::new(Nowhere);
        let api = Api::new(runner.clone(), ApiOptions { region, account_id, host });
        World { api, runner, is_repaired }
    }

    fn repair(&self) {
        self.is_repaired.store(true, Ordering::Relaxed);
    }

    async fn try_ask(&self, operation: &str, request: Value) -> Result<Value, Fault> {
        self.api.call(operation, request.to_string().as_bytes()).await
    }

    async fn ask(&self, operation: &str, request: Value) -> Value {
        self.try_ask(operation, request).await.unwrap_or_else(|fault| panic!("{operation}: {fault}"))
    }

    /// The name and the message of the fault that refuses a request.
    async fn refused(&self, operation: &str, request: Value) -> (String, String) {
        match self.try_ask(operation, request).await {
            Ok(answer) => panic!("{operation} answered {answer}"),
            Err(fault) => (fault.kind.to_owned(), fault.message),
        }
    }

    /// Creates a STANDARD state machine and returns its ARN.
    async fn machine(&self, name: &str, definition: &Value) -> String {
        let request = json!({ "name": name, "definition": definition.to_string(), "roleArn": ROLE });
        text(&self.ask("CreateStateMachine", request).await["stateMachineArn"])
    }

    async fn start(&self, machine: &str, name: &str) -> String {
        let request = json!({ "stateMachineArn": machine, "name": name });
        text(&self.ask("StartExecution", request).await["executionArn"])
    }

    /// The answer of DescribeExecution once the execution has ended.
    async fn ended(&self, execution: &str) -> Value {
        let ended = async {
            loop {
                let response = self.ask("DescribeExecution", json!({ "executionArn": execution })).await;
                if response["status"] != "RUNNING" {
                    return response;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), ended).await.expect("the execution does not end")
    }

    async fn history(&self, execution: &str) -> Vec<Value> {
        let response = self.ask("GetExecutionHistory", json!({ "executionArn": execution, "maxResults": 1000 })).await;
        response["events"].as_array().unwrap().clone()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

fn pass() -> Value {
    json!({ "StartAt": "A", "States": { "A": { "Type": "Pass", "Result": { "n": 1 }, "End": true } } })
}

fn wait() -> Value {
    json!({ "StartAt": "A", "States": { "A": { "Type": "Wait", "Seconds": 3600, "End": true } } })
}

fn task(resource: &str) -> Value {
    json!({ "StartAt": "A", "States": { "A": { "Type": "Task", "Resource": resource, "End": true } } })
}

fn pair(kind: &str, message: &str) -> (String, String) {
    (kind.to_owned(), message.to_owned())
}
