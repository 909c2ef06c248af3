//! The check that precedes the first deletion: what AWS would refuse only when a part of the deployment is deleted already.

use std::sync::Arc;

use engine::step::{Answer, ErrorClass, Registry, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Environment, SERVICES, rds::FinalSnapshot, service::actions_of};

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

// Doc comments of input and output are part of a step's schema.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CheckDeletions {
    pub(crate) deployment: String,
    /// Whether to keep a last snapshot of each database.
    pub(crate) final_snapshot: FinalSnapshot,
    pub(crate) database_identifiers: Vec<String>,
    pub(crate) instance_ids: Vec<String>,
    pub(crate) group_ids: Vec<String>,
    pub(crate) subnet_ids: Vec<String>,
    pub(crate) vpc_ids: Vec<String>,
}

#[derive(Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CheckedDeletions {
    /// The data that is lost, each in a sentence.
    notes: Vec<String>,
    /// The resources that the deletions leave, as far as a plan can find them; a run names them at its end.
    stays: Vec<String>,
}

/// The findings of the services about the deletions.
#[derive(Debug, Default)]
pub(crate) struct DeletionFindings {
    /// The obstacles to the deletions, each in a sentence.
    pub(crate) problems: Vec<String>,
    /// The data that is lost, each in a sentence.
    pub(crate) notes: Vec<String>,
    /// The resources that the deletions leave, as far as a plan can find them.
    pub(crate) stays: Vec<String>,
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

#[cfg(test)]
impl CheckDeletions {
    /// An input for tests.
    pub(crate) fn example() -> Self {
        CheckDeletions {
            deployment: "demo".into(),
            final_snapshot: FinalSnapshot::Decided(true),
            database_identifiers: vec!["demo-db".into()],
            instance_ids: Vec::new(),
            group_ids: Vec::new(),
            subnet_ids: Vec::new(),
            vpc_ids: Vec::new(),
        }
    }
}
