//! The rules of `endpoints-aws-teardown` for its input beyond the schema.

use serde_json::{Value, json};

use crate::{catalogue::Behaviour, problem::InputProblem};

pub(crate) const BEHAVIOUR: Behaviour = Behaviour { check, subject, warnings, plan_lines, rehearsal_input };

fn deployment(input: &Value) -> &str {
    input["deployment"].as_str().unwrap_or_default()
}

/// The same subject as that of `endpoints-aws`, so that a deployment is never created and removed at the same time.
fn subject(input: &Value) -> String {
    format!("endpoints-aws/{}", deployment(input))
}

fn rehearsal_input() -> Value {
    json!({ "deployment": "rehearsal", "confirm": "rehearsal" })
}

fn check(input: &Value) -> Vec<InputProblem> {
    match input["confirm"].as_str() {
        Some(confirm) if confirm != deployment(input) => vec![InputProblem::at(
            input,
            "/confirm",
            "is not the name of the deployment",
            format!("{}, so that nothing is removed by mistake", deployment(input)),
        )],
        _ => Vec::new(),
    }
}

fn warnings(input: &Value) -> Vec<String> {
    let mut warnings = vec![format!(
        "everything with the tag flow:deployment = {} goes for good: database, secrets, logs, network",
        deployment(input)
    )];
    if input["finalSnapshot"] == false {
        warnings.push("no final snapshot is made: the database's content is lost (finalSnapshot is off)".into());
    }
    warnings
}

fn plan_lines(input: &Value) -> Vec<String> {
    let snapshot = if input["finalSnapshot"] == false {
        "the database is deleted without a final snapshot, its backups with it"
    } else {
        "the database is deleted after a final snapshot, which stays and is billed by its size"
    };
    [
        "alarms and their topic",
        "service, DNS records, listener, load balancer, target group, task definitions, cluster, log group, role, secrets",
        snapshot,
        "bastion and its key pair",
        "security groups, routes, internet gateway, subnets, VPC",
        "the certificate, last",
    ]
    .map(str::to_owned)
    .to_vec()
}
