//! Plans a run: executes the definition in memory with steps that change nothing (`steps::plan`).

mod permissions;
mod price;
mod saved;
mod show;

use std::{sync::Arc, time::Duration};

use api::CheckedDefinition;
use engine::{
    machine::ExecutionHeader,
    runner::{NewExecution, RunnerOptions, SystemClock},
    step::ErrorClass,
    store::{MemoryRecords, Store},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use steps::plan::{NO_ANSWER, Planned, PlannedAction, PlannedChange, PlannedSteps, PlannedWait};

use crate::{
    environments::{Environments, Pinned},
    exit::{CliError, Exit},
};
pub use permissions::Permissions;
pub use price::Cost;
pub use saved::SavedPlan;

/// The time that a plan may take: it makes some hundred reads, one after the other.
const TIME_MAX: Duration = Duration::from_secs(600);

/// The run to plan.
pub struct Question<'a> {
    /// The definition.
    pub definition: &'a CheckedDefinition,
    /// The input, with its defaults.
    pub input: &'a Value,
    /// The environment in which it would act.
    pub pinned: &'a Pinned,
    /// The ARN of the identity that would act; `None` in a rehearsal.
    pub caller_arn: Option<&'a str>,
    /// The region's name.
    pub region: String,
}

/// Why a run would not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// The error's name, such as `Flow.Refused`.
    pub error: String,
    /// The cause; every problem at once if the workflow collects them.
    pub cause: String,
}

impl Refusal {
    /// Whether the run would be refused before any change (exit code 3), or the plan could not be made. Otherwise it would start, and
    /// fail (exit code 1).
    pub fn is_before_changes(&self) -> bool {
        let before = [api::REFUSED, api::SUBJECT_BUSY, NO_ANSWER, ErrorClass::Credentials.error_name()];
        before.contains(&self.error.as_str())
    }
}

/// The plan of a run.
#[derive(Debug, Clone)]
pub struct WorkflowPlan {
    /// Every resource, in the order in which the steps reach it.
    pub changes: Vec<PlannedChange>,
    /// The waits of the run.
    pub waits: Vec<PlannedWait>,
    /// The cost of the deployment after the run.
    pub cost: Cost,
    /// The permissions that the caller needs.
    pub permissions: Permissions,
    /// Why it would fail, if it would.
    pub refusal: Option<Refusal>,
    /// The parts of the input that have no effect, each in a sentence.
    pub notes: Vec<String>,
    /// The resources that are not deleted, each with the reason.
    pub stays: Vec<String>,
}

impl WorkflowPlan {
    /// Whether the run would change nothing.
    pub fn changes_nothing(&self) -> bool {
        self.changes.iter().all(|change| change.action == PlannedAction::Unchanged)
    }

    /// The exit code of `--plan`: 3 if the run would be refused or would fail, else with `detailed` 10 if there are changes.
    pub fn exit(&self, detailed: bool) -> Exit {
        match &self.refusal {
            Some(_) => Exit::Refused,
            None if detailed && !self.changes_nothing() => Exit::Changes,
            None => Exit::Success,
        }
    }
}

/// The exit code of `--plan` for a run of which no plan can be made: with `detailed`, it may make changes.
pub fn exit_without_plan(detailed: bool) -> Exit {
    if detailed { Exit::Changes } else { Exit::Success }
}

/// Whether the steps of a definition can plan: they make changes only through AWS clients.
pub fn is_possible(definition: &CheckedDefinition) -> bool {
    let resources = definition.resources();
    !resources.is_empty() && resources.iter().all(|resource| steps::plan::is_plannable(resource))
}

/// Reads what exists and plans the run.
///
/// # Errors
/// The environment cannot be opened, or the reads take too long.
pub async fn make(environments: &Environments, question: &Question<'_>) -> Result<WorkflowPlan, CliError> {
    let steps = environments.planned(question.pinned).await.map_err(|error| CliError::refused(error.to_string()))?;
    let steps = Arc::new(steps);
    let execution = tokio::time::timeout(TIME_MAX, execute(steps.clone(), question)).await;
    let header = execution.map_err(|_| {
        CliError::refused(format!(
            "the plan took longer than {} s and was given up; nothing was changed",
            TIME_MAX.as_secs()
        ))
    })??;
    let Planned { mut changes, waits, actions, notes, stays, failure } = steps.planned();
    let of_wait = failure.map(|failure| Refusal { error: failure.error, cause: failure.cause });
    let refusal = of_wait.or_else(|| refusal(&header));
    let permissions = permissions::of(environments, question, &actions).await;
    let cost = price::of(&changes, &question.region);
    price::set_costs(&mut changes, &question.region);
    Ok(WorkflowPlan { changes, waits, cost, permissions, refusal, notes, stays })
}

fn refusal(header: &ExecutionHeader) -> Option<Refusal> {
    if header.paused {
        let cause = "the credentials expired while the plan was made; nothing was changed".to_owned();
        return Some(Refusal { error: ErrorClass::Credentials.error_name().to_owned(), cause });
    }
    header.failure.as_ref().map(|failure| Refusal { error: failure.error.clone(), cause: failure.cause.clone() })
}

async fn execute(steps: Arc<PlannedSteps>, question: &Question<'_>) -> Result<ExecutionHeader, CliError> {
    let refused = |error: String| CliError::refused(error);
    let store = Arc::new(Store::new(MemoryRecords::new()).map_err(|error| refused(error.to_string()))?);
    let clock = Arc::new(SystemClock::default());
    let runner = engine::runner::start(store, steps, clock, RunnerOptions::default());
    let (definition, machine) = (question.definition.definition(), question.definition.machine());
    let new = NewExecution {
        machine: Some(machine.clone()),
        ..NewExecution::new("plan", "plan", definition.clone(), question.input.clone())
    };
    let mut follow = runner.follow("plan", 1);
    runner.start_execution(new).await.map_err(|error| refused(error.to_string()))?;
    let header = follow.settled().await.map_err(|error| refused(error.to_string()))?;
    Ok(Arc::unwrap_or_clone(header))
}
