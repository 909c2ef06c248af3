//! Finds everything that belongs to a deployment. Each service finds its own resources, and its own steps delete them. The order of
//! deletes is that of the sections of `workflows/endpoints-aws-teardown`.

mod first_check;
mod last_check;

use std::sync::Arc;

use engine::step::{Answer, Registry, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    Environment, SERVICES,
    service::{Found, actions_of},
};

pub(crate) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    first_check::register(registry, environment);
    last_check::register(registry, environment);
    step!(
        registry,
        environment,
        "teardown:find",
        "Finds everything that carries the deployment's tag, in every service, and the DNS records that lead to it.",
        actions_of(|service| service.find_actions()),
        find
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Find {
    deployment: String,
}

async fn find(environment: Arc<Environment>, _context: StepContext, input: Find) -> StepResult<Found> {
    find_all(&environment, &input.deployment).await.map(Answer::done)
}

async fn find_all(environment: &Environment, deployment: &str) -> Result<Found, StepError> {
    let mut found = Found::default();
    for service in SERVICES {
        service.find(environment, deployment, &mut found).await?;
    }
    let private_key = environment.keys_directory().join(format!("{deployment}-bastion.pem"));
    if private_key.exists() {
        found.stays.push(format!("private key file {} on this machine", private_key.display()));
    }
    found.total = found.count();
    Ok(found)
}
