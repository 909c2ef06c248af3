//! Finds everything that belongs to a deployment. Each service finds its own resources, and its own steps delete them.

mod last_check;

use std::sync::Arc;

use engine::step::{Answer, Registry, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Environment, SERVICES,
    acm::CertificateNames,
    ec2::{FoundInternetGateway, FoundRouteTable, FoundSecurityGroup},
    ecs::FoundService,
    elbv2::Balancer,
    iam::FoundRole,
    rds::FoundDatabase,
    route53::FoundRecord,
};

pub(crate) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    last_check::register(registry, environment);
    let actions: Vec<&str> = SERVICES.iter().flat_map(|service| service.find_actions()).copied().collect();
    let environment = Arc::clone(environment);
    registry.register(
        "teardown:find",
        "Finds everything that carries the deployment's tag, in every service, and the DNS records that lead to it.",
        &actions,
        move |context, input| find(Arc::clone(&environment), context, input),
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Find {
    deployment: String,
}

/// Everything of a deployment, in the order in which it can be deleted.
#[derive(Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Found {
    pub(crate) alarm_names: Vec<String>,
    pub(crate) topic_arns: Vec<String>,
    pub(crate) services: Vec<FoundService>,
    pub(crate) records: Vec<FoundRecord>,
    pub(crate) listener_arns: Vec<String>,
    pub(crate) load_balancer_arns: Vec<String>,
    pub(crate) target_group_arns: Vec<String>,
    pub(crate) task_definition_arns: Vec<String>,
    pub(crate) cluster_arns: Vec<String>,
    pub(crate) log_group_names: Vec<String>,
    pub(crate) roles: Vec<FoundRole>,
    pub(crate) secret_arns: Vec<String>,
    pub(crate) databases: Vec<FoundDatabase>,
    pub(crate) database_subnet_group_names: Vec<String>,
    pub(crate) instance_ids: Vec<String>,
    pub(crate) key_pair_ids: Vec<String>,
    /// Those whose rules refer to others come first.
    pub(crate) security_groups: Vec<FoundSecurityGroup>,
    pub(crate) route_tables: Vec<FoundRouteTable>,
    pub(crate) internet_gateways: Vec<FoundInternetGateway>,
    pub(crate) subnet_ids: Vec<String>,
    pub(crate) vpc_ids: Vec<String>,
    pub(crate) certificate_arns: Vec<String>,
    /// How many there are of all these together.
    total: usize,
    /// What is not deleted, each with the reason.
    pub(crate) stays: Vec<String>,
    /// What Elastic Load Balancing found for Route 53.
    #[serde(skip)]
    pub(crate) balancers: Vec<Balancer>,
    /// What Certificate Manager found for Route 53.
    #[serde(skip)]
    pub(crate) certificate_names: CertificateNames,
}

async fn find(environment: Arc<Environment>, _context: StepContext, input: Find) -> StepResult<Found> {
    find_all(&environment, &input.deployment).await.map(Answer::done)
}

async fn find_all(environment: &Environment, deployment: &str) -> Result<Found, StepError> {
    let mut found = Found::default();
    for service in SERVICES {
        service.find(environment, deployment, &mut found).await?;
    }
    found.total = found.count();
    Ok(found)
}

impl Found {
    fn count(&self) -> usize {
        [
            self.alarm_names.len(),
            self.topic_arns.len(),
            self.services.len(),
            self.records.len(),
            self.listener_arns.len(),
            self.load_balancer_arns.len(),
            self.target_group_arns.len(),
            self.task_definition_arns.len(),
            self.cluster_arns.len(),
            self.log_group_names.len(),
            self.roles.len(),
            self.secret_arns.len(),
            self.databases.len(),
            self.database_subnet_group_names.len(),
            self.instance_ids.len(),
            self.key_pair_ids.len(),
            self.security_groups.len(),
            self.route_tables.len(),
            self.internet_gateways.len(),
            self.subnet_ids.len(),
            self.vpc_ids.len(),
            self.certificate_arns.len(),
        ]
        .into_iter()
        .sum()
    }
}
