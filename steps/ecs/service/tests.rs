#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;

fn input() -> CreateService {
    CreateService {
        deployment: "demo".into(),
        name: "demo".into(),
        cluster_arn: "arn:cluster".into(),
        task_definition_arn: "arn:task-definition/demo:2".into(),
        subnet_ids: vec!["subnet-1".into(), "subnet-2".into()],
        group_ids: vec!["sg-1".into()],
        target_group_arn: "arn:tg".into(),
        container_name: "endpoints".into(),
        container_port: 8080,
        desired_count: 1,
    }
}

fn service(state: DeploymentRolloutState) -> aws_sdk_ecs::types::builders::ServiceBuilder {
    Service::builder()
        .task_definition("arn:task-definition/demo:2")
        .desired_count(1)
        .network_configuration(network(&input()).unwrap())
        .load_balancers(LoadBalancer::builder().target_group_arn("arn:tg").build())
        .deployments(Deployment::builder().status("PRIMARY").rollout_state(state).build())
}

#[test]
fn a_service_that_its_circuit_breaker_stopped_is_started_again() {
    assert!(last_deployment_failed(&service(DeploymentRolloutState::Failed).build()));
    assert!(!last_deployment_failed(&service(DeploymentRolloutState::InProgress).build()));
    assert!(is_as_wanted(&service(DeploymentRolloutState::Failed).build(), &input()));
}

#[test]
fn a_new_revision_or_a_lost_public_address_is_brought_out() {
    let existing = service(DeploymentRolloutState::Completed).build();
    assert!(is_as_wanted(&existing, &input()));
    let newer = CreateService { task_definition_arn: "arn:task-definition/demo:3".into(), ..input() };
    assert!(!is_as_wanted(&existing, &newer));
    let mut private = existing;
    let vpc = private.network_configuration.as_mut().and_then(|network| network.awsvpc_configuration.as_mut()).unwrap();
    vpc.assign_public_ip = Some(AssignPublicIp::Disabled);
    assert!(!is_as_wanted(&private, &input()));
}

#[test]
fn a_service_that_was_rolled_back_is_updated_again() {
    let earlier = Deployment::builder()
        .status("PRIMARY")
        .rollout_state(DeploymentRolloutState::Completed)
        .task_definition("arn:task-definition/demo:1");
    let existing = service(DeploymentRolloutState::Failed).set_deployments(Some(vec![earlier.build()])).build();
    assert!(!is_as_wanted(&existing, &input()));
}

#[test]
fn another_target_group_is_refused_and_not_ignored() {
    let existing = service(DeploymentRolloutState::Completed).build();
    let other = CreateService { target_group_arn: "arn:other".into(), ..input() };
    assert_eq!(refuse_what_cannot_change(&existing, &other).unwrap_err().class, ErrorClass::Invalid);
}

#[test]
fn only_a_target_group_of_this_execution_is_waited_for() {
    let cause = "The target group with targetGroupArn arn:tg does not have an associated load balancer.";
    let failure = StepError::new(ErrorClass::Invalid, cause);
    let mut context = StepContext::for_test("Create the service");
    assert_eq!(not_consistent_yet(&context, &input(), failure.clone()).class, ErrorClass::Invalid);
    context.created = Arc::new([("arn:tg".to_owned(), 0)].into());
    assert_eq!(not_consistent_yet(&context, &input(), failure).class, ErrorClass::NotConsistentYet);
    let role = StepError::new(ErrorClass::Invalid, "Unable to assume the service linked role. Please verify …");
    assert_eq!(not_consistent_yet(&context, &input(), role).class, ErrorClass::NotConsistentYet);
}

#[test]
fn a_plan_names_a_rollback_only_where_ecs_says_that_it_made_one() {
    let event = ServiceEvent::builder().message("(service demo) rolling back to deployment ecs-svc/1.").build();
    let rolled_back = service(DeploymentRolloutState::Completed).events(event).build();
    let (earlier, wanted) = ("arn:task-definition/demo:1", "arn:task-definition/demo:2");
    assert!(is_rolled_back(&rolled_back, earlier, wanted));
    assert!(!is_rolled_back(&rolled_back, earlier, crate::planned::KNOWN_AFTER_APPLY), "the revision is new");
    assert!(!is_rolled_back(&service(DeploymentRolloutState::Completed).build(), earlier, wanted));
}
