//! Waits until the service is stable and its targets are healthy.

use std::{sync::Arc, time::Duration};

use aws_sdk_ecs::types::{Deployment, DeploymentRolloutState, Service, ServiceEvent};
use aws_sdk_elasticloadbalancingv2::types::{TargetHealthDescription, TargetHealthStateEnum};
use engine::step::{Answer, ErrorClass, Registry, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ACTIVE, evidence, find_service, service_arn};
use crate::{Environment, elbv2::target_health, failure::poll_again_or, outcome::is_last_poll};

/// The usual time of a roll-out: two to six minutes.
const TYPICAL_ROLLOUT: Duration = Duration::from_secs(180);

/// The time for which ECS may list a service without its update (Amazon ECS API Reference, "Eventual consistency").
const UPDATE_LISTED_WITHIN: Duration = Duration::from_secs(60);
/// The status of the deployment that ECS currently rolls out.
const PRIMARY: &str = "PRIMARY";

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "ecs:waitForService",
        "Waits until the service is stable and its targets are healthy; a failure says what AWS knows about it.",
        [
            "ecs:DescribeServices",
            "ecs:ListTasks",
            "ecs:DescribeTasks",
            "elasticloadbalancing:DescribeTargetHealth",
            "logs:DescribeLogStreams",
            "logs:GetLogEvents",
        ],
        wait_for_service
    );
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct WaitForService {
    pub(super) cluster_arn: String,
    pub(super) service_name: String,
    /// The revision that the service is to run.
    pub(super) task_definition_arn: String,
    pub(super) target_group_arn: String,
    /// The log group of the tasks.
    pub(super) log_group: String,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct StableService {
    running_count: i32,
    desired_count: i32,
    healthy_targets: usize,
}

/// The progress of the service.
#[derive(Debug, PartialEq)]
enum DeploymentProgress {
    Stable(StableService),
    /// In progress, in a few words.
    OnTheWay(String),
    /// Failed and not recoverable without intervention, with the reason.
    Failed(String),
}

async fn wait_for_service(
    environment: Arc<Environment>,
    context: StepContext,
    input: WaitForService,
) -> StepResult<StableService> {
    if let Some(later) =
        context.first_poll_after(&service_arn(&input.cluster_arn, &input.service_name), TYPICAL_ROLLOUT)
    {
        return Ok(Answer::pending(DeploymentRolloutState::InProgress.as_str(), later));
    }
    let service = match find_service(&environment, &context, &input.cluster_arn, &input.service_name).await {
        Ok(Some(service)) => service,
        Ok(None) => {
            let cause = format!("there is no service {} in {}", input.service_name, input.cluster_arn);
            return Err(StepError::new(ErrorClass::NotFound, cause).during("ecs:DescribeServices"));
        }
        Err(error) => return poll_again_or(error, &context),
    };
    // Without running tasks no target can be healthy.
    let targets = match service.running_count() {
        0 => Vec::new(),
        _ => match target_health(&environment, &context, &input.target_group_arn).await {
            Ok(targets) => targets,
            Err(error) => return poll_again_or(error, &context),
        },
    };
    let interval = context.poll_towards(TYPICAL_ROLLOUT);
    match progress(&context, &input, &service, &targets) {
        DeploymentProgress::Stable(stable) => Ok(Answer::done(stable)),
        // The update starts another deployment.
        DeploymentProgress::Failed(reason)
            if environment.plans_update_of(&service_arn(&input.cluster_arn, &input.service_name)) =>
        {
            Ok(Answer::pending(reason, interval))
        }
        DeploymentProgress::Failed(reason) => {
            let cause = format!("service {} failed: {reason}", input.service_name);
            Err(evidence::explain(&environment, &context, &input, cause, &service, &targets).await)
        }
        DeploymentProgress::OnTheWay(reason) if is_last_poll(&context, interval) => {
            let cause = format!("service {} is not stable in time: {reason}", input.service_name);
            Err(evidence::explain(&environment, &context, &input, cause, &service, &targets).await)
        }
        DeploymentProgress::OnTheWay(reason) => {
            Ok(Answer::pending(with_last_event(reason, &context, &service), interval))
        }
    }
}

/// Adds the service's last event to the reason of a wait that takes longer than usual. A time-out reports the reason of
/// the last poll.
fn with_last_event(reason: String, context: &StepContext, service: &Service) -> String {
    let waited = Duration::from_millis(context.now_ms.saturating_sub(context.first_poll_ms));
    match service.events().first().and_then(ServiceEvent::message).filter(|_| waited > TYPICAL_ROLLOUT) {
        Some(event) => format!("{reason}; last event: {event}"),
        None => reason,
    }
}

pub(super) fn health(target: &TargetHealthDescription) -> Option<&TargetHealthStateEnum> {
    target.target_health().and_then(|health| health.state())
}

/// Evaluates the PRIMARY deployment only (Amazon ECS API Reference, Deployment): an earlier deployment that failed does not matter. If the
/// PRIMARY deployment has another revision, ECS has rolled back.
fn progress(
    context: &StepContext,
    input: &WaitForService,
    service: &Service,
    targets: &[TargetHealthDescription],
) -> DeploymentProgress {
    if let Some(status) = service.status().filter(|status| *status != ACTIVE) {
        return DeploymentProgress::Failed(format!("it is {status}"));
    }
    let deployments = service.deployments();
    let primary = deployments.iter().find(|deployment| deployment.status() == Some(PRIMARY));
    if let Some(primary) = primary
        && let Some(running) = primary.task_definition().filter(|running| *running != input.task_definition_arn)
    {
        return other_revision(context, input, running, deployments);
    }
    let state = primary.and_then(Deployment::rollout_state);
    if state == Some(&DeploymentRolloutState::Failed) {
        let reason = primary.and_then(Deployment::rollout_state_reason).unwrap_or("AWS gives no reason");
        return DeploymentProgress::Failed(format!("its deployment is FAILED: {reason}"));
    }
    let healthy = targets.iter().filter(|target| health(target) == Some(&TargetHealthStateEnum::Healthy)).count();
    let (running, desired) = (service.running_count(), service.desired_count());
    // A service without a roll-out state, because of its deployment controller, counts as completed.
    let completed = primary.is_some() && state.is_none_or(|state| *state == DeploymentRolloutState::Completed);
    let enough_are_healthy = usize::try_from(desired).is_ok_and(|desired| healthy >= desired);
    if completed && others_are_over(deployments) && running == desired && enough_are_healthy {
        return DeploymentProgress::Stable(StableService {
            running_count: running,
            desired_count: desired,
            healthy_targets: healthy,
        });
    }
    let word = state.map_or("IN_PROGRESS", DeploymentRolloutState::as_str);
    let stopped = primary.map_or(0, Deployment::failed_tasks);
    let stopped = if stopped > 0 { format!(", {stopped} failed") } else { String::new() };
    DeploymentProgress::OnTheWay(format!("{word} {running}/{desired} running, {healthy} healthy{stopped}"))
}

/// Whether all deployments other than the PRIMARY have failed and run no tasks.
fn others_are_over(deployments: &[Deployment]) -> bool {
    deployments.iter().filter(|deployment| deployment.status() != Some(PRIMARY)).all(|other| {
        other.rollout_state() == Some(&DeploymentRolloutState::Failed)
            && other.running_count() == 0
            && other.pending_count() == 0
    })
}

/// The progress if the PRIMARY deployment has another revision than the input.
fn other_revision(
    context: &StepContext,
    input: &WaitForService,
    running: &str,
    deployments: &[Deployment],
) -> DeploymentProgress {
    let wanted = &input.task_definition_arn;
    let of_wanted = deployments.iter().find(|deployment| deployment.task_definition() == Some(wanted.as_str()));
    let waited = Duration::from_millis(context.now_ms.saturating_sub(context.first_poll_ms));
    if of_wanted.is_none() && waited < UPDATE_LISTED_WITHIN {
        return DeploymentProgress::OnTheWay("the new deployment is not listed yet".to_owned());
    }
    let reason = of_wanted.and_then(Deployment::rollout_state_reason).unwrap_or("it did not become stable");
    DeploymentProgress::Failed(format!("ECS runs {running} and not {wanted}, because it rolled back: {reason}"))
}

#[cfg(test)]
mod tests;
