//! `--plan`, `--plan-file`, and the plan that is shown before asking for consent.

use api::flow::{ListExecutions, ListRequest};
use rehearsal::World;
use serde_json::Value;

use super::{
    RunArguments,
    plan::{Caller, Plan},
};
use crate::{
    environments::{Environments, Location, Pinned},
    exit::{CliError, Exit},
    owner::Handle,
    planning::{self, Question, Refusal, SavedPlan, WorkflowPlan},
    proposed::OPTIONS,
    shell::quote_name,
};

/// A plan, with the part that is compared with a saved one.
pub struct MadePlan {
    /// The plan.
    pub plan: WorkflowPlan,
    /// The form that a plan file contains.
    pub saved: SavedPlan,
}

impl MadePlan {
    /// Adds the fields of the plan to the line of type `plan`.
    pub fn add_to(&self, line: &mut Value) {
        let more = [self.plan.json(), serde_json::to_value(&self.saved).unwrap_or_default()];
        for (name, value) in more.into_iter().filter_map(|more| more.as_object().cloned()).flatten() {
            line[name] = value;
        }
    }
}

/// Reads the file of `--plan-file`, and sets the workflow and the input of the arguments from it.
///
/// # Errors
/// The file contains no plan, or one of another workflow than the arguments name.
pub fn read_file(arguments: &mut RunArguments) -> Result<Option<SavedPlan>, CliError> {
    let Some(file) = &arguments.plan_file else { return Ok(None) };
    let saved = SavedPlan::read(file)?;
    if !arguments.workflow.is_empty() && arguments.workflow != saved.workflow {
        let message = format!("{file} is a plan of {}, not of {}", saved.workflow, arguments.workflow);
        return Err(CliError::refused(message));
    }
    arguments.workflow.clone_from(&saved.workflow);
    arguments.input = Some(saved.input.to_string());
    Ok(Some(saved))
}

/// Makes the plan if it is requested or a person is about to be asked, and if the steps can plan.
///
/// # Errors
/// The plan cannot be made.
pub async fn make(
    environments: &Environments,
    arguments: &RunArguments,
    plan: &Plan,
    pinned: &Pinned,
    caller: Option<&Caller>,
) -> Result<Option<MadePlan>, CliError> {
    let asks = !arguments.yes && !arguments.rehearse;
    let wanted = arguments.plan || arguments.plan_file.is_some() || asks;
    if !wanted || !planning::is_possible(&plan.definition) {
        return Ok(None);
    }
    let region = match &pinned.location {
        Location::Aws { region, .. } => region.clone(),
        Location::Rehearsal { .. } => {
            World::read(environments.home().folder()).ok().flatten().map(|world| world.region)
        }
    };
    let region = region.unwrap_or_default();
    let caller_arn = caller.map(|caller| caller.arn.as_str());
    let (definition, input) = (&plan.definition, &plan.input);
    let question = Question { definition, input, pinned, caller_arn, region: region.clone() };
    let mut made = planning::make(environments, &question).await?;
    if made.refusal.is_none() {
        made.refusal = busy(environments, arguments, plan).await?;
    }
    let identity = (plan.name.as_str(), &*plan.definition.definition().hash);
    let account = pinned.account.as_ref().map(|account| account.account_id.clone());
    let saved = SavedPlan::of(identity, input, (account, &region), &made);
    Ok(Some(MadePlan { plan: made, saved }))
}

/// The refusal of a run whose subject another execution works on, as the engine refuses it when the run starts.
async fn busy(environments: &Environments, arguments: &RunArguments, plan: &Plan) -> Result<Option<Refusal>, CliError> {
    let Some(subject) = &plan.subject else { return Ok(None) };
    let store = Handle::read(environments.home()).await?;
    let request = ListRequest { unfinished: true, ..ListRequest::default() };
    let unfinished = store.call::<ListExecutions>(request).await?.executions;
    let is_other = |id: &str| arguments.id.as_deref() != Some(id);
    let other = unfinished.iter().find(|other| other.subject.as_ref() == Some(subject) && is_other(&other.id));
    Ok(other.map(|other| Refusal {
        error: api::SUBJECT_BUSY.to_owned(),
        cause: format!(
            "{id} works on {subject} and has not ended: flow resume {id}{OPTIONS} continues it, and flow cancel {id}{OPTIONS} ends it",
            id = quote_name(&other.id)
        ),
    }))
}

/// Refuses a run whose plan predicts a failure or differs from the saved plan.
///
/// # Errors
/// As described; exit code 3.
pub fn refuse(made: Option<&MadePlan>, saved: Option<&SavedPlan>) -> Result<(), CliError> {
    let Some(made) = made else {
        return match saved {
            Some(_) => Err(CliError::new(
                Exit::Refused,
                "the plan cannot be applied: this workflow has steps that cannot plan; nothing was changed",
            )),
            None => Ok(()),
        };
    };
    if let Some(saved) = saved {
        return saved.refuse_other(&made.saved);
    }
    match &made.plan.refusal {
        Some(refusal) => Err(CliError::refused(format!("{}: {}", refusal.error, refusal.cause))),
        None => Ok(()),
    }
}
