//! STS: the caller's identity.

use std::sync::Arc;

use engine::step::{Answer, Registry, StepContext, StepResult};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{Environment, environment::CallerIdentity};

pub(crate) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "sts:getCallerIdentity",
        "Says which account and identity the credentials belong to.",
        ["sts:GetCallerIdentity"],
        get_caller_identity
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NoInput {}

async fn get_caller_identity(
    environment: Arc<Environment>,
    _context: StepContext,
    _input: NoInput,
) -> StepResult<CallerIdentity> {
    Ok(Answer::done(environment.identity().await?))
}
