//! The service that runs the tasks.

use std::sync::Arc;

use aws_sdk_ecs::types::{
    AssignPublicIp, AwsVpcConfiguration, Deployment, DeploymentCircuitBreaker, DeploymentConfiguration,
    DeploymentRolloutState, LaunchType, LoadBalancer, NetworkConfiguration, Service, ServiceEvent,
};
use engine::step::{Answer, ChangeAction, ErrorClass, Registry, ResourceChange, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ACTIVE, DRAINING, find_service};
use crate::{
    Environment,
    failure::{failure_for, name_taken},
    found_tags,
    outcome::{cannot_change, incomplete_answer, same_set},
    planned::{Bill, Prices},
    tags::{Tags, short_token},
};

pub(super) const RESOURCE_TYPE: &str = "AWS::ECS::Service";
/// ECS accepts at most 36 characters.
const TOKEN_LENGTH: usize = 32;
/// ECS's words for a rollback in events and reasons of deployments (Amazon ECS Developer Guide, "How the Amazon ECS
/// deployment circuit breaker detects failures").
const ROLLED_BACK: [&str; 3] = ["rolling back", "rolled back", "circuit breaker"];
/// The time for which a starting task may be unhealthy: the application first prepares its database.
const HEALTH_CHECK_GRACE_PERIOD_SECONDS: i32 = 300;

/// The monthly price of a service: its tasks and their public addresses.
pub(super) fn monthly_usd(settings: &Value, task: &Value, prices: &Prices) -> Bill {
    let hours = settings["desiredCount"].as_f64().map(|tasks| tasks * prices.hours_per_month());
    let of_tasks = |unit: Option<f64>| Some(hours? * unit? / 1024.0);
    Bill::default()
        .with("CPU of the tasks", of_tasks(task["cpu"].as_f64()), prices.regional("fargateVcpuHour").as_f64())
        .with("memory of the tasks", of_tasks(task["memoryMib"].as_f64()), prices.regional("fargateGibHour").as_f64())
        .with("public addresses", hours, prices.public_address_hour())
}

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "ecs:createService",
        "Creates a Fargate service for the load balancer, or updates an existing one.",
        ["ecs:DescribeServices", "ecs:CreateService", "ecs:UpdateService", "ecs:TagResource", "iam:PassRole"],
        create_service
    );
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateService {
    deployment: String,
    name: String,
    cluster_arn: String,
    task_definition_arn: String,
    subnet_ids: Vec<String>,
    group_ids: Vec<String>,
    target_group_arn: String,
    container_name: String,
    container_port: i32,
    /// The number of tasks.
    desired_count: i32,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CreatedService {
    service_arn: String,
    service_name: String,
}

async fn create_service(
    environment: Arc<Environment>,
    context: StepContext,
    input: CreateService,
) -> StepResult<CreatedService> {
    // Not every creation of an existing name is refused, so the service is searched for first.
    let existing = find_service(&environment, &context, &input.cluster_arn, &input.name).await?;
    match existing.as_ref().and_then(Service::status) {
        Some(ACTIVE) => {}
        Some(DRAINING) => {
            let cause = format!("service {} is being deleted and keeps its name until then", input.name);
            return Err(StepError::new(ErrorClass::Busy, cause).during("ecs:CreateService"));
        }
        _ => return create(&environment, &context, &input).await,
    }
    match existing {
        Some(service) => found_service(&environment, &context, input, &service).await,
        None => create(&environment, &context, &input).await,
    }
}

async fn create(environment: &Environment, context: &StepContext, input: &CreateService) -> StepResult<CreatedService> {
    let breaker = DeploymentCircuitBreaker::builder().enable(true).rollback(true).build();
    let target = LoadBalancer::builder()
        .target_group_arn(&input.target_group_arn)
        .container_name(&input.container_name)
        .container_port(input.container_port);
    let created = environment
        .ecs()
        .create_service()
        .cluster(&input.cluster_arn)
        .service_name(&input.name)
        .client_token(short_token(context, TOKEN_LENGTH))
        .task_definition(&input.task_definition_arn)
        .desired_count(input.desired_count)
        .launch_type(LaunchType::Fargate)
        .network_configuration(network(input)?)
        .load_balancers(target.build())
        .health_check_grace_period_seconds(HEALTH_CHECK_GRACE_PERIOD_SECONDS)
        .deployment_configuration(DeploymentConfiguration::builder().deployment_circuit_breaker(breaker).build())
        .set_tags(Some(Tags::new(context, &input.deployment).named(&input.name).ecs()))
        .send()
        .await
        .map_err(|error| {
            not_consistent_yet(context, input, failure_for(context, &input.cluster_arn, "ecs:CreateService", error))
        })?;
    let arn = created.service.and_then(|service| service.service_arn);
    let arn = arn.ok_or_else(|| incomplete_answer("ecs:CreateService", "service"))?;
    Ok(answered(arn, input, ChangeAction::Created))
}

/// The network of tasks. Without a public address a task in a public subnet could reach neither the image nor the
/// secret.
fn network(input: &CreateService) -> Result<NetworkConfiguration, StepError> {
    let vpc = AwsVpcConfiguration::builder()
        .set_subnets(Some(input.subnet_ids.clone()))
        .set_security_groups(Some(input.group_ids.clone()))
        .assign_public_ip(AssignPublicIp::Enabled)
        .build();
    let vpc = vpc.map_err(|error| StepError::new(ErrorClass::Invalid, error.to_string()))?;
    Ok(NetworkConfiguration::builder().awsvpc_configuration(vpc).build())
}

/// Recognizes that ECS does not have resources of this execution yet. Only the message shows it: the code, InvalidParameterException, is
/// the same for every wrong input (Amazon ECS API Reference, "CreateService").
fn not_consistent_yet(context: &StepContext, input: &CreateService, mut failure: StepError) -> StepError {
    let says = |words: &str| failure.cause.to_lowercase().contains(words);
    let role = says("unable to assume the service linked role");
    let made_here = context.created.contains_key(&input.target_group_arn)
        || context.created.keys().any(|id| id.contains(":listener/app/"));
    let target_group = says("does not have an associated load balancer") && made_here;
    if role || target_group {
        failure.class = ErrorClass::NotConsistentYet;
    }
    failure
}

fn answered(service_arn: String, input: &CreateService, change: ChangeAction) -> Answer<CreatedService> {
    let resource_change = ResourceChange::new(change, RESOURCE_TYPE, &service_arn).named(&input.name).billed();
    Answer::with_change(CreatedService { service_arn, service_name: input.name.clone() }, resource_change)
}

async fn found_service(
    environment: &Environment,
    context: &StepContext,
    input: CreateService,
    service: &Service,
) -> StepResult<CreatedService> {
    let tags = found_tags!(service.tags());
    if !tags.is_ours(&input.deployment) {
        return Err(name_taken("service", &input.name, &input.deployment, tags.deployment.as_deref()));
    }
    let arn = service.service_arn().unwrap_or_default().to_owned();
    refuse_what_cannot_change(service, &input)?;
    let failed = last_deployment_failed(service);
    if is_as_wanted(service, &input) && !failed {
        let change = tags.change(context, &arn);
        return Ok(answered(arn, &input, change));
    }
    say_differences(environment, service, &input, failed);
    environment
        .ecs()
        .update_service()
        .cluster(&input.cluster_arn)
        .service(&input.name)
        .task_definition(&input.task_definition_arn)
        .desired_count(input.desired_count)
        .network_configuration(network(&input)?)
        .force_new_deployment(failed)
        .send()
        .await
        .map_err(|error| failure_for(context, &arn, "ecs:UpdateService", error))?;
    Ok(answered(arn, &input, ChangeAction::Updated))
}

fn refuse_what_cannot_change(service: &Service, input: &CreateService) -> Result<(), StepError> {
    let mut targets = service.load_balancers().iter().filter_map(LoadBalancer::target_group_arn);
    match targets.next() {
        Some(existing) if existing != input.target_group_arn => {
            let of = format!("service {}", input.name);
            Err(cannot_change("the target group", &of, existing, &input.target_group_arn))
        }
        _ => Ok(()),
    }
}

/// Whether the last deployment failed. After the circuit breaker opened, ECS does not try again by itself, although the
/// cause may be gone.
fn last_deployment_failed(service: &Service) -> bool {
    primary(service).and_then(Deployment::rollout_state) == Some(&DeploymentRolloutState::Failed)
}

fn primary(service: &Service) -> Option<&Deployment> {
    service.deployments().iter().find(|deployment| deployment.status() == Some("PRIMARY"))
}

fn say_differences(environment: &Environment, service: &Service, input: &CreateService, failed: bool) {
    let runs = primary(service).and_then(Deployment::task_definition).or(service.task_definition());
    let runs = runs.unwrap_or_default();
    if runs != input.task_definition_arn {
        environment.differs("taskDefinitionArn", runs, &input.task_definition_arn);
    }
    if is_rolled_back(service, runs, &input.task_definition_arn) {
        environment.differs("rollout", "ECS rolled this revision back", "another deployment of it");
    }
    if service.desired_count() != input.desired_count {
        environment.differs("desiredCount", service.desired_count(), input.desired_count);
    }
    if let Some(vpc) = service.network_configuration().and_then(|network| network.awsvpc_configuration()) {
        if !same_set(vpc.subnets().iter().map(String::as_str), &input.subnet_ids) {
            environment.differs("subnetIds", vpc.subnets().join(", "), input.subnet_ids.join(", "));
        }
        if !same_set(vpc.security_groups().iter().map(String::as_str), &input.group_ids) {
            environment.differs("groupIds", vpc.security_groups().join(", "), input.group_ids.join(", "));
        }
        if vpc.assign_public_ip() != Some(&AssignPublicIp::Enabled) {
            environment.differs("assignPublicIp", "DISABLED", "ENABLED");
        }
    }
    if failed {
        environment.differs("rolloutState", "FAILED", "another deployment");
    }
}

/// Whether ECS rolled back from the wanted revision to an earlier one, by the service's deployments or events.
fn is_rolled_back(service: &Service, runs: &str, wanted: &str) -> bool {
    let revision = |arn: &str| arn.rsplit(':').next().and_then(|number| number.parse::<u32>().ok());
    let is_earlier = revision(runs).zip(revision(wanted)).is_some_and(|(runs, wanted)| runs < wanted);
    let reasons = service.deployments().iter().filter_map(Deployment::rollout_state_reason);
    let messages = service.events().iter().filter_map(ServiceEvent::message);
    let says = |text: &str| ROLLED_BACK.iter().any(|words| text.to_lowercase().contains(words));
    is_earlier && reasons.chain(messages).any(says)
}

fn is_as_wanted(service: &Service, input: &CreateService) -> bool {
    let wanted = Some(input.task_definition_arn.as_str());
    // After a rollback the PRIMARY deployment has the earlier revision.
    let rolled_back =
        primary(service).and_then(Deployment::task_definition).is_some_and(|existing| Some(existing) != wanted);
    service.task_definition() == wanted
        && !rolled_back
        && service.desired_count() == input.desired_count
        && service
            .network_configuration()
            .and_then(|network| network.awsvpc_configuration())
            .is_none_or(|vpc| is_same_network(vpc, input))
}

fn is_same_network(vpc: &AwsVpcConfiguration, input: &CreateService) -> bool {
    same_set(vpc.subnets().iter().map(String::as_str), &input.subnet_ids)
        && same_set(vpc.security_groups().iter().map(String::as_str), &input.group_ids)
        && vpc.assign_public_ip() == Some(&AssignPublicIp::Enabled)
}

#[cfg(test)]
mod tests;
