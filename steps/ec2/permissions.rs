//! The scopes of EC2's actions.

use crate::policy::{Restriction, Scope, all, none, one_of, request_tag, resource_tag};

/// The calls that create a resource with its tags.
const CREATING: [&str; 7] = [
    "CreateInternetGateway",
    "CreateRouteTable",
    "CreateSecurityGroup",
    "CreateSubnet",
    "CreateVpc",
    "ImportKeyPair",
    "RunInstances",
];
/// The resources that [`CREATING`] creates, including an instance's volume and network interface.
const CREATED: [&str; 9] = [
    "instance",
    "internet-gateway",
    "key-pair",
    "network-interface",
    "route-table",
    "security-group",
    "subnet",
    "volume",
    "vpc",
];

/// Resources that EC2 creates with the deployment's tag.
const CREATE_TAGGED: Scope = Scope {
    id: "CreateWithTheDeploymentsTag",
    resources: |restriction| every(restriction, &CREATED),
    condition: request_tag,
};
/// The VPC in which a resource is created. It may be an existing one.
const CREATE_IN_VPC: Scope =
    Scope { id: "CreateInTheVpc", resources: |restriction| every(restriction, &["vpc"]), condition: none };
/// The resources that an instance is started from and in.
const START_INSTANCES: Scope = Scope {
    id: "StartInstances",
    resources: |restriction| {
        let mut resources = every(restriction, &["subnet", "security-group", "key-pair"]);
        let Restriction { partition, region, .. } = restriction;
        resources.push(format!("arn:{partition}:ec2:{region}::image/*"));
        resources
    },
    condition: none,
};
/// The tags of a resource in the call that creates it.
const TAG_CREATED: Scope = Scope {
    id: "TagWhatIsCreated",
    resources: |restriction| vec![restriction.arn("ec2", "*/*")],
    condition: |_| one_of("ec2:CreateAction", &CREATING),
};
/// Resources with the deployment's tag.
const CHANGE_TAGGED: Scope = Scope { id: "ChangeWhatHasTheDeploymentsTag", resources: all, condition: resource_tag };

/// Every resource of these kinds.
fn every(restriction: &Restriction, kinds: &[&str]) -> Vec<String> {
    kinds.iter().map(|kind| restriction.arn("ec2", &format!("{kind}/*"))).collect()
}

/// The scopes of a call that changes something.
pub(super) fn scopes(call: &str) -> &'static [&'static Scope] {
    match call {
        "CreateTags" => &[&TAG_CREATED],
        "RunInstances" => &[&CREATE_TAGGED, &START_INSTANCES],
        "CreateRouteTable" | "CreateSecurityGroup" | "CreateSubnet" => &[&CREATE_TAGGED, &CREATE_IN_VPC],
        call if CREATING.contains(&call) => &[&CREATE_TAGGED],
        _ => &[&CHANGE_TAGGED],
    }
}
