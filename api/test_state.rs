//! TestState: runs one state with given data and, if it calls something, a mocked answer. Stores nothing.
//! Source: API Reference, TestState; Developer Guide, "Testing state machines with TestState API".

mod configuration;
mod context;
mod inspection;
mod map;
mod mock;
mod shapes;
mod trial;

use engine::asl::{Diagnostic, find_state};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    Answer, Api, Fault,
    records::{StateMachineType, set},
    uuid::new_uuid,
};
use trial::{Outcome, TestedState};

/// AWS's name for the state under test, in its context object and in the locations of diagnostics.
const STATE_NAME: &str = "StateName";

/// A request of TestState.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TestState {
    definition: String,
    #[serde(default)]
    role_arn: Option<String>,
    #[serde(default)]
    input: Option<String>,
    #[serde(default)]
    inspection_level: InspectionLevel,
    #[serde(default)]
    variables: Option<String>,
    #[serde(default)]
    context: Option<String>,
    #[serde(default)]
    state_name: Option<String>,
    #[serde(default)]
    mock: Option<mock::MockInput>,
    #[serde(default)]
    state_configuration: configuration::Configuration,
    #[serde(default)]
    reveal_secrets: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum InspectionLevel {
    #[default]
    Info,
    Debug,
    Trace,
}

impl Api {
    pub(crate) async fn test_state(&self, request: TestState) -> Answer {
        let state = state_under_test(&request)?;
        refuse(&request, &state)?;
        let input = match &request.input {
            None => json!({}),
            Some(text) => serde_json::from_str(text).map_err(|error| {
                Fault::new("InvalidExecutionInput", format!("Invalid State Machine Execution Input: '{error}'"))
            })?,
        };
        let context = request.context.as_deref().map(context::checked).transpose()?;
        let variables = variables(request.variables.as_deref())?;
        let mock = request.mock.map(|mock| mock.checked(&state)).transpose()?;
        let mut trial = TestedState {
            identity: self.identity_of_test(request.role_arn.as_deref()),
            context,
            variables,
            mock,
            retries: request.state_configuration.retrier_retry_count.unwrap_or(0),
            failures: request.state_configuration.map_iteration_failure_count,
            reader_data: request.state_configuration.map_item_reader_data,
            now_ms: self.now_ms(),
        };
        trial.refuse_invalid(&state)?;
        if trial.mock.is_none() && state["Type"] == "Task" {
            trial.mock = Some(trial.call(self, &state, &input).await?);
        }
        let outcome = trial.run(&state, &input)?;
        let mut answer = outcome_json(&outcome);
        if request.inspection_level != InspectionLevel::Info {
            answer["inspectionData"] = inspection::inspect(&trial, &state, &input, &outcome);
        }
        Ok(answer)
    }

    fn identity_of_test(&self, role_arn: Option<&str>) -> engine::machine::Identity {
        let (machine, name) = (new_uuid(), new_uuid());
        engine::machine::Identity {
            execution_id: self.execution_arn(&format!("{machine}:{name}:{}", new_uuid())),
            execution_name: name,
            role_arn: role_arn.unwrap_or_default().to_owned(),
            state_machine_id: self.state_machine_arn(&machine),
            state_machine_name: machine,
        }
    }
}

/// Refuses combinations that cannot be tested, in AWS's words if they are known.
fn refuse(request: &TestState, state: &Value) -> Result<(), Fault> {
    let kind = state["Type"].as_str().unwrap_or_default();
    let configuration = &request.state_configuration;
    let Some(mock) = &request.mock else {
        configuration.refuse_without_mock()?;
        if kind == "Map" || kind == "Parallel" {
            let message = "TestState API does not support Map or Parallel states. \
                           Supported state types include: [Task, Wait, Pass, Succeed, Fail, Choice]";
            return Err(Fault::new("InvalidDefinition", message));
        }
        if kind == "Task" && request.role_arn.is_none() {
            return Err(Fault::validation("RoleArn must be specified when testing a Task state"));
        }
        return Ok(());
    };
    if request.reveal_secrets {
        return Err(Fault::validation("TestState does not support RevealSecrets when a mock is specified."));
    }
    if !["Task", "Map", "Parallel"].contains(&kind) {
        let message = format!("State type '{kind}' is not supported when a mock is specified");
        return Err(Fault::validation(message));
    }
    let machine = json!({ "States": { "": state } });
    configuration.refuse(state, mock, &|name| find_state(&machine, name).is_some())
}

/// The state's JSON: the definition itself, or the named state if the definition is a state machine.
fn state_under_test(request: &TestState) -> Result<Value, Fault> {
    let definition: Value = serde_json::from_str(&request.definition).map_err(|error| {
        let complaint = crate::malformed::complaint(&request.definition, &error);
        let message = format!("Invalid State Machine Definition: 'INVALID_JSON_DESCRIPTION: {complaint}'");
        Fault::new("InvalidDefinition", message)
    })?;
    let Some(name) = &request.state_name else { return state_alone(definition) };
    crate::definition::runnable(&request.definition, StateMachineType::Standard)?;
    let missing = || Fault::validation("State not found in definition");
    let mut state = find_state(&definition, name).cloned().ok_or_else(missing)?;
    if state.get("QueryLanguage").is_none()
        && let Some(language) = definition.get("QueryLanguage")
    {
        state["QueryLanguage"] = language.clone();
    }
    Ok(state)
}

/// The definition as a state. A state machine is none: its state must be named.
fn state_alone(definition: Value) -> Result<Value, Fault> {
    if definition.get("Type").is_some() {
        return Ok(definition);
    }
    let location = format!("/States/{STATE_NAME}");
    let missing = Diagnostic::missing_fields(&location, vec!["Type".to_owned()]);
    Err(crate::definition::invalid(&[&missing]))
}

fn variables(text: Option<&str>) -> Result<Map<String, Value>, Fault> {
    let Some(text) = text else { return Ok(Map::new()) };
    serde_json::from_str(text).map_err(|_| Fault::validation("Variables must be a JSON object"))
}

fn outcome_json(outcome: &Outcome) -> Value {
    let mut answer = json!({ "status": outcome.status });
    set(&mut answer, "output", outcome.output.as_ref().map(Value::to_string));
    set(&mut answer, "error", outcome.failure.as_ref().map(|failure| failure.error.clone()));
    set(&mut answer, "cause", outcome.failure.as_ref().map(|failure| failure.cause.clone()));
    set(&mut answer, "nextState", outcome.next_state.clone());
    answer
}
