//! The scopes of IAM's own actions.

use crate::policy::{Restriction, Scope, none, one_of};

/// The services whose service-linked roles the steps create.
pub(super) const SERVICE_LINKED: [&str; 3] =
    ["ecs.amazonaws.com", "elasticloadbalancing.amazonaws.com", "rds.amazonaws.com"];

/// The task execution role, for ECS.
const PASS_ROLE: Scope = Scope {
    id: "PassTheTaskExecutionRole",
    resources: task_execution_role,
    condition: |_| one_of("iam:PassedToService", &["ecs-tasks.amazonaws.com"]),
};
/// The service-linked roles.
const SERVICE_LINKED_ROLES: Scope = Scope {
    id: "ServiceLinkedRoles",
    resources: |restriction| {
        let Restriction { partition, account, .. } = restriction;
        vec![format!("arn:{partition}:iam::{account}:role/aws-service-role/*")]
    },
    condition: |_| one_of("iam:AWSServiceName", &SERVICE_LINKED),
};
/// The task execution role.
const ROLES: Scope = Scope { id: "TaskExecutionRole", resources: task_execution_role, condition: none };

fn task_execution_role(restriction: &Restriction) -> Vec<String> {
    let Restriction { partition, account, deployment, .. } = restriction;
    vec![format!("arn:{partition}:iam::{account}:role/{deployment}-task-execution")]
}

/// The scopes of a call that changes something.
pub(super) fn scopes(call: &str) -> &'static [&'static Scope] {
    match call {
        "PassRole" => &[&PASS_ROLE],
        "CreateServiceLinkedRole" => &[&SERVICE_LINKED_ROLES],
        _ => &[&ROLES],
    }
}
