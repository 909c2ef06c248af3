//! The check that precedes the first deletion: what AWS would refuse only when a part of the deployment is deleted already.

use std::sync::Arc;

use engine::step::{Answer, ErrorClass, Registry, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    Environment, SERVICES,
    service::{CheckDeletions, DeletionFindings, actions_of},
};

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "teardown:checkDeletions",
        "Checks that AWS will delete what was found: others use neither its networks nor its security groups, and snapshots are possible.",
        actions_of(|service| service.deletion_actions()),
        check_deletions
    );
}

#[derive(Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CheckedDeletions {
    /// The data that is lost, each in a sentence.
    notes: Vec<String>,
    /// The resources that the deletions leave, as far as a plan can find them; a run names them at its end.
    stays: Vec<String>,
}

async fn check_deletions(
    environment: Arc<Environment>,
    _context: StepContext,
    input: CheckDeletions,
) -> StepResult<CheckedDeletions> {
    let mut findings = DeletionFindings::default();
    for service in SERVICES {
        service.check_deletions(&environment, &input, &mut findings).await?;
    }
    let DeletionFindings { problems, notes, stays } = findings;
    if problems.is_empty() {
        return Ok(Answer::done(CheckedDeletions { notes, stays }));
    }
    Err(StepError::new(ErrorClass::Invalid, problems.join("; ")))
}
