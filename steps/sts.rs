//! STS: who is calling.

use std::sync::Arc;

use engine::step::{Answer, Registry, StepContext, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Environment, failure::failure};

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

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CallerIdentity {
    /// The account's twelve digits.
    account: String,
    arn: String,
    user_id: String,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    partition: String,
    region: String,
}

async fn get_caller_identity(
    environment: Arc<Environment>,
    _context: StepContext,
    _input: NoInput,
) -> StepResult<CallerIdentity> {
    let answer = environment.sts_reads().get_caller_identity().send().await;
    let answer = answer.map_err(|error| failure("sts:GetCallerIdentity", error))?;
    let arn = answer.arn.unwrap_or_default();
    Ok(Answer::done(CallerIdentity {
        account: answer.account.unwrap_or_default(),
        user_id: answer.user_id.unwrap_or_default(),
        partition: arn.split(':').nth(1).unwrap_or("aws").to_owned(),
        region: environment.region().to_owned(),
        arn,
    }))
}
