//! Registries: the steps that a runner can call, by name.

use std::{collections::BTreeMap, future::Future, sync::Arc};

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{Answer, Done, ErrorClass, Pattern, Resource, StepContext, StepError, StepResult};

/// A step's description, as `flow steps NAME` shows it.
#[derive(Debug, Clone, Serialize)]
pub struct StepDescription {
    /// The name after `flow:` in a `Resource`, such as `ec2:createVpc`.
    pub name: String,
    /// The step's purpose, in one sentence.
    pub summary: String,
    /// The permissions it needs, in IAM's words.
    pub actions: Vec<String>,
    /// JSON Schema of the input.
    pub input_schema: Value,
    /// JSON Schema of the output.
    pub output_schema: Value,
}

/// A step without its types: JSON in, JSON out.
#[async_trait]
pub trait Step: Send + Sync {
    /// The step's description.
    fn description(&self) -> StepDescription;
    /// Calls the step once. It must stop at a safe point when dropped.
    async fn poll(&self, context: StepContext, input: Value) -> StepResult<Value>;
}

/// The steps by name.
#[derive(Default, Clone)]
pub struct Registry {
    steps: BTreeMap<String, Arc<dyn Step>>,
}

impl Registry {
    /// A registry without steps.
    pub fn new() -> Self {
        Registry::default()
    }

    /// Adds a typed async function under `name`. Replaces an earlier one of the same name.
    pub fn register<I, O, F, Fut>(&mut self, name: &str, summary: &str, actions: &[&str], function: F)
    where
        I: DeserializeOwned + JsonSchema + Send + 'static,
        O: Serialize + JsonSchema + Send + 'static,
        F: Fn(StepContext, I) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = StepResult<O>> + Send + 'static,
    {
        let step = Typed {
            name: name.to_owned(),
            summary: summary.to_owned(),
            actions: actions.iter().map(|action| (*action).to_owned()).collect(),
            function,
            types: std::marker::PhantomData::<fn(I) -> O>,
        };
        self.steps.insert(name.to_owned(), Arc::new(step));
    }

    /// The step for a `Resource` such as `flow:ec2:createVpc`. An integration such as
    /// `arn:aws:states:::lambda:invoke.waitForTaskToken` is registered as `aws:lambda:invoke`, one that waits for the end of a
    /// job as `aws:states:startExecution.sync:2`, and a function's own ARN as `aws:lambda:function`.
    pub fn find(&self, resource: &str) -> Option<Arc<dyn Step>> {
        let name = match Resource::parse(resource) {
            Resource::Step { .. } => resource.strip_prefix("flow:")?.to_owned(),
            Resource::LambdaFunction { .. } => "aws:lambda:function".to_owned(),
            Resource::Integration { service, action, pattern: Pattern::WaitForTaskToken, .. } => {
                format!("aws:{service}:{action}")
            }
            Resource::Integration { service, action_with_pattern, .. } => {
                format!("aws:{service}:{action_with_pattern}")
            }
            Resource::Activity | Resource::Unknown => return None,
        };
        self.steps.get(&name).cloned()
    }

    /// The descriptions of all steps, in the order of their names.
    pub fn descriptions(&self) -> impl Iterator<Item = StepDescription> + '_ {
        self.steps.values().map(|step| step.description())
    }
}

/// Returns the steps for an execution's environment, which is pinned: two executions may act in different accounts.
#[async_trait]
pub trait Registries: Send + Sync + 'static {
    /// The steps for the environment in the execution's header.
    ///
    /// # Errors
    /// The environment cannot be reached; class `Credentials` pauses the execution.
    async fn registry(&self, environment: &Value) -> Result<Registry, StepError>;

    /// Whether any environment may have a step for a `Resource`. A call of another one fails without its environment.
    fn is_known(&self, _resource: &str) -> bool {
        true
    }

    /// The reason why this process cannot act in an environment in which another process may be able to act. The call is then not made, and
    /// the runner stops driving the execution instead of pausing it. `None` if this process can act, or if only a call can show that it
    /// cannot.
    async fn declines(&self, _environment: &Value, _resource: &str) -> Option<String> {
        None
    }

    /// The reason why this process cannot act in an environment, if a step that had begun has found it: the step's error is then not its
    /// failure. The call stays in flight, and the runner stops driving the execution: the process that continues it makes the call again.
    async fn declines_after(&self, _environment: &Value, _error: &StepError) -> Option<String> {
        None
    }

    /// The step for a `Resource`; `None` if none is registered.
    ///
    /// # Errors
    /// The errors of [`Registries::registry`].
    async fn step(&self, environment: &Value, resource: &str) -> Result<Option<Arc<dyn Step>>, StepError> {
        Ok(self.registry(environment).await?.find(resource))
    }
}

#[async_trait]
impl Registries for Registry {
    async fn registry(&self, _environment: &Value) -> Result<Registry, StepError> {
        Ok(self.clone())
    }

    async fn step(&self, _environment: &Value, resource: &str) -> Result<Option<Arc<dyn Step>>, StepError> {
        Ok(self.find(resource))
    }
}

struct Typed<I, O, F> {
    name: String,
    summary: String,
    actions: Vec<String>,
    function: F,
    types: std::marker::PhantomData<fn(I) -> O>,
}

#[async_trait]
impl<I, O, F, Fut> Step for Typed<I, O, F>
where
    I: DeserializeOwned + JsonSchema + Send + 'static,
    O: Serialize + JsonSchema + Send + 'static,
    F: Fn(StepContext, I) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = StepResult<O>> + Send + 'static,
{
    fn description(&self) -> StepDescription {
        StepDescription {
            name: self.name.clone(),
            summary: self.summary.clone(),
            actions: self.actions.clone(),
            input_schema: schemars::schema_for!(I).to_value(),
            // The schema for serialization: a field that is always written is required, even if it may be null.
            output_schema: schemars::generate::SchemaSettings::default()
                .for_serialize()
                .into_generator()
                .into_root_schema_for::<O>()
                .to_value(),
        }
    }

    async fn poll(&self, context: StepContext, input: Value) -> StepResult<Value> {
        let name = &self.name;
        let input: I = serde_json::from_value(input)
            .map_err(|e| StepError::new(ErrorClass::Invalid, format!("flow:{name} cannot read its Arguments: {e}")))?;
        match (self.function)(context, input).await? {
            Answer::Pending(pending) => Ok(Answer::Pending(pending)),
            Answer::Done(Done { output, changes, question }) => {
                let output = serde_json::to_value(output).map_err(|e| {
                    StepError::new(ErrorClass::Invalid, format!("flow:{name} cannot write its output: {e}"))
                })?;
                Ok(Answer::Done(Done { output, changes, question }))
            }
        }
    }
}
