#![allow(clippy::unwrap_used, clippy::expect_used)]

use aws_sdk_elasticloadbalancingv2::types::TargetHealth;

use super::*;

const REVISION: &str = "arn:aws:ecs:eu-central-1:1:task-definition/demo";

fn context() -> StepContext {
    StepContext::for_test("Wait until the service is stable and its targets are healthy")
}

fn input() -> WaitForService {
    WaitForService {
        cluster_arn: "arn:cluster".into(),
        service_name: "demo".into(),
        task_definition_arn: format!("{REVISION}:2"),
        target_group_arn: "arn:tg".into(),
        log_group: "/ecs/demo".into(),
    }
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
    let waiting = DeploymentProgress::OnTheWay("COMPLETED 1/1 running, 0 healthy".into());
    assert_eq!(progress(&context(), &input(), &completed, &[]), waiting);
    assert_eq!(progress(&context(), &input(), &completed, &[target(TargetHealthStateEnum::Initial)]), waiting);
    let stable = StableService { running_count: 1, desired_count: 1, healthy_targets: 1 };
    let healthy = [target(TargetHealthStateEnum::Healthy), target(TargetHealthStateEnum::Draining)];
    assert_eq!(progress(&context(), &input(), &completed, &healthy), DeploymentProgress::Stable(stable));
}

#[test]
fn healthy_targets_of_the_old_revision_do_not_count_as_done() {
    let old = Deployment::builder().status("ACTIVE").rollout_state(DeploymentRolloutState::Completed).build();
    let replacing = service(1, DeploymentRolloutState::InProgress).deployments(old).build();
    let found = progress(&context(), &input(), &replacing, &[target(TargetHealthStateEnum::Healthy)]);
    assert_eq!(found, DeploymentProgress::OnTheWay("IN_PROGRESS 1/1 running, 1 healthy".into()));
}

#[test]
fn a_failed_deployment_ends_the_wait_at_once() {
    let failed = service(0, DeploymentRolloutState::Failed).build();
    let expected = DeploymentProgress::Failed("its deployment is FAILED: tasks failed to start".into());
    assert_eq!(progress(&context(), &input(), &failed, &[]), expected);
}

fn deployment(status: &str, revision: u32, state: DeploymentRolloutState) -> Deployment {
    let reason = "ECS deployment circuit breaker: tasks failed to start.";
    let deployment = Deployment::builder().status(status).task_definition(format!("{REVISION}:{revision}"));
    deployment.rollout_state(state).rollout_state_reason(reason).build()
}

/// The service after ECS rolled back from revision 3 to revision 2.
fn rolled_back() -> Service {
    let earlier = deployment("PRIMARY", 2, DeploymentRolloutState::Completed);
    service(1, DeploymentRolloutState::Completed).set_deployments(Some(vec![earlier])).build()
}

#[test]
fn a_rollback_is_no_success_in_any_run_until_it_is_repaired() {
    let wanted = WaitForService { task_definition_arn: format!("{REVISION}:3"), ..input() };
    let healthy = [target(TargetHealthStateEnum::Healthy)];
    let mut later = context();
    let waiting = DeploymentProgress::OnTheWay("the new deployment is not listed yet".into());
    assert_eq!(progress(&later, &wanted, &rolled_back(), &healthy), waiting);
    // Revision 3 was registered by an earlier execution.
    later.now_ms = 61_000;
    let found = progress(&later, &wanted, &rolled_back(), &healthy);
    assert!(matches!(&found, DeploymentProgress::Failed(reason) if reason.contains("demo:2 and not")), "{found:?}");
    let mut while_it_is_listed = rolled_back();
    let failed = deployment("ACTIVE", 3, DeploymentRolloutState::Failed);
    while_it_is_listed.deployments.as_mut().unwrap().push(failed);
    let found = progress(&context(), &wanted, &while_it_is_listed, &healthy);
    assert!(matches!(&found, DeploymentProgress::Failed(reason) if reason.contains("circuit breaker")), "{found:?}");
}

#[test]
fn a_failed_deployment_before_the_one_that_repairs_it_is_history() {
    let mut repaired = rolled_back();
    let deployments = repaired.deployments.as_mut().unwrap();
    deployments.push(deployment("ACTIVE", 1, DeploymentRolloutState::Failed));
    let found = progress(&context(), &input(), &repaired, &[target(TargetHealthStateEnum::Healthy)]);
    assert!(matches!(found, DeploymentProgress::Stable(_)), "{found:?}");
}

#[test]
fn what_aws_knows_is_said_before_the_deadline_and_not_lost_with_it() {
    let mut context = context();
    assert!(!is_last_poll(&context, Duration::from_secs(30)));
    context.deadline_ms = Some(30_000);
    assert!(is_last_poll(&context, Duration::from_secs(30)));
    assert!(!is_last_poll(&context, Duration::from_secs(14)));
}

#[test]
fn a_time_out_reports_the_last_event_of_a_wait_that_takes_longer_than_usual() {
    let event = ServiceEvent::builder().message("(service demo) is unhealthy in its target group.").build();
    let late = service(0, DeploymentRolloutState::InProgress).events(event).build();
    let mut context = context();
    assert_eq!(with_last_event("IN_PROGRESS".into(), &context, &late), "IN_PROGRESS");
    context.now_ms = context.first_poll_ms + 181_000;
    let said = with_last_event("IN_PROGRESS".into(), &context, &late);
    assert_eq!(said, "IN_PROGRESS; last event: (service demo) is unhealthy in its target group.");
}
