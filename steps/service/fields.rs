//! The fields of the services in the steps over all services: the names and the input that are checked, and what is found.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

// Doc comments of input and output are part of a step's schema.

// The input of preflight:checkNames.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CheckNames {
    pub(crate) deployment: String,
    pub(crate) load_balancer_name: String,
    pub(crate) target_group_name: String,
    pub(crate) database_identifier: String,
    pub(crate) database_subnet_group_name: String,
    pub(crate) cluster_name: String,
    pub(crate) role_name: String,
    pub(crate) secret_names: Vec<String>,
    pub(crate) log_group_name: String,
    #[serde(default)]
    pub(crate) topic_name: Option<String>,
    #[serde(default)]
    pub(crate) key_pair_name: Option<String>,
    pub(crate) alarm_names: Vec<String>,
}

// The input of preflight:checkChanges.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CheckChanges {
    pub(crate) deployment: String,
    pub(crate) target_group_name: String,
    /// The VPC to use; null for one of the deployment's own or the default one.
    pub(crate) vpc_id: Option<String>,
    /// The addresses of a VPC of the deployment's own; null where another one is used.
    pub(crate) vpc_cidr: Option<String>,
    /// The addresses of the subnets of a VPC of the deployment's own; null where another one is used.
    #[serde(default)]
    pub(crate) vpc_subnet_cidrs: Option<Vec<String>>,
    /// The Availability Zones of these subnets; null for any.
    #[serde(default)]
    pub(crate) vpc_availability_zones: Option<Vec<String>>,
    /// The security groups whose rules are compared. A rule that the deployment did not make is named.
    #[serde(default)]
    pub(crate) groups: Vec<CheckedGroup>,
    /// The bastion's name; null without a bastion.
    pub(crate) bastion_name: Option<String>,
    pub(crate) bastion_instance_type: String,
    pub(crate) bastion_release: String,
    /// The key pair's name.
    pub(crate) bastion_key_name: String,
    pub(crate) database_identifier: String,
    pub(crate) database_username: String,
    /// Such as `14` or `14.12`.
    pub(crate) database_version: String,
    pub(crate) database_allocated_storage_gib: i32,
    #[serde(default)]
    pub(crate) domain: Option<String>,
    /// The validation of the certificate: `DNS`, `EMAIL` or `EXISTING`.
    #[serde(default)]
    pub(crate) certificate_validation: Option<String>,
    /// The name of the alarms' topic; null without alarms.
    #[serde(default)]
    pub(crate) topic_name: Option<String>,
    /// The e-mail address of alarms; null for none.
    #[serde(default)]
    pub(crate) alarms_email: Option<String>,
}

/// A security group of the deployment, and the addresses that its rules let in. Groups of the deployment may be let in too.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CheckedGroup {
    pub(crate) name: String,
    /// The port; null for a group that lets in no addresses.
    #[serde(default)]
    pub(crate) port: Option<i32>,
    /// Such as `0.0.0.0/0`; null for a group that lets in no addresses.
    #[serde(default)]
    pub(crate) cidr: Option<String>,
    /// The description of the deployment's rules for addresses of an earlier input, which the run revokes; null if it revokes none.
    #[serde(default)]
    pub(crate) replaced_description: Option<String>,
}

// The input of teardown:checkDeletions.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CheckDeletions {
    pub(crate) deployment: String,
    /// Whether to keep a last snapshot of each database.
    pub(crate) final_snapshot: FinalSnapshot,
    pub(crate) database_identifiers: Vec<String>,
    pub(crate) instance_ids: Vec<String>,
    pub(crate) group_ids: Vec<String>,
    pub(crate) subnet_ids: Vec<String>,
    pub(crate) vpc_ids: Vec<String>,
}

/// Whether a final snapshot is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum FinalSnapshot {
    /// Always or never. With true, a database in a failure state is not deleted.
    Decided(bool),
    /// Made unless RDS cannot make one.
    IfPossible(IfPossible),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub(crate) enum IfPossible {
    #[serde(rename = "ifPossible")]
    IfPossible,
}

/// Declares [`Found`] with one list for each kind of resource, all of which are counted.
macro_rules! found {
    ($($(#[$attribute:meta])* $kind:ident: $resource:ty,)+) => {
        /// Everything of a deployment, in the order in which it can be deleted.
        #[derive(Debug, Default, PartialEq, Serialize, JsonSchema)]
        #[serde(rename_all = "camelCase")]
        pub(crate) struct Found {
            $($(#[$attribute])* pub(crate) $kind: Vec<$resource>,)+
            /// The number of all these resources.
            pub(crate) total: usize,
            /// The resources that are not deleted, each with the reason.
            pub(crate) stays: Vec<String>,
            /// Elastic Load Balancing's findings for Route 53.
            #[serde(skip)]
            pub(crate) balancers: Vec<Balancer>,
            /// Certificate Manager's findings for Route 53.
            #[serde(skip)]
            pub(crate) certificate_names: CertificateNames,
        }

        impl Found {
            /// The number of all resources.
            pub(crate) fn count(&self) -> usize {
                [$(self.$kind.len()),+].into_iter().sum()
            }
        }
    };
}

found! {
    alarm_names: String,
    topic_arns: String,
    services: FoundService,
    records: FoundRecord,
    listener_arns: String,
    load_balancer_arns: String,
    target_group_arns: String,
    task_definition_arns: String,
    cluster_arns: String,
    log_group_names: String,
    roles: FoundRole,
    secret_arns: String,
    databases: FoundDatabase,
    database_subnet_group_names: String,
    instance_ids: String,
    key_pair_ids: String,
    /// Groups whose rules refer to others come first.
    security_groups: FoundSecurityGroup,
    route_tables: FoundRouteTable,
    internet_gateways: FoundInternetGateway,
    subnet_ids: String,
    vpc_ids: String,
    certificate_arns: String,
}

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

#[cfg(test)]
impl CheckChanges {
    /// An input for tests.
    pub(crate) fn example() -> Self {
        CheckChanges {
            deployment: "demo".into(),
            target_group_name: "demo-app".into(),
            vpc_id: None,
            vpc_cidr: Some("10.100.0.0/16".into()),
            vpc_subnet_cidrs: Some(vec!["10.100.10.0/26".into(), "10.100.10.64/26".into()]),
            vpc_availability_zones: None,
            groups: Vec::new(),
            bastion_name: Some("demo-bastion".into()),
            bastion_instance_type: "t3.micro".into(),
            bastion_release: "24.04".into(),
            bastion_key_name: "demo-bastion".into(),
            database_identifier: "demo-db".into(),
            database_username: "postgres".into(),
            database_version: "14".into(),
            database_allocated_storage_gib: 20,
            domain: Some("demo.example.com".into()),
            certificate_validation: Some("DNS".into()),
            topic_name: Some("demo-alarms".into()),
            alarms_email: Some("person@example.com".into()),
        }
    }
}

#[cfg(test)]
impl CheckDeletions {
    /// An input for tests.
    pub(crate) fn example() -> Self {
        CheckDeletions {
            deployment: "demo".into(),
            final_snapshot: FinalSnapshot::Decided(true),
            database_identifiers: vec!["demo-db".into()],
            instance_ids: Vec::new(),
            group_ids: Vec::new(),
            subnet_ids: Vec::new(),
            vpc_ids: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn everything_found_is_counted_but_not_what_stays() {
        let texts = |count: usize| vec![String::new(); count];
        let found = Found { alarm_names: texts(1), certificate_arns: texts(2), stays: texts(4), ..Found::default() };
        assert_eq!(found.count(), 3);
    }

    #[test]
    fn the_input_decides_or_leaves_it_to_rds() {
        let parsed = |text: &str| serde_json::from_str::<FinalSnapshot>(text).unwrap();
        assert_eq!(parsed("true"), FinalSnapshot::Decided(true));
        assert_eq!(parsed("\"ifPossible\""), FinalSnapshot::IfPossible(IfPossible::IfPossible));
    }
}
