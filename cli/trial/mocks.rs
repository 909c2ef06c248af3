//! Mocked answers for Tasks, in the format of Step Functions Local (`MockConfigFile.json`).
//! Source: Developer Guide, "Testing state machines with Step Functions Local", mocked service integrations.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use engine::{
    spelling::{did_you_mean, nearest},
    step::{Answer, Registries, Registry, Step, StepContext, StepDescription, StepError, StepResult, error_names},
};
use serde::Deserialize;
use serde_json::Value;

use crate::{checks, exit::CliError};

/// The mocks file of a definition file: the given one, else `NAME.mocks.json` beside the definition, if it exists.
pub fn file(definition_file: &str, given: Option<&str>) -> Option<PathBuf> {
    if let Some(file) = given {
        return Some(PathBuf::from(file));
    }
    beside(definition_file).filter(|file| file.is_file())
}

/// The path `NAME.mocks.json` beside a definition file.
pub fn beside(definition_file: &str) -> Option<PathBuf> {
    let file = Path::new(definition_file);
    let name = file.file_name()?.to_str()?.split('.').next()?;
    Some(file.with_file_name(format!("{name}.mocks.json")))
}

/// A mocks file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct MockConfig {
    /// The state machines, by name.
    pub state_machines: BTreeMap<String, MockedMachine>,
    /// The responses, by name. Each maps a call number or a range, such as `"0"` or `"1-2"`, to an answer.
    pub mocked_responses: BTreeMap<String, BTreeMap<String, MockedResponse>>,
}

/// The cases of a state machine.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct MockedMachine {
    /// The cases, by name. Each maps a state to the response of its calls.
    pub test_cases: BTreeMap<String, BTreeMap<String, String>>,
}

/// The answer of a call.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum MockedResponse {
    /// A result.
    Return(Value),
    /// A failure.
    Throw {
        /// The error's name.
        #[serde(rename = "Error")]
        error: String,
        /// Its cause.
        #[serde(rename = "Cause", default)]
        cause: String,
    },
}

/// A case, with counters of its calls.
#[derive(Default)]
pub struct Mocks {
    responses: HashMap<String, Vec<(u64, u64, MockedResponse)>>,
    calls: Mutex<HashMap<String, u64>>,
}

impl MockConfig {
    /// Resolves the responses of a case.
    ///
    /// # Errors
    /// The case names an unknown response, or a response has an invalid call number.
    pub fn case(&self, cases: &BTreeMap<String, String>) -> Result<Mocks, CliError> {
        let mut responses = HashMap::new();
        for (state, name) in cases {
            let answers = self.mocked_responses.get(name);
            let unknown = || CliError::refused(format!("MockedResponses has no '{name}', which '{state}' names"));
            let read = |(calls, answer): (&String, &MockedResponse)| {
                let no_number = || CliError::refused(format!("'{calls}' of '{name}' is no number of a call"));
                let (first, last) = range(calls).ok_or_else(no_number)?;
                Ok((first, last, answer.clone()))
            };
            let answers = answers.ok_or_else(unknown)?.iter().map(read);
            responses.insert(state.clone(), answers.collect::<Result<_, CliError>>()?);
        }
        Ok(Mocks { responses, calls: Mutex::default() })
    }
}

/// Refuses a case with a mock for a state that the definition does not have. `file` is the mocks file.
///
/// # Errors
/// The definition has no such state. The message names the most similar one.
pub fn refuse_unknown_states(case: &BTreeMap<String, String>, definition: &Value, file: &str) -> Result<(), CliError> {
    let states = checks::state_names(definition);
    // A mock may name a state by the end of its path.
    let is_known = |name: &str| states.iter().any(|state| name == state || name.ends_with(&format!("/{state}")));
    let Some(unknown) = case.keys().find(|name| !is_known(name)) else { return Ok(()) };
    let hint = did_you_mean(nearest(unknown, states.iter().map(String::as_str)));
    let message = format!("{file} has a mock for the state '{unknown}', which the definition does not have{hint}");
    Err(CliError::refused(message.trim_end_matches('.')))
}

/// Parses `3` or `3-5`.
fn range(text: &str) -> Option<(u64, u64)> {
    match text.split_once('-') {
        Some((first, last)) => Some((first.trim().parse().ok()?, last.trim().parse().ok()?)),
        None => text.trim().parse().ok().map(|call| (call, call)),
    }
}

impl Mocks {
    /// Answers every call of states without a mock with an empty object. Returns the names of these states.
    pub fn answer_the_rest<'s>(&mut self, states: impl IntoIterator<Item = &'s str>) -> Vec<String> {
        let mut added = Vec::new();
        for state in states {
            if !self.responses.keys().any(|named| named == state || named.ends_with(&format!("/{state}"))) {
                let always = (0, u64::MAX, MockedResponse::Return(Value::Object(Default::default())));
                self.responses.insert(state.to_owned(), vec![always]);
                added.push(state.to_owned());
            }
        }
        added
    }

    /// Whether a state gets the same answers from both.
    pub fn answers_alike(&self, other: &Mocks, state_path: &str) -> bool {
        let answers = |mocks: &'_ Mocks| mocks.responses.get(mocks.name_of(state_path)).cloned();
        answers(self) == answers(other)
    }

    /// The name under which a state has mocks: the longest suffix of its path that has any, because a state's name may
    /// contain a slash.
    fn name_of<'p>(&self, path: &'p str) -> &'p str {
        let ends = std::iter::once(path).chain(path.match_indices('/').map(|(at, _)| &path[at + 1..]));
        let known = ends.clone().find(|end| self.responses.contains_key(*end));
        known.or_else(|| ends.last()).unwrap_or(path)
    }

    /// The answer of a state's next call.
    fn answer(&self, state: &str) -> StepResult<Value> {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let counter = calls.entry(state.to_owned()).or_default();
        let call = *counter;
        *counter += 1;
        let answers = self.responses.get(state).map(Vec::as_slice).unwrap_or_default();
        match answers.iter().find(|(first, last, _)| (*first..=*last).contains(&call)) {
            Some((.., MockedResponse::Return(value))) => Ok(Answer::done(value.clone())),
            Some((.., MockedResponse::Throw { error, cause })) => Err(StepError::named(error, cause)),
            None => Err(StepError::named(
                error_names::RUNTIME,
                format!("no mock answers call {call} of the state '{state}'"),
            )),
        }
    }
}

/// Registries whose steps answer every call with its mock.
pub struct MockedSteps(pub Arc<Mocks>);

#[async_trait]
impl Registries for MockedSteps {
    async fn registry(&self, _environment: &Value) -> Result<Registry, StepError> {
        Ok(Registry::new())
    }

    async fn step(&self, _environment: &Value, _resource: &str) -> Result<Option<Arc<dyn Step>>, StepError> {
        Ok(Some(Arc::new(MockedStep(self.0.clone()))))
    }
}

struct MockedStep(Arc<Mocks>);

#[async_trait]
impl Step for MockedStep {
    fn description(&self) -> StepDescription {
        StepDescription {
            name: "mock:step".to_owned(),
            summary: "Answers what the mock file says.".to_owned(),
            actions: Vec::new(),
            input_schema: Value::Bool(true),
            output_schema: Value::Bool(true),
        }
    }

    async fn poll(&self, context: StepContext, _input: Value) -> StepResult<Value> {
        self.0.answer(self.0.name_of(&context.state_path))
    }
}

/// Replaces every Task's call in a definition by a mock, including Tasks that would wait for a worker or a token.
pub fn mocked(definition: &mut Value) {
    match definition {
        Value::Object(fields) => {
            if fields.get("Type").is_some_and(|kind| kind == "Task") && fields.contains_key("Resource") {
                fields.insert("Resource".to_owned(), "flow:mock:step".into());
            }
            fields.values_mut().for_each(mocked);
        }
        Value::Array(items) => items.iter_mut().for_each(mocked),
        _ => {}
    }
}
