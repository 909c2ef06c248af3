//! Waits until all of Route 53's servers have a change.

use std::{sync::Arc, time::Duration};

use aws_sdk_route53::types::ChangeStatus;
use engine::step::{Answer, Registry, StepContext, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Environment,
    failure::{failure, poll_again_or},
};

/// The usual time until a change reaches all of Route 53's servers.
const TYPICAL_CHANGE: Duration = Duration::from_secs(40);

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "route53:waitForChange",
        "Waits until all of Route 53's servers know of a change.",
        ["route53:GetChange"],
        wait_for_change
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WaitForChange {
    /// None when nothing was changed.
    change_id: Option<String>,
    /// The record, as `recordId` of the step that changed it.
    #[serde(default)]
    record_id: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Synchronised {
    status: String,
}

async fn wait_for_change(
    environment: Arc<Environment>,
    context: StepContext,
    input: WaitForChange,
) -> StepResult<Synchronised> {
    let in_sync = || Answer::done(Synchronised { status: ChangeStatus::Insync.as_str().to_owned() });
    let Some(change_id) = input.change_id else { return Ok(in_sync()) };
    let record_id = input.record_id.as_deref().unwrap_or_default();
    if let Some(later) = context.first_poll_after(record_id, TYPICAL_CHANGE) {
        return Ok(Answer::pending(ChangeStatus::Pending.as_str(), later));
    }
    let answer = match environment.route53_reads().get_change().id(change_id).send().await {
        Ok(answer) => answer,
        Err(error) => return poll_again_or(failure("route53:GetChange", error), &context),
    };
    match answer.change_info.map(|change| change.status) {
        Some(ChangeStatus::Insync) => Ok(in_sync()),
        status => {
            let reason = status.as_ref().map_or("PENDING", ChangeStatus::as_str).to_owned();
            Ok(Answer::pending(reason, context.poll_towards(TYPICAL_CHANGE)))
        }
    }
}
