//! The last check of a teardown. Lists are read several times before a resource is reported as left.

use std::{sync::Arc, time::Duration};

use engine::step::{Answer, ErrorClass, Registry, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Found, find_all};
use crate::{Environment, failure::poll_again_or, outcome::is_last_poll};

/// The time for which a deleted resource may still be listed: seconds in EC2, minutes in services that list by tag.
const LISTED_WITHIN_MS: u64 = 180_000;
const CHECK_AGAIN: Duration = Duration::from_secs(20);
/// The most resources of one kind that a message names.
const NAMED_MAX: usize = 5;

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "teardown:waitForNothingLeft",
        "Waits until no service lists anything of the deployment; what is left after three minutes is a failure.",
        // The actions are those of `teardown:find` and are listed there.
        [],
        wait_for_nothing_left
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WaitForNothingLeft {
    deployment: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct NothingLeft {
    /// The resources that are not deleted, each with the reason.
    stays: Vec<String>,
}

async fn wait_for_nothing_left(
    environment: Arc<Environment>,
    context: StepContext,
    input: WaitForNothingLeft,
) -> StepResult<NothingLeft> {
    if environment.is_planning() {
        // Nothing is deleted, so the lists say nothing about the end of the run.
        return Ok(Answer::pending("", CHECK_AGAIN));
    }
    let found = match find_all(&environment, &input.deployment).await {
        Ok(found) => found,
        Err(error) => return poll_again_or(error, &context),
    };
    let left = named(&found)?;
    if left.is_empty() {
        return Ok(Answer::done(NothingLeft { stays: found.stays }));
    }
    let left = left.join("; ");
    // The engine's time-out would not name it.
    let is_last = is_last_poll(&context, CHECK_AGAIN);
    if !is_last && context.now_ms.saturating_sub(context.first_poll_ms) < LISTED_WITHIN_MS {
        return Ok(Answer::pending(format!("still listed: {left}"), CHECK_AGAIN));
    }
    let cause = format!("still exists, with the tags of {}: {left}", input.deployment);
    // A repetition of this check would find the same: only a new run deletes it.
    let command =
        environment.proposed(&format!("flow run endpoints-aws-teardown --set deployment={}", input.deployment));
    let hint = format!("To delete it:   {command}   , or delete it by hand.");
    Err(StepError::new(ErrorClass::Failed, cause).hint_of_new_execution(hint))
}

/// The kinds of which resources are left, such as `subnetIds: subnet-1, subnet-2`.
fn named(found: &Found) -> Result<Vec<String>, StepError> {
    let found = serde_json::to_value(found).map_err(|error| StepError::new(ErrorClass::Invalid, error.to_string()))?;
    let kinds = found.as_object().into_iter().flatten().filter(|(kind, _)| *kind != "stays");
    let left =
        kinds.filter_map(|(kind, value)| value.as_array().filter(|list| !list.is_empty()).map(|list| (kind, list)));
    Ok(left
        .map(|(kind, list)| {
            let shown =
                list.iter().take(NAMED_MAX).map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned));
            let shown = shown.collect::<Vec<_>>().join(", ");
            let more = list.len().saturating_sub(NAMED_MAX);
            if more > 0 { format!("{kind}: {shown} and {more} more") } else { format!("{kind}: {shown}") }
        })
        .collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_what_is_left_is_named() {
        assert_eq!(named(&Found { stays: vec!["a record".into()], ..Found::default() }).unwrap(), Vec::<String>::new());
        let subnet_ids = (1..=6).map(|n| format!("subnet-{n}")).collect();
        let found = Found { vpc_ids: vec!["vpc-1".into()], subnet_ids, ..Found::default() };
        let left = named(&found).unwrap();
        assert_eq!(left.len(), 2);
        assert!(left.contains(&"vpcIds: vpc-1".to_owned()), "{left:?}");
        assert!(left.iter().any(|line| line.ends_with("subnet-5 and 1 more")), "{left:?}");
    }
}
