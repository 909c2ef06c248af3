//! What the services find of their resources, in the output of `teardown:find`.

use schemars::JsonSchema;
use serde::Serialize;

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FoundService {
    pub(crate) cluster_arn: String,
    pub(crate) service_name: String,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FoundRecord {
    pub(crate) hosted_zone_id: String,
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FoundRole {
    pub(crate) name: String,
    pub(crate) attached_policy_arns: Vec<String>,
    pub(crate) inline_policy_names: Vec<String>,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FoundDatabase {
    pub(crate) identifier: String,
    pub(crate) arn: String,
    pub(crate) deletion_protection: bool,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FoundSecurityGroup {
    pub(crate) group_id: String,
    pub(crate) name: String,
    /// The rules for incoming traffic.
    pub(crate) rule_ids: Vec<String>,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FoundRouteTable {
    pub(crate) route_table_id: String,
    pub(crate) association_ids: Vec<String>,
    pub(crate) destination_cidrs: Vec<String>,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FoundInternetGateway {
    pub(crate) internet_gateway_id: String,
    /// The VPC that it is attached to, if any.
    pub(crate) vpc_id: Option<String>,
}

/// The DNS names of a load balancer of the deployment.
#[derive(Debug, PartialEq)]
pub(crate) struct Balancer {
    pub(crate) dns_name: String,
    /// The domains that the deployment has pointed at it, by its tags.
    pub(crate) domains: Vec<String>,
}

/// The DNS names in the deployment's certificates.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct CertificateNames {
    /// The names of validation records that this deployment created and that no other certificate uses.
    pub(crate) records: Vec<String>,
    /// The domains of the certificates.
    pub(crate) domains: Vec<String>,
}
