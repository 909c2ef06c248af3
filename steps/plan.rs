//! Plans: the steps report what they would change, and change nothing.
//!
//! The same functions run as in an execution. Reads reach AWS. Every call for a change goes through [`NoConnection`],
//! which records it and answers it empty. Fields that the service would have returned, such as the id of a VPC, are
//! [`KNOWN_AFTER_APPLY`] in all later inputs.

mod no_connection;
mod output;
mod permissions;
mod price;
mod record;
mod waits;

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use engine::step::{
    Answer, ChangeAction, Done, ErrorClass, Registries, Registry, Resource, ResourceChange, Step, StepContext,
    StepDescription, StepError, StepResult,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Environment, SERVICES};
pub(crate) use no_connection::{NoConnection, query_answer};
pub use permissions::{PermissionQuestion, denied_actions};
pub use price::{Bill, Price, Prices};
pub(crate) use record::{Known, PlanRecord};
pub use waits::usual_wait;

/// The text in a plan for an id, an ARN or an address that the service chooses.
pub const KNOWN_AFTER_APPLY: &str = "(known after apply)";
/// The prefixes of calls that change nothing.
const READS: [&str; 6] = ["Describe", "Get", "List", "Lookup", "Simulate", "Validate"];

/// A part of the name of every step that only waits.
const WAITS: &str = ":waitFor";
/// The error name of a read without an answer. No rule retries it.
pub const NO_ANSWER: &str = "Flow.NoAnswer";
/// The modules without a [`Service`](crate::service::Service) whose steps make changes only through the clients for
/// changes. The steps of every service do.
const PLANNABLE: [&str; 6] = ["dns", "https", "preflight", "ssh", "sts", "teardown"];

/// Whether a value names a resource that does not exist yet.
pub(crate) fn is_unknown(value: &str) -> bool {
    value.contains(KNOWN_AFTER_APPLY)
}

/// Whether a call, given as an IAM action such as `ec2:DescribeVpcs`, changes nothing.
pub fn is_read(action: &str) -> bool {
    let call = action.split_once(':').map_or(action, |(_, call)| call);
    READS.iter().any(|read| call.starts_with(read))
}

/// Whether the step of a `Resource` can report what it would change: it calls AWS only through the clients of an
/// [`Environment`].
pub fn is_plannable(resource: &str) -> bool {
    let Resource::Step { service, .. } = Resource::parse(resource) else { return false };
    PLANNABLE.contains(&service) || SERVICES.iter().any(|known| known.name() == service)
}

/// The planned change of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlannedAction {
    /// It does not exist; or it cannot be changed in place, and a new revision is created.
    Create,
    /// It exists and belongs to the deployment; another execution created it and the answer was lost.
    Adopt,
    /// It exists and differs.
    Update,
    /// It exists and does not differ.
    Unchanged,
    /// It is deleted.
    Delete,
}

/// A setting that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The field of the step's input.
    pub field: String,
    /// Its value now.
    pub from: String,
    /// Its value after the run.
    pub to: String,
}

/// The cost of a resource a month in US dollars, by a table of prices.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceCost {
    /// After the run; `None` if the resource is not billed, is deleted, or a part has no price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monthly_usd: Option<f64>,
    /// Before the run; `None` as above, or if it does not exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monthly_usd_now: Option<f64>,
    /// The parts of it that are billed and have no price in the table, before or after the run.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub no_price_for: BTreeSet<String>,
}

/// The planned change of one resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedChange {
    /// The change.
    pub action: PlannedAction,
    /// The type of resource as in CloudFormation, such as `AWS::EC2::VPC`.
    pub resource_type: String,
    /// Its name, if the resource has a name for people.
    pub name: Option<String>,
    /// Its id or ARN; [`KNOWN_AFTER_APPLY`] if it does not exist.
    pub id: String,
    /// The fields that differ, if it is updated or has a new revision.
    pub fields: Vec<Difference>,
    /// The path of the state that changes it.
    pub state: String,
    /// Its cost.
    #[serde(flatten)]
    pub cost: ResourceCost,
    /// The input of the step, from which its price is computed.
    #[serde(skip)]
    pub settings: Value,
}

/// A wait of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedWait {
    /// The path of the state that waits.
    pub state: String,
    /// The current reason for the wait; `None` if the resource does not exist yet.
    pub reason: Option<String>,
    /// The usual duration in seconds: the shortest and the longest.
    pub usual_seconds: Option<(u32, u32)>,
}

/// The failure of a wait that no change of the plan prevents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedFailure {
    /// The error's name, such as `Flow.Failed`.
    pub error: String,
    /// The cause, and what a person can do about it.
    pub cause: String,
}

/// The reports of all steps of an execution.
#[derive(Debug, Clone, Default)]
pub struct Planned {
    /// Every resource, in the order in which the steps reach it.
    pub changes: Vec<PlannedChange>,
    /// Every wait.
    pub waits: Vec<PlannedWait>,
    /// Every action that the steps need, as IAM actions.
    pub actions: BTreeSet<String>,
    /// The parts of the input that have no effect, and the facts that could not be checked, each in a sentence.
    pub notes: Vec<String>,
    /// The resources that are not deleted, each with the reason.
    pub stays: Vec<String>,
    /// Why the run would fail in a wait. The plan has the later steps too.
    pub failure: Option<PlannedFailure>,
}

/// The steps of an environment for one execution that makes a plan.
pub struct PlannedSteps {
    registry: Registry,
    record: Arc<PlanRecord>,
}

impl PlannedSteps {
    /// Steps that read in `environment` and change nothing.
    pub fn new(environment: &Environment) -> Self {
        let record = Arc::new(PlanRecord::default());
        let registry = crate::registry(Arc::new(environment.for_plan(record.clone())));
        PlannedSteps { registry, record }
    }

    /// The reports so far.
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

/// A step that reports what it would change.
struct PlannedStep {
    inner: Arc<dyn Step>,
    description: StepDescription,
    record: Arc<PlanRecord>,
}

impl PlannedStep {
    fn only_reads(&self) -> bool {
        self.description.actions.iter().all(|action| is_read(action))
    }

    /// Ends the step without a result: its output is generated from its schema.
    fn end_with_wait(&self, context: &StepContext, input: &Value, reason: Option<String>) -> StepResult<Value> {
        let name = &self.description.name;
        let usual_seconds = waits::usual_seconds(name);
        // A search for something that does not exist yet is no wait.
        if reason.is_some() || usual_seconds.is_some() || name.contains(WAITS) {
            let reason = reason.filter(|reason| !reason.is_empty());
            self.record.wait(PlannedWait { state: context.state_path.clone(), reason, usual_seconds });
        }
        Ok(Answer::done(self.made_up_output(input)))
    }

    /// An output with the settings that the plan gives to the resources in the input.
    fn made_up_output(&self, input: &Value) -> Value {
        let mut fields = self.record.settings_after(self.service(), &output::names(input));
        fields.extend(input.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())));
        output::of_schema(&self.description.output_schema, &Value::Object(fields))
    }

    /// The service of the step, such as `ecs`.
    fn service(&self) -> &str {
        self.description.name.split(':').next().unwrap_or_default()
    }

    /// Whether the step waits for a resource that the plan creates. An earlier resource of the name, such as an INACTIVE service, is
    /// not the one that it waits for.
    fn waits_for_something_created(&self, input: &Value) -> bool {
        self.description.name.contains(WAITS) && self.record.creates_in(self.service(), &output::names(input))
    }

    fn end(&self, context: &StepContext, input: &Value, done: Done<Value>) -> StepResult<Value> {
        let (calls, differences) = self.record.end_step();
        self.record.remarks(&done.output);
        let usual_seconds = waits::usual_seconds(&self.description.name);
        if usual_seconds.is_some() && self.record.updates_any_of(&output::names(input)) {
            // The resource is ready now, but not for some time after the update.
            self.record.wait(PlannedWait { state: context.state_path.clone(), reason: None, usual_seconds });
        }
        let mut output = if calls.is_empty() { done.output } else { output::without_gaps(done.output) };
        if self.only_reads() {
            // AWS has the earlier values until the run updates them.
            output::replace(&mut output, self.record.updated_settings(self.service(), &output::names(input)));
        }
        let mut changes = done.changes;
        for resource_change in &mut changes {
            if resource_change.id.is_empty() {
                resource_change.id = KNOWN_AFTER_APPLY.to_owned();
            }
            self.record.changed_by(self.service(), &resource_change.resource_type);
            self.record.change(planned_change(context, input, resource_change, &differences));
        }
        Ok(Answer::Done(Done { output, changes }))
    }
}

fn planned_change(
    context: &StepContext,
    input: &Value,
    resource_change: &ResourceChange,
    differences: &[Difference],
) -> PlannedChange {
    let action = match resource_change.action {
        ChangeAction::Created => PlannedAction::Create,
        ChangeAction::Adopted => PlannedAction::Adopt,
        ChangeAction::Updated => PlannedAction::Update,
        ChangeAction::Unchanged => PlannedAction::Unchanged,
        ChangeAction::Deleted => PlannedAction::Delete,
    };
    let differs = matches!(action, PlannedAction::Update | PlannedAction::Create);
    PlannedChange {
        action,
        resource_type: resource_change.resource_type.clone(),
        name: resource_change.name.clone(),
        id: resource_change.id.clone(),
        fields: if differs { differences.to_vec() } else { Vec::new() },
        state: context.state_path.clone(),
        cost: ResourceCost::default(),
        settings: input.clone(),
    }
}

#[async_trait]
impl Step for PlannedStep {
    fn description(&self) -> StepDescription {
        self.description.clone()
    }

    async fn poll(&self, context: StepContext, input: Value) -> StepResult<Value> {
        // One step runs at a time, so that recorded calls belong to it.
        let _turn = self.record.begin_step(&self.description.actions).await;
        if self.only_reads() && (output::has_unknown(&input) || self.waits_for_something_created(&input)) {
            return self.end_with_wait(&context, &input, None);
        }
        // A plan has made no call earlier, even if a read is repeated.
        let first = StepContext { attempt: 1, poll: 1, ..context.clone() };
        match self.inner.poll(first, input.clone()).await {
            Ok(Answer::Done(done)) => self.end(&context, &input, done),
            Ok(Answer::Pending(pending)) => self.end_with_wait(&context, &input, Some(pending.reason)),
            Err(error) if self.is_of_something_planned(&error, &input) && self.only_reads() => {
                self.end_with_wait(&context, &input, None)
            }
            Err(error) if self.is_of_something_planned(&error, &input) => Ok(Answer::done(self.made_up_output(&input))),
            // The client for reads has repeated the call already. A plan does not spend minutes on retries.
            Err(error) if error.class == ErrorClass::Unknown => {
                Err(StepError { name: Some(NO_ANSWER.to_owned()), ..error })
            }
            Err(error) if error.class == ErrorClass::Failed && self.description.name.contains(WAITS) => {
                let cause = match &error.hint {
                    Some(hint) => format!("{}. {hint}", error.cause.trim_end_matches('.')),
                    None => error.cause.clone(),
                };
                self.record.fails(PlannedFailure { error: error.error_name().to_owned(), cause });
                // The later steps are planned too, so that one failure does not hide what else differs.
                self.end_with_wait(&context, &input, None)
            }
            Err(error) => Err(error),
        }
    }
}

impl PlannedStep {
    /// Whether the error reports that the service does not have a resource which the plan creates.
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
