//! The scope of each action: on which resources it is allowed.

use steps::plan::is_read;

use super::{DEPLOYMENT_TAG, Restriction, Statement};

/// The services whose service-linked roles the steps create.
const SERVICE_LINKED: [&str; 3] = ["ecs.amazonaws.com", "elasticloadbalancing.amazonaws.com", "rds.amazonaws.com"];
/// The EC2 calls that create a resource with its tags.
const CREATING: [&str; 7] = [
    "CreateInternetGateway",
    "CreateRouteTable",
    "CreateSecurityGroup",
    "CreateSubnet",
    "CreateVpc",
    "ImportKeyPair",
    "RunInstances",
];

/// The resources on which actions are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scope {
    /// All resources: most services do not restrict reads.
    Reads,
    PassRole,
    ServiceLinkedRole,
    /// The task execution role.
    Roles,
    Secrets,
    LogGroups,
    Databases,
    LoadBalancers,
    Services,
    Topics,
    Alarms,
    Certificates,
    CertificatesOfDeployment,
    Records,
    /// Resources that EC2 creates with the deployment's tag.
    CreateTagged,
    /// The VPC in which a resource is created. It may be an existing one.
    CreateInVpc,
    /// The resources that an instance is started from and in.
    StartInstances,
    TagCreated,
    /// Resources with the deployment's tag.
    ChangeTagged,
    /// Resources that are created with the deployment's tag and have no ARN yet.
    CreateTaggedElsewhere,
    /// All task definitions: AWS does not restrict these actions.
    TaskDefinitions,
    /// Actions without a scope of their own.
    Others,
}

/// The scopes of an action; several if it needs resources of different kinds.
pub(super) fn scopes(action: &str) -> &'static [Scope] {
    let (service, call) = action.split_once(':').unwrap_or((action, ""));
    match (service, call) {
        ("iam", "PassRole") => &[Scope::PassRole],
        ("iam", "CreateServiceLinkedRole") => &[Scope::ServiceLinkedRole],
        ("secretsmanager", "ListSecrets" | "GetRandomPassword") => &[Scope::Reads],
        // Reading a secret's value is not an ordinary read.
        ("secretsmanager", _) => &[Scope::Secrets],
        _ if is_read(action) => &[Scope::Reads],
        ("iam", _) => &[Scope::Roles],
        ("logs", _) => &[Scope::LogGroups],
        ("rds", _) => &[Scope::Databases],
        ("elasticloadbalancing", _) => &[Scope::LoadBalancers],
        ("ecs", "CreateCluster" | "RegisterTaskDefinition") | ("acm", "RequestCertificate") => {
            &[Scope::CreateTaggedElsewhere]
        }
        ("ecs", "DeregisterTaskDefinition") => &[Scope::TaskDefinitions],
        ("ecs", _) => &[Scope::Services],
        ("sns", _) => &[Scope::Topics],
        ("cloudwatch", _) => &[Scope::Alarms],
        ("acm", "DeleteCertificate") => &[Scope::CertificatesOfDeployment],
        ("acm", _) => &[Scope::Certificates],
        ("route53", _) => &[Scope::Records],
        ("ec2", "CreateTags") => &[Scope::TagCreated],
        ("ec2", "RunInstances") => &[Scope::CreateTagged, Scope::StartInstances],
        ("ec2", "CreateRouteTable" | "CreateSecurityGroup" | "CreateSubnet") => {
            &[Scope::CreateTagged, Scope::CreateInVpc]
        }
        ("ec2", call) if CREATING.contains(&call) => &[Scope::CreateTagged],
        ("ec2", _) => &[Scope::ChangeTagged],
        _ => &[Scope::Others],
    }
}

impl Scope {
    fn id(self) -> &'static str {
        match self {
            Scope::Reads => "Reads",
            Scope::PassRole => "PassTheTaskExecutionRole",
            Scope::ServiceLinkedRole => "ServiceLinkedRoles",
            Scope::Roles => "TaskExecutionRole",
            Scope::Secrets => "Secrets",
            Scope::LogGroups => "LogGroups",
            Scope::Databases => "Databases",
            Scope::LoadBalancers => "LoadBalancers",
            Scope::Services => "Services",
            Scope::Topics => "Topics",
            Scope::Alarms => "Alarms",
            Scope::Certificates => "Certificates",
            Scope::CertificatesOfDeployment => "CertificatesOfTheDeployment",
            Scope::Records => "Records",
            Scope::CreateTagged => "CreateWithTheDeploymentsTag",
            Scope::CreateInVpc => "CreateInTheVpc",
            Scope::StartInstances => "StartInstances",
            Scope::TagCreated => "TagWhatIsCreated",
            Scope::ChangeTagged => "ChangeWhatHasTheDeploymentsTag",
            Scope::CreateTaggedElsewhere => "RequestWithTheDeploymentsTag",
            Scope::TaskDefinitions => "TaskDefinitions",
            Scope::Others => "Others",
        }
    }

    pub(super) fn statement(self, actions: Vec<String>, restriction: &Restriction) -> Statement {
        let Restriction { partition, account, region, deployment } = restriction;
        let arn = |service: &str, resource: &str| format!("arn:{partition}:{service}:{region}:{account}:{resource}");
        let all = |service: &str, resources: &[String]| resources.iter().map(|rest| arn(service, rest)).collect();
        let role = format!("arn:{partition}:iam::{account}:role/{deployment}-task-execution");
        let resources: Vec<String> = match self {
            Scope::PassRole | Scope::Roles => vec![role],
            Scope::ServiceLinkedRole => vec![format!("arn:{partition}:iam::{account}:role/aws-service-role/*")],
            Scope::Secrets => vec![arn("secretsmanager", &format!("secret:{deployment}/*"))],
            Scope::LogGroups => vec![arn("logs", &format!("log-group:/ecs/{deployment}*"))],
            Scope::Databases => all("rds", &databases(deployment)),
            Scope::LoadBalancers => all("elasticloadbalancing", &load_balancers(deployment)),
            Scope::Services => all("ecs", &services(deployment)),
            Scope::Topics => vec![arn("sns", &format!("{deployment}-alarms"))],
            Scope::Alarms => vec![arn("cloudwatch", &format!("alarm:{deployment}-*"))],
            Scope::Certificates | Scope::CertificatesOfDeployment => vec![arn("acm", "certificate/*")],
            Scope::Records => vec![format!("arn:{partition}:route53:::hostedzone/*")],
            Scope::CreateTagged => all("ec2", &of_ec2(&CREATED)),
            Scope::CreateInVpc => vec![arn("ec2", "vpc/*")],
            Scope::StartInstances => {
                let mut resources: Vec<String> = all("ec2", &of_ec2(&["subnet", "security-group", "key-pair"]));
                resources.push(format!("arn:{partition}:ec2:{region}::image/*"));
                resources
            }
            Scope::TagCreated => vec![arn("ec2", "*/*")],
            Scope::Reads
            | Scope::ChangeTagged
            | Scope::CreateTaggedElsewhere
            | Scope::TaskDefinitions
            | Scope::Others => vec!["*".to_owned()],
        };
        Statement { id: self.id(), actions, resources, condition: self.condition(deployment) }
    }

    fn condition(self, deployment: &str) -> Vec<(String, Vec<String>)> {
        let tag = |key: &str| vec![(format!("{key}/{DEPLOYMENT_TAG}"), vec![deployment.to_owned()])];
        let one_of = |key: &str, values: &[&str]| {
            vec![(key.to_owned(), values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>())]
        };
        match self {
            Scope::PassRole => one_of("iam:PassedToService", &["ecs-tasks.amazonaws.com"]),
            Scope::ServiceLinkedRole => one_of("iam:AWSServiceName", &SERVICE_LINKED),
            Scope::TagCreated => one_of("ec2:CreateAction", &CREATING),
            Scope::CreateTagged | Scope::CreateTaggedElsewhere => tag("aws:RequestTag"),
            Scope::ChangeTagged | Scope::CertificatesOfDeployment => tag("aws:ResourceTag"),
            _ => Vec::new(),
        }
    }
}

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

fn of_ec2(kinds: &[&str]) -> Vec<String> {
    kinds.iter().map(|kind| format!("{kind}/*")).collect()
}

/// The database, its subnet group, its final snapshots, and the default groups that RDS assigns to it.
fn databases(deployment: &str) -> Vec<String> {
    vec![
        format!("db:{deployment}-db"),
        format!("subgrp:{deployment}-db"),
        format!("snapshot:{deployment}-db-final-*"),
        "og:*".to_owned(),
        "pg:*".to_owned(),
    ]
}

fn load_balancers(deployment: &str) -> Vec<String> {
    vec![
        format!("loadbalancer/app/{deployment}-https/*"),
        format!("listener/app/{deployment}-https/*"),
        format!("targetgroup/{deployment}-app/*"),
    ]
}

fn services(deployment: &str) -> Vec<String> {
    vec![format!("cluster/{deployment}"), format!("service/{deployment}/*"), format!("task-definition/{deployment}:*")]
}
