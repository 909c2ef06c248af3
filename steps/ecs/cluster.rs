//! The cluster.

use std::sync::Arc;

use aws_sdk_ecs::types::{Cluster, ClusterField};
use engine::step::{Answer, ChangeAction, Registry, ResourceChange, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{INACTIVE, refuse_failures};
use crate::{
    Environment, Nothing,
    failure::{failure, is_missing, name_taken},
    found_tags,
    outcome::{deleted, gone_already, incomplete_answer},
    tags::Tags,
};

const RESOURCE_TYPE: &str = "AWS::ECS::Cluster";

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "ecs:createCluster",
        "Creates a cluster.",
        ["ecs:DescribeClusters", "ecs:CreateCluster", "ecs:TagResource"],
        create_cluster
    );
    step!(
        registry,
        environment,
        "ecs:deleteCluster",
        "Deletes a cluster without services.",
        ["ecs:DescribeClusters", "ecs:DeleteCluster"],
        delete_cluster
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateCluster {
    deployment: String,
    name: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ClusterArnAndName {
    cluster_arn: String,
    name: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ClusterArn {
    cluster_arn: String,
}

async fn create_cluster(
    environment: Arc<Environment>,
    context: StepContext,
    input: CreateCluster,
) -> StepResult<ClusterArnAndName> {
    if let Some(cluster) = find(&environment, &input.name).await? {
        let tags = found_tags!(cluster.tags());
        if !tags.is_ours(&input.deployment) {
            return Err(name_taken("cluster", &input.name, &input.deployment, tags.deployment.as_deref()));
        }
        let arn = cluster.cluster_arn.unwrap_or_default();
        let change = tags.change(&context, &arn);
        return Ok(answered(arn, input.name, change));
    }
    let tags = Tags::new(&context, &input.deployment).named(&input.name).ecs();
    let created = environment.ecs().create_cluster().cluster_name(&input.name).set_tags(Some(tags)).send().await;
    let created = created.map_err(|error| failure("ecs:CreateCluster", error))?;
    let arn = created.cluster.and_then(|cluster| cluster.cluster_arn);
    let arn = arn.ok_or_else(|| incomplete_answer("ecs:CreateCluster", "cluster"))?;
    Ok(answered(arn, input.name, ChangeAction::Created))
}

fn answered(cluster_arn: String, name: String, change: ChangeAction) -> Answer<ClusterArnAndName> {
    let resource_change = ResourceChange::new(change, RESOURCE_TYPE, &cluster_arn).named(&name);
    Answer::with_change(ClusterArnAndName { cluster_arn, name }, resource_change)
}

/// Finds the cluster. A deleted cluster is listed as inactive for some time and does not match.
pub(super) async fn find(environment: &Environment, name_or_arn: &str) -> Result<Option<Cluster>, StepError> {
    let call = environment.ecs_reads().describe_clusters().clusters(name_or_arn).include(ClusterField::Tags);
    match call.send().await {
        Ok(answer) => {
            refuse_failures("ecs:DescribeClusters", answer.failures())?;
            let mut clusters = answer.clusters.unwrap_or_default().into_iter();
            Ok(clusters.find(|cluster| cluster.status() != Some(INACTIVE)))
        }
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(failure("ecs:DescribeClusters", error)),
    }
}

async fn delete_cluster(environment: Arc<Environment>, context: StepContext, input: ClusterArn) -> StepResult<Nothing> {
    if find(&environment, &input.cluster_arn).await?.is_none() {
        return gone_already(&context, RESOURCE_TYPE, &input.cluster_arn);
    }
    let answer = environment.ecs().delete_cluster().cluster(&input.cluster_arn).send().await;
    deleted(&context, (RESOURCE_TYPE, &input.cluster_arn), "ecs:DeleteCluster", answer)
}
