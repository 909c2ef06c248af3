//! Nested executions: `states:startExecution`, with `.sync` and `.sync:2`.
//! Source: Developer Guide, "Start workflow executions from a task state".

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use engine::{
    runner::{Asleep, RunnerError},
    step::{Answer, ErrorClass, Pending, Registry, StepContext, StepError, StepResult, error_names},
};
use serde_json::{Value, json};

use crate::{
    Api, Fault, arn,
    step_functions::{self, DescribeExecution, StartExecution},
    uuid::new_uuid,
};

/// The service integrations that the API itself answers, as a Task's `Resource` names them after `arn:aws:states:::`.
pub const INTEGRATIONS: [&str; 3] =
    ["states:startExecution", "states:startExecution.sync", "states:startExecution.sync:2"];

const FIRST_POLL_AFTER: Duration = Duration::from_millis(50);
const POLL_AFTER_MAX: Duration = Duration::from_secs(5);
/// The longest poll interval for an execution that sleeps.
const SLEEPING_POLL_AFTER_MAX: Duration = Duration::from_secs(3_600);

impl Api {
    /// Registers the steps for `arn:aws:states:::states:startExecution` and its `.sync` forms. They hold a weak
    /// reference, so that they do not keep the API and the store open.
    pub fn integrate(self: &Arc<Self>, registry: &mut Registry) {
        let actions = ["states:StartExecution"];
        let api = Arc::downgrade(self);
        registry.register("aws:states:startExecution", "Starts an execution.", &actions, move |context, input| {
            let api = alive(&api);
            async move { api?.start_nested(&context, &input).await.map(Answer::done) }
        });
        for (name, version) in [("aws:states:startExecution.sync", 1), ("aws:states:startExecution.sync:2", 2)] {
            let api = Arc::downgrade(self);
            registry.register(name, "Starts an execution and waits for its end.", &actions, move |context, input| {
                let api = alive(&api);
                async move { api?.run_nested(&context, &input, version).await }
            });
        }
    }

    async fn start_nested(&self, context: &StepContext, input: &Value) -> Result<Value, StepError> {
        let request = request(context, input)?;
        let response =
            step_functions::checked::<StartExecution>(self, request.to_string().as_bytes()).await.map_err(failed)?;
        Ok(json!({ "ExecutionArn": response["executionArn"], "StartDate": milliseconds(&response["startDate"]) }))
    }

    async fn run_nested(&self, context: &StepContext, input: &Value, version: u8) -> StepResult<Value> {
        if context.poll == 1 || !self.nested_exists(context, input)? {
            let started = self.start_nested(context, input).await?;
            let execution = Some(nested_id(context, input)?);
            let waits = Pending::new("RUNNING", FIRST_POLL_AFTER);
            return Ok(Answer::Pending(Pending { submitted: Some(started), execution, ..waits }));
        }
        let arn = self.execution_arn(&nested_id(context, input)?);
        let request = json!({ "executionArn": arn }).to_string();
        let response = step_functions::checked::<DescribeExecution>(self, request.as_bytes()).await.map_err(failed)?;
        let id = nested_id(context, input)?;
        let status = response["status"].as_str();
        if status == Some("RUNNING") {
            return self.await_nested(context, id).await;
        }
        self.note_received(&id).await.map_err(failed)?;
        match status {
            Some("SUCCEEDED") => Ok(Answer::done(shown(&response, version))),
            _ => Err(StepError::named(error_names::TASK_FAILED, shown(&response, 1).to_string())),
        }
    }

    /// Waits for a nested execution, and loads it if no process runs it. If it sleeps for more than a few seconds, it
    /// is not polled meanwhile: the engine calls this step again when it ends.
    async fn await_nested(&self, context: &StepContext, id: String) -> StepResult<Value> {
        let unknown = |error: RunnerError| StepError::new(ErrorClass::Unknown, error.to_string());
        self.runner.recover(&id).await.map_err(unknown)?;
        let poll_after = context.poll_interval(FIRST_POLL_AFTER, POLL_AFTER_MAX);
        let check_again_after = match self.runner.asleep(&id).await {
            Some(Asleep { next_wake_ms, .. }) => {
                let sleeps_ms = next_wake_ms.map_or(u64::MAX, |next| next.saturating_sub(context.now_ms));
                Duration::from_millis(sleeps_ms).clamp(poll_after, SLEEPING_POLL_AFTER_MAX)
            }
            None => poll_after,
        };
        Ok(Answer::awaiting("RUNNING", id, check_again_after))
    }

    fn nested_exists(&self, context: &StepContext, input: &Value) -> Result<bool, StepError> {
        let found = self.runner.store().header(&nested_id(context, input)?);
        found.map(|header| header.is_some()).map_err(|error| StepError::new(ErrorClass::Unknown, error.to_string()))
    }
}

fn alive(api: &Weak<Api>) -> Result<Arc<Api>, StepError> {
    api.upgrade().ok_or_else(|| StepError::new(ErrorClass::Unknown, "the engine is ending"))
}

fn request(context: &StepContext, input: &Value) -> Result<Value, StepError> {
    let arn = input["StateMachineArn"].as_str().ok_or_else(|| {
        StepError::named(error_names::RUNTIME, "The field 'StateMachineArn' is required but was missing")
    })?;
    let text = match &input["Input"] {
        Value::Null => "{}".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    Ok(json!({ "stateMachineArn": arn, "name": nested_name(context, input), "input": text }))
}

/// The name in the input, or one derived from this attempt: after a crash the same attempt finds the execution that it
/// started.
fn nested_name(context: &StepContext, input: &Value) -> String {
    match input["Name"].as_str() {
        Some(name) => name.to_owned(),
        None => {
            let token = context.token.get(..40).unwrap_or(&context.token);
            URL_SAFE_NO_PAD.encode(format!("{token}-{}", context.attempt))
        }
    }
}

fn nested_id(context: &StepContext, input: &Value) -> Result<String, StepError> {
    let arn = input["StateMachineArn"].as_str().unwrap_or_default();
    match arn::parse(arn).map_err(failed)? {
        arn::Resource::StateMachine { name, .. } => Ok(format!("{name}:{}", nested_name(context, input))),
        _ => Err(failed(Fault::new("InvalidArn", format!("Invalid Arn: '{arn}'")))),
    }
}

/// Converts a fault to the error of an AWS integration.
fn failed(fault: Fault) -> StepError {
    if fault.is_internal() {
        return StepError::new(ErrorClass::Unknown, fault.message);
    }
    let suffix = if fault.kind.ends_with("Exception") { "" } else { "Exception" };
    let cause = format!(
        "{} (Service: AWSStepFunctions; Status Code: 400; Error Code: {}; Request ID: {}; Proxy: null)",
        fault.message,
        fault.kind,
        new_uuid()
    );
    StepError::named(format!("StepFunctions.{}{suffix}", fault.kind), cause)
}

fn milliseconds(seconds: &Value) -> Value {
    seconds.as_f64().map_or(Value::Null, |seconds| Value::from((seconds * 1_000.0).round() as u64))
}

/// Converts the end of an execution to a Task's result: names start with capitals, times are milliseconds. Version 2
/// parses JSON texts.
fn shown(response: &Value, version: u8) -> Value {
    let data = |text: &Value| match version {
        2 => text.as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null),
        _ => text.clone(),
    };
    let mut shown = serde_json::Map::new();
    for (name, value) in response.as_object().into_iter().flatten() {
        let value = match name.as_str() {
            "input" | "output" => data(value),
            "inputDetails" | "outputDetails" => json!({ "Included": value["included"] }),
            "startDate" | "stopDate" => milliseconds(value),
            _ => value.clone(),
        };
        let mut letters = name.chars();
        let name = letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>());
        shown.insert(name.unwrap_or_default(), value);
    }
    Value::Object(shown)
}
