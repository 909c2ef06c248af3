//! Plans: the steps report what they would change, and change nothing.
//!
//! The same functions run as in an execution. Reads reach AWS. Every call for a change goes through `NoConnection`,
//! which records it and answers it empty. Fields that the service would have returned, such as the id of a VPC, are
//! [`KNOWN_AFTER_APPLY`] in all later inputs.

mod output;
mod permissions;
mod price;
mod waits;

use std::sync::Arc;

use async_trait::async_trait;
use engine::step::{
    Answer, ChangeAction, Done, ErrorClass, Registries, Registry, Resource, ResourceChange, Step, StepContext,
    StepDescription, StepError, StepResult,
};
use serde_json::Value;

pub use crate::planned::{
    Bill, KNOWN_AFTER_APPLY, Planned, PlannedAction, PlannedChange, PlannedFailure, PlannedWait, Price, Prices,
    ResourceCost, SettingDifference,
};
use crate::{
    Environment, SERVICES,
    planned::{PlanRecord, is_read},
};
pub use permissions::{PermissionQuestion, denied_actions};
pub use waits::usual_wait;

/// A part of the name of every step that only waits.
const WAITS: &str = ":waitFor";
/// The error name of a read without an answer. No rule retries it.
pub const NO_ANSWER: &str = "Flow.NoAnswer";
/// The modules without a [`Service`](crate::service::Service) whose steps make changes only through the clients for
/// changes. The steps of every service do.
const PLANNABLE: [&str; 6] = ["dns", "https", "preflight", "ssh", "sts", "teardown"];

/// Whether the step of a `Resource` can report what it would change: it calls AWS only through the clients of an
/// [`Environment`].
pub fn is_plannable(resource: &str) -> bool {
    let Resource::Step { service, .. } = Resource::parse(resource) else { return false };
    PLANNABLE.contains(&service) || SERVICES.iter().any(|known| known.name() == service)
}

/// The answer to a call for a change by the service whose steps require fields in it.
fn answer_of_service(operation: &str) -> Option<String> {
    SERVICES.iter().find_map(|service| service.answer_in_plan(operation))
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
        let registry = crate::registry(Arc::new(environment.for_plan(record.clone(), answer_of_service)));
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
            self.record.record_wait(PlannedWait { state: context.state_path.clone(), reason, usual_seconds });
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
        self.record.record_remarks(&done.output);
        let usual_seconds = waits::usual_seconds(&self.description.name);
        if usual_seconds.is_some() && self.record.updates_any_of(&output::names(input)) {
            // The resource is ready now, but not for some time after the update.
            self.record.record_wait(PlannedWait { state: context.state_path.clone(), reason: None, usual_seconds });
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
            self.record.record_service(self.service(), &resource_change.resource_type);
            self.record.record_change(planned_change(context, input, resource_change, &differences));
        }
        Ok(Answer::Done(Done::new(output, changes)))
    }
}

fn planned_change(
    context: &StepContext,
    input: &Value,
    resource_change: &ResourceChange,
    differences: &[SettingDifference],
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
        let _step = self.record.begin_step(&self.description.actions).await;
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
                self.record.record_failure(PlannedFailure { error: error.error_name().to_owned(), cause });
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
