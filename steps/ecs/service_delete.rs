//! Scales the service to zero and deletes it.

use std::{sync::Arc, time::Duration};

use aws_sdk_ecs::types::Service;
use engine::step::{Answer, Registry, StepContext, StepError, StepResult};

use super::{ACTIVE, INACTIVE, ServiceName, find_service, service::RESOURCE_TYPE, service_arn};
use crate::{
    Environment, Nothing,
    failure::{code_of, failure, is_missing, poll_again_or},
    outcome::{gone, gone_already, nothing_to_do},
};

/// The usual time in which the tasks of a service stop.
const TYPICAL_DRAINING: Duration = Duration::from_secs(30);

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "ecs:scaleServiceToZero",
        "Stops all tasks of a service.",
        ["ecs:DescribeServices", "ecs:UpdateService"],
        scale_service_to_zero
    );
    step!(
        registry,
        environment,
        "ecs:deleteService",
        "Deletes a service.",
        ["ecs:DescribeServices", "ecs:DeleteService"],
        delete_service
    );
    step!(
        registry,
        environment,
        "ecs:waitForServiceInactive",
        "Waits until a deleted service is inactive.",
        ["ecs:DescribeServices"],
        wait_for_service_inactive
    );
}

async fn find(
    environment: &Environment,
    context: &StepContext,
    input: &ServiceName,
) -> Result<Option<Service>, StepError> {
    let found = find_service(environment, context, &input.cluster_arn, &input.service_name).await?;
    Ok(found.filter(|service| service.status() != Some(INACTIVE)))
}

async fn scale_service_to_zero(
    environment: Arc<Environment>,
    context: StepContext,
    input: ServiceName,
) -> StepResult<Nothing> {
    let service = find(&environment, &context, &input).await?;
    if !service.is_some_and(|service| service.status() == Some(ACTIVE) && service.desired_count() > 0) {
        return nothing_to_do();
    }
    let call = environment.ecs().update_service().cluster(&input.cluster_arn).service(&input.service_name);
    match call.desired_count(0).send().await {
        // This is part of the deletion, so it is not reported as an update.
        Ok(_) => nothing_to_do(),
        Err(error) if is_missing(&error) || code_of(&error) == Some("ServiceNotActiveException") => nothing_to_do(),
        Err(error) => Err(failure("ecs:UpdateService", error)),
    }
}

async fn delete_service(
    environment: Arc<Environment>,
    context: StepContext,
    input: ServiceName,
) -> StepResult<Nothing> {
    let service = find(&environment, &context, &input).await?;
    let arn = service_arn(&input.cluster_arn, &input.service_name);
    if service.is_none_or(|service| service.status() != Some(ACTIVE)) {
        return gone_already(&context, RESOURCE_TYPE, &arn);
    }
    let call = environment.ecs().delete_service().cluster(&input.cluster_arn).service(&input.service_name);
    match call.force(true).send().await {
        Ok(_) => gone(RESOURCE_TYPE, &arn),
        Err(error) if is_missing(&error) || code_of(&error) == Some("ServiceNotActiveException") => {
            gone_already(&context, RESOURCE_TYPE, &arn)
        }
        Err(error) => Err(failure("ecs:DeleteService", error)),
    }
}

async fn wait_for_service_inactive(
    environment: Arc<Environment>,
    context: StepContext,
    input: ServiceName,
) -> StepResult<Nothing> {
    let service = match find(&environment, &context, &input).await {
        Ok(Some(service)) => service,
        Ok(None) => return nothing_to_do(),
        Err(error) => return poll_again_or(error, &context),
    };
    let interval = context.poll_towards(TYPICAL_DRAINING);
    let status = service.status().unwrap_or("DRAINING");
    let reason = match service.running_count() {
        0 => status.to_owned(),
        running => format!("{status}, {running} running"),
    };
    Ok(Answer::pending(reason, interval))
}
