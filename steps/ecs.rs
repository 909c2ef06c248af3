//! ECS: cluster, task definition and service.

mod cluster;
mod evidence;
mod inventory;
mod service;
mod service_delete;
mod service_wait;
mod task_definition;

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_ecs::types::{Failure, Service, ServiceField};
use engine::step::{ErrorClass, Registry, StepContext, StepError};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Environment,
    failure::{failure_for, is_missing},
    planned::{KNOWN_AFTER_APPLY, PlannedChange, Price, Prices, is_unknown},
    policy::{REQUEST_TAGGED, Scope, all, none},
    service::{CheckNames, Found, Holders, UsualWait},
    tags::Tags,
};

/// ECS's reason, among the failures of an answer, for a resource that does not exist.
const MISSING: &str = "MISSING";
const ACTIVE: &str = "ACTIVE";
const INACTIVE: &str = "INACTIVE";
const DRAINING: &str = "DRAINING";

/// The cluster, its services and its task definitions.
const SERVICES: Scope = Scope {
    id: "Services",
    resources: |restriction| {
        let deployment = &restriction.deployment;
        let named = [
            format!("cluster/{deployment}"),
            format!("service/{deployment}/*"),
            format!("task-definition/{deployment}:*"),
        ];
        named.iter().map(|resource| restriction.arn("ecs", resource)).collect()
    },
    condition: none,
};
/// All task definitions: AWS does not restrict these actions.
const TASK_DEFINITIONS: Scope = Scope { id: "TaskDefinitions", resources: all, condition: none };

/// ECS: clusters, services and task definitions.
pub(crate) struct Ecs;

// `Service` alone is a type of ECS.
#[async_trait]
impl crate::service::Service for Ecs {
    fn name(&self) -> &'static str {
        "ecs"
    }

    fn register(&self, registry: &mut Registry, environment: &Arc<Environment>) {
        register(registry, environment);
    }

    fn find_actions(&self) -> &'static [&'static str] {
        &[
            "ecs:ListClusters",
            "ecs:DescribeClusters",
            "ecs:ListServices",
            "ecs:DescribeServices",
            "ecs:ListTaskDefinitions",
            "ecs:DescribeTaskDefinition",
        ]
    }

    async fn find(&self, environment: &Environment, deployment: &str, found: &mut Found) -> Result<(), StepError> {
        inventory::find(environment, deployment, found).await
    }

    fn name_actions(&self) -> &'static [&'static str] {
        &["ecs:DescribeClusters"]
    }

    async fn check_names(
        &self,
        environment: &Environment,
        names: &CheckNames,
        holders: &mut Holders,
    ) -> Result<(), StepError> {
        inventory::check_names(environment, names, holders).await
    }

    fn waits(&self) -> &'static [UsualWait] {
        &[
            UsualWait { step: "ecs:waitForService", usual_seconds: (120, 600), takes: Some("about 3 min") },
            UsualWait { step: "ecs:waitForServiceInactive", usual_seconds: (30, 300), takes: Some("about 30 s") },
        ]
    }

    fn answer_in_plan(&self, operation: &str) -> Option<String> {
        let kinds = ["Cluster", "Service", "TaskDefinition"];
        kinds.iter().any(|kind| operation.ends_with(kind)).then(|| {
            json!({
                "cluster": { "clusterArn": KNOWN_AFTER_APPLY },
                "service": { "serviceArn": KNOWN_AFTER_APPLY },
                "taskDefinition": { "taskDefinitionArn": KNOWN_AFTER_APPLY },
            })
            .to_string()
        })
    }

    fn scopes(&self, call: &str) -> &'static [&'static Scope] {
        match call {
            "CreateCluster" | "RegisterTaskDefinition" => &[&REQUEST_TAGGED],
            "DeregisterTaskDefinition" => &[&TASK_DEFINITIONS],
            _ => &[&SERVICES],
        }
    }

    fn monthly_usd(&self, change: &PlannedChange, plan: &[PlannedChange], prices: &Prices) -> Price {
        if change.resource_type != service::RESOURCE_TYPE {
            return Price::Free;
        }
        let task = plan.iter().rfind(|change| change.resource_type == task_definition::RESOURCE_TYPE);
        let task = task.map_or(&Value::Null, |task| &task.settings);
        Price::Billed(service::monthly_usd(&change.settings, task, prices))
    }
}

impl Environment {
    /// The client for changes.
    pub(crate) fn ecs(&self) -> aws_sdk_ecs::Client {
        self.client_for_changes(aws_sdk_ecs::Client::new)
    }

    /// The client for reads.
    fn ecs_reads(&self) -> aws_sdk_ecs::Client {
        self.client_for_reads(aws_sdk_ecs::Client::new)
    }
}

impl Tags {
    /// The tags in ECS's form.
    fn ecs(&self) -> Vec<aws_sdk_ecs::types::Tag> {
        self.pairs().map(|(key, value)| aws_sdk_ecs::types::Tag::builder().key(key).value(value).build()).collect()
    }
}

fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    cluster::register(registry, environment);
    task_definition::register(registry, environment);
    service::register(registry, environment);
    service_wait::register(registry, environment);
    service_delete::register(registry, environment);
}

/// A service by its cluster and name.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ServiceName {
    cluster_arn: String,
    service_name: String,
}

/// The ARN of a service, from its cluster's.
fn service_arn(cluster_arn: &str, service_name: &str) -> String {
    format!("{}/{service_name}", cluster_arn.replacen(":cluster/", ":service/", 1))
}

/// The service in any state, with its tags; `None` if ECS does not have it.
async fn find_service(
    environment: &Environment,
    context: &StepContext,
    cluster_arn: &str,
    service_name: &str,
) -> Result<Option<Service>, StepError> {
    if is_unknown(cluster_arn) {
        return Ok(None);
    }
    let answer = environment
        .ecs_reads()
        .describe_services()
        .cluster(cluster_arn)
        .services(service_name)
        .include(ServiceField::Tags)
        .send()
        .await;
    match answer {
        Ok(answer) => {
            refuse_failures("ecs:DescribeServices", answer.failures())?;
            Ok(answer.services.unwrap_or_default().into_iter().next())
        }
        Err(error) if is_missing(&error) && !context.created.contains_key(cluster_arn) => Ok(None),
        Err(error) => Err(failure_for(context, cluster_arn, "ecs:DescribeServices", error)),
    }
}

/// Turns the failures of an answer into an error. ECS reports a missing resource in them; that one is not an error
/// here.
fn refuse_failures(action: &str, failures: &[Failure]) -> Result<(), StepError> {
    let Some(other) = failures.iter().find(|failure| failure.reason() != Some(MISSING)) else { return Ok(()) };
    let words = [other.arn(), other.reason(), other.detail()];
    let cause = words.into_iter().flatten().collect::<Vec<_>>().join(" ");
    Err(StepError::new(ErrorClass::Invalid, cause).during(action))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn what_is_missing_is_no_failure_but_another_reason_is() {
        let missing = Failure::builder().arn("arn:service").reason(MISSING).build();
        assert!(refuse_failures("ecs:DescribeServices", std::slice::from_ref(&missing)).is_ok());
        let other = Failure::builder().arn("arn:service").reason("ACCESS").detail("no").build();
        let error = refuse_failures("ecs:DescribeServices", &[missing, other]).unwrap_err();
        assert_eq!(error.to_string(), "ecs:DescribeServices: arn:service ACCESS no");
    }
}
