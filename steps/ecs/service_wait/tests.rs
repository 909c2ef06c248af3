#![allow(clippy::unwrap_used, clippy::expect_used)]

use aws_sdk_elasticloadbalancingv2::types::TargetHealth;

use super::*;

const REVISION: &str = "arn:aws:ecs:eu-central-1:1:task-definition/demo";

fn context() -> StepContext {
    StepContext::for_test("Wait until the service is stable and its targets are healthy")
}

fn service(running: i32, state: DeploymentRolloutState) -> aws_sdk_ecs::types::builders::ServiceBuilder {
    let primary =
        Deployment::builder().status("PRIMARY").rollout_state(state).rollout_state_reason("tasks failed to start");
    Service::builder()
        .status("ACTIVE")
        .task_definition(format!("{REVISION}:2"))
        .desired_count(1)
        .running_count(running)
        .deployments(primary.build())
}

fn target(state: TargetHealthStateEnum) -> TargetHealthDescription {
    let health = TargetHealth::builder().state(state).build();
    TargetHealthDescription::builder().target_health(health).build()
}

#[test]
fn a_running_service_without_healthy_targets_is_not_done() {
    let completed = service(1, DeploymentRolloutState::Completed).build();
    let waiting = Progress::OnTheWay("COMPLETED 1/1 running, 0 healthy".into());
    assert_eq!(progress(&context(), &completed, &[]), waiting);
    assert_eq!(progress(&context(), &completed, &[target(TargetHealthStateEnum::Initial)]), waiting);
    let stable = StableService { running_count: 1, desired_count: 1, healthy_targets: 1 };
    let healthy = [target(TargetHealthStateEnum::Healthy), target(TargetHealthStateEnum::Draining)];
    assert_eq!(progress(&context(), &completed, &healthy), Progress::Stable(stable));
}

#[test]
fn healthy_targets_of_the_old_revision_do_not_count_as_done() {
    let old = Deployment::builder().status("ACTIVE").rollout_state(DeploymentRolloutState::Completed).build();
    let replacing = service(1, DeploymentRolloutState::InProgress).deployments(old).build();
    let found = progress(&context(), &replacing, &[target(TargetHealthStateEnum::Healthy)]);
    assert_eq!(found, Progress::OnTheWay("IN_PROGRESS 1/1 running, 1 healthy".into()));
}

#[test]
fn a_failed_deployment_ends_the_wait_at_once() {
    let failed = service(0, DeploymentRolloutState::Failed).build();
    let expected = Progress::Failed("its deployment is FAILED: tasks failed to start".into());
    assert_eq!(progress(&context(), &failed, &[]), expected);
}

#[test]
fn a_rollback_that_became_stable_is_not_taken_for_success() {
    let mut context = context();
    context.created = Arc::new([(format!("{REVISION}:3"), 0)].into());
    let back = service(1, DeploymentRolloutState::Completed).build();
    let found = progress(&context, &back, &[target(TargetHealthStateEnum::Healthy)]);
    assert!(matches!(&found, Progress::Failed(reason) if reason.contains("demo:3")), "{found:?}");
    context.created = Arc::new([(format!("{REVISION}:2"), 0)].into());
    let found = progress(&context, &back, &[target(TargetHealthStateEnum::Healthy)]);
    assert!(matches!(found, Progress::Stable(_)), "{found:?}");
}

#[test]
fn what_aws_knows_is_said_before_the_deadline_and_not_lost_with_it() {
    let mut context = context();
    assert!(!is_last_look(&context, Duration::from_secs(30)));
    context.deadline_ms = Some(30_000);
    assert!(is_last_look(&context, Duration::from_secs(30)));
    assert!(!is_last_look(&context, Duration::from_secs(29)));
}
