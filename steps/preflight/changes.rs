//! Checks whether the input requires changes that an existing deployment does not support. All of them are refused at
//! once, before any change. What can be changed in place is left to the steps.

use std::sync::Arc;

use engine::step::{Answer, ErrorClass, Registry, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    Environment, SERVICES,
    service::{CheckChanges, Objections, actions_of},
};

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "preflight:checkChanges",
        "Checks that what the deployment has already can become what the input describes.",
        actions_of(|service| service.change_actions()),
        check_changes
    );
}

#[derive(Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CheckedChanges {
    /// The parts of the input that have no effect, each in a sentence.
    notes: Vec<String>,
}

async fn check_changes(
    environment: Arc<Environment>,
    _context: StepContext,
    input: CheckChanges,
) -> StepResult<CheckedChanges> {
    let mut objections = Objections::default();
    for service in SERVICES {
        service.check_changes(&environment, &input, &mut objections).await?;
    }
    let Objections { problems, notes } = objections;
    if problems.is_empty() {
        return Ok(Answer::done(CheckedChanges { notes }));
    }
    Err(StepError::new(ErrorClass::Invalid, problems.join("; ")))
}
