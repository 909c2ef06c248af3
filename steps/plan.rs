//! A plan: the steps themselves report what they would change, and change nothing.
//!
//! The same functions run as in an execution. Reads reach AWS; every call that would change something goes through
//! [`NoConnection`], which records it and answers it empty. What a call would have answered, such as the id of a VPC, is
//! [`KNOWN_AFTER_APPLY`] in all that follows.

mod no_connection;
mod output;
mod permissions;
mod record;
mod waits;

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use engine::step::{
    Answer, Change, Done, Effect, ErrorClass, Registries, Registry, Resource, Step, StepContext, StepDescription,
    StepError, StepResult,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Environment;
pub(crate) use no_connection::NoConnection;
pub use permissions::{PermissionQuestion, denied_actions};
pub(crate) use record::PlanRecord;

/// The text of a plan for an id, an ARN or an address that the service chooses.
pub const KNOWN_AFTER_APPLY: &str = "(known after apply)";
/// The beginnings of the names of calls that change nothing.
const READS: [&str; 5] = ["Describe", "Get", "List", "Lookup", "Simulate"];

/// The name of a read's error that no rule retries.
const NO_ANSWER: &str = "Flow.NoAnswer";
/// The services whose steps change nothing but through the clients for changes.
const PLANNABLE: [&str; 17] = [
    "acm",
    "cloudwatch",
    "dns",
    "ec2",
    "ecs",
    "elbv2",
    "https",
    "iam",
    "logs",
    "preflight",
    "rds",
    "route53",
    "secretsmanager",
    "sns",
    "ssh",
    "sts",
    "teardown",
];

/// Whether a value names something that is yet to be created.
pub(crate) fn is_unknown(value: &str) -> bool {
    value.contains(KNOWN_AFTER_APPLY)
}

/// Whether a call, in IAM's words such as `ec2:DescribeVpcs`, changes nothing.
pub fn is_read(action: &str) -> bool {
    let call = action.split_once(':').map_or(action, |(_, call)| call);
    READS.iter().any(|read| call.starts_with(read))
}

/// Whether the step of a `Resource` can say what it would change: it reaches AWS through the clients of an [`Environment`] only.
pub fn is_plannable(resource: &str) -> bool {
    matches!(Resource::parse(resource), Resource::Step { service, .. } if PLANNABLE.contains(&service))
}

/// What would happen to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlannedAction {
    /// It does not exist.
    Create,
    /// It exists, is the deployment's, and was created by another execution whose answer was lost.
    Adopt,
    /// It exists and differs.
    Update,
    /// It exists, differs, and cannot be changed in place: another one takes its place.
    Replace,
    /// It exists as wanted.
    Unchanged,
    /// It is removed.
    Delete,
}

/// A setting that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The setting, in the words of the step's input.
    pub field: String,
    /// Its value now.
    pub from: String,
    /// Its value after the run.
    pub to: String,
}

/// What would happen to one resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedChange {
    /// What would happen.
    pub action: PlannedAction,
    /// The kind of resource in CloudFormation's words, such as `AWS::EC2::VPC`.
    pub resource_type: String,
    /// Its name, where it has one that people use.
    pub name: Option<String>,
    /// Its id or ARN; [`KNOWN_AFTER_APPLY`] where it does not exist.
    pub id: String,
    /// In what it differs, where it is updated or replaced.
    pub fields: Vec<Difference>,
    /// The path of the state that changes it.
    pub state: String,
    /// The input of the step, from which its price is computed.
    #[serde(skip)]
    pub settings: Value,
}

/// Something that the run would wait for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedWait {
    /// The path of the state that waits.
    pub state: String,
    /// What it waits for now; none where the thing does not exist yet.
    pub reason: Option<String>,
    /// How long it usually takes, in seconds: the least and the most.
    pub usual_seconds: Option<(u32, u32)>,
}

/// Everything that the steps of an execution reported.
#[derive(Debug, Clone, Default)]
pub struct Planned {
    /// Every resource, in the order in which the steps reach it.
    pub changes: Vec<PlannedChange>,
    /// Every wait.
    pub waits: Vec<PlannedWait>,
    /// Every action that the steps need, in IAM's words.
    pub actions: BTreeSet<String>,
}

/// The steps of an environment, for one execution that makes a plan.
pub struct PlannedSteps {
    registry: Registry,
    record: Arc<PlanRecord>,
}

impl PlannedSteps {
    /// Steps that read where `environment` reads and change nothing.
    pub fn new(environment: &Environment) -> Self {
        let record = Arc::new(PlanRecord::default());
        let registry = crate::registry(Arc::new(environment.for_plan(record.clone())));
        PlannedSteps { registry, record }
    }

    /// What the steps reported so far.
    pub fn planned(&self) -> Planned {
        self.record.planned()
    }
}

#[async_trait]
impl Registries for PlannedSteps {
    async fn registry(&self, _environment: &Value) -> Result<Registry, StepError> {
        Ok(Registry::new())
    }

    async fn step(&self, _environment: &Value, resource: &str) -> Result<Option<Arc<dyn Step>>, StepError> {
        let record = self.record.clone();
        let planned = |inner: Arc<dyn Step>| {
            let description = inner.description();
            Arc::new(PlannedStep { inner, description, record }) as Arc<dyn Step>
        };
        Ok(self.registry.find(resource).map(planned))
    }
}

/// A step that is asked what it would change.
struct PlannedStep {
    inner: Arc<dyn Step>,
    description: StepDescription,
    record: Arc<PlanRecord>,
}

impl PlannedStep {
    fn only_reads(&self) -> bool {
        self.description.actions.iter().all(|action| is_read(action))
    }

    /// The step ends without an answer of its own: its output is made from its schema.
    fn end_with_wait(&self, context: &StepContext, input: &Value, reason: Option<String>) -> StepResult<Value> {
        let usual_seconds = waits::usual_seconds(&self.description.name);
        self.record.wait(PlannedWait { state: context.state_path.clone(), reason, usual_seconds });
        Ok(Answer::done(self.made_up_output(input)))
    }

    fn made_up_output(&self, input: &Value) -> Value {
        output::of_schema(&self.description.output_schema, input)
    }

    fn end(&self, context: &StepContext, input: &Value, done: Done<Value>) -> StepResult<Value> {
        let (calls, differences) = self.record.end_step();
        let usual_seconds = waits::usual_seconds(&self.description.name);
        if usual_seconds.is_some() && self.record.updates_any_of(&output::names(input)) {
            // Ready now, and not ready for a while after the update.
            self.record.wait(PlannedWait { state: context.state_path.clone(), reason: None, usual_seconds });
        }
        let output = if calls.is_empty() { done.output } else { output::without_gaps(done.output) };
        let mut effects = done.effects;
        for effect in &mut effects {
            if effect.id.is_empty() {
                effect.id = KNOWN_AFTER_APPLY.to_owned();
            }
            self.record.change(planned_change(context, input, effect, &differences));
        }
        Ok(Answer::Done(Done { output, effects }))
    }
}

fn planned_change(context: &StepContext, input: &Value, effect: &Effect, differences: &[Difference]) -> PlannedChange {
    let action = match effect.change {
        Change::Created if !differences.is_empty() => PlannedAction::Replace,
        Change::Created => PlannedAction::Create,
        Change::Adopted => PlannedAction::Adopt,
        Change::Updated => PlannedAction::Update,
        Change::Unchanged => PlannedAction::Unchanged,
        Change::Deleted => PlannedAction::Delete,
    };
    let differs = matches!(action, PlannedAction::Update | PlannedAction::Replace);
    PlannedChange {
        action,
        resource_type: effect.resource_type.clone(),
        name: effect.name.clone(),
        id: effect.id.clone(),
        fields: if differs { differences.to_vec() } else { Vec::new() },
        state: context.state_path.clone(),
        settings: input.clone(),
    }
}

#[async_trait]
impl Step for PlannedStep {
    fn description(&self) -> StepDescription {
        self.description.clone()
    }

    async fn look(&self, context: StepContext, input: Value) -> StepResult<Value> {
        // One step at a time: what is recorded belongs to it.
        let _turn = self.record.begin_step(&self.description.actions).await;
        if self.only_reads() && output::has_unknown(&input) {
            return self.end_with_wait(&context, &input, None);
        }
        // A plan has called nothing before, also where a read is repeated.
        let first = StepContext { attempt: 1, look: 1, ..context.clone() };
        match self.inner.look(first, input.clone()).await {
            Ok(Answer::Done(done)) => self.end(&context, &input, done),
            Ok(Answer::Pending(pending)) => self.end_with_wait(&context, &input, Some(pending.reason)),
            Err(error) if self.is_of_something_planned(&error, &input) && self.only_reads() => {
                self.end_with_wait(&context, &input, None)
            }
            Err(error) if self.is_of_something_planned(&error, &input) => Ok(Answer::done(self.made_up_output(&input))),
            // The client for reads has repeated it already, and a plan is not worth minutes of retries.
            Err(error) if error.class == ErrorClass::Unknown => {
                Err(StepError { name: Some(NO_ANSWER.to_owned()), ..error })
            }
            Err(error) => Err(error),
        }
    }
}

impl PlannedStep {
    /// Whether the error says that the service does not know a resource which the plan creates.
    fn is_of_something_planned(&self, error: &StepError, input: &Value) -> bool {
        // Without an action the error is the step's own refusal.
        error.action.is_some()
            && match error.class {
                ErrorClass::NotFound | ErrorClass::NotConsistentYet => {
                    output::has_unknown(input) || self.record.creates_any_of(&output::names(input))
                }
                ErrorClass::Invalid => output::has_unknown(input),
                _ => false,
            }
    }
}

#[cfg(test)]
mod tests;
