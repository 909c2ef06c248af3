//! The IAM policy that actions need, as narrow as AWS allows: by name if the steps choose the name, by tag if AWS chooses the id. Each
//! service defines the scopes of its actions. Source: Service Authorization Reference, "Actions, resources, and condition keys" of each
//! service.

use std::collections::{BTreeMap, BTreeSet};

use crate::{SERVICES, planned::is_read, tags::DEPLOYMENT};

/// The restriction of a policy.
#[derive(Debug, Clone)]
pub struct Restriction {
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// The account's twelve digits, or `*`.
    pub account: String,
    /// The region's name, or `*`.
    pub region: String,
    /// The deployment's name, or `*`.
    pub deployment: String,
}

impl Restriction {
    /// The ARN of a resource of `service`, such as `log-group:*`.
    pub(crate) fn arn(&self, service: &str, resource: &str) -> String {
        let Restriction { partition, account, region, .. } = self;
        format!("arn:{partition}:{service}:{region}:{account}:{resource}")
    }
}

/// Actions that are allowed on the same resources under the same condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// Its name within the policy.
    pub id: &'static str,
    /// The actions in IAM's names, such as `ec2:CreateVpc`.
    pub actions: Vec<String>,
    /// ARNs, which may end with `*`.
    pub resources: Vec<String>,
    /// Condition keys and their values, of which one must match. The operator is `StringLike`, so that a value may
    /// contain `*`.
    pub condition: ConditionKeys,
}

/// Condition keys and their values.
pub type ConditionKeys = Vec<(String, Vec<String>)>;

/// The scope of actions: the resources on which they are allowed, and the condition. Each scope is a statement.
pub(crate) struct Scope {
    /// The statement's name, which no other scope has.
    pub(crate) id: &'static str,
    /// The ARNs of the resources.
    pub(crate) resources: fn(&Restriction) -> Vec<String>,
    /// The condition.
    pub(crate) condition: fn(&Restriction) -> ConditionKeys,
}

/// All resources: most services do not restrict reads.
pub(crate) const READS: Scope = Scope { id: "Reads", resources: all, condition: none };

/// Resources that are created with the deployment's tag and have no ARN yet.
pub(crate) const REQUEST_TAGGED: Scope =
    Scope { id: "RequestWithTheDeploymentsTag", resources: all, condition: request_tag };

/// Actions without a scope.
const OTHERS: Scope = Scope { id: "Others", resources: all, condition: none };

/// All resources.
pub(crate) fn all(_restriction: &Restriction) -> Vec<String> {
    vec!["*".to_owned()]
}

/// No condition.
pub(crate) fn none(_restriction: &Restriction) -> ConditionKeys {
    Vec::new()
}

/// The request sets the deployment's tag.
pub(crate) fn request_tag(restriction: &Restriction) -> ConditionKeys {
    tag("aws:RequestTag", restriction)
}

/// The resource has the deployment's tag.
pub(crate) fn resource_tag(restriction: &Restriction) -> ConditionKeys {
    tag("aws:ResourceTag", restriction)
}

fn tag(key: &str, restriction: &Restriction) -> ConditionKeys {
    vec![(format!("{key}/{DEPLOYMENT}"), vec![restriction.deployment.clone()])]
}

/// One of the values of a condition key.
pub(crate) fn one_of(key: &str, values: &[&str]) -> ConditionKeys {
    vec![(key.to_owned(), values.iter().map(|value| (*value).to_owned()).collect())]
}

/// The statements that allow the actions: reads first, then those of each service in the order of `SERVICES` and by name, last those that
/// several services share. An action on a resource of the deployment and on another one, such as an image, is in two statements.
pub fn statements(actions: &BTreeSet<String>, restriction: &Restriction) -> Vec<Statement> {
    let mut by_scope: BTreeMap<(usize, &str), (&Scope, Vec<String>)> = BTreeMap::new();
    for action in actions {
        let service = service_of(action);
        for &scope in scopes(action, service) {
            let key = (position(scope, service), scope.id);
            let (_, allowed) = by_scope.entry(key).or_insert_with(|| (scope, Vec::new()));
            allowed.push(action.clone());
        }
    }
    let statement = |(scope, actions): (&Scope, Vec<String>)| Statement {
        id: scope.id,
        actions,
        resources: (scope.resources)(restriction),
        condition: (scope.condition)(restriction),
    };
    by_scope.into_values().map(statement).collect()
}

/// The position in [`SERVICES`] of the service of an action.
fn service_of(action: &str) -> Option<usize> {
    let (prefix, _) = action.split_once(':')?;
    SERVICES.iter().position(|service| service.iam_prefix() == prefix)
}

/// The scopes of an action; several if it needs resources of different kinds.
fn scopes(action: &str, service: Option<usize>) -> &'static [&'static Scope] {
    let (_, call) = action.split_once(':').unwrap_or((action, ""));
    match service.and_then(|service| SERVICES.get(service)) {
        Some(service) if is_read(action) => service.read_scopes(call),
        Some(service) => service.scopes(call),
        None if is_read(action) => &[&READS],
        None => &[&OTHERS],
    }
}

/// The position of a scope's statement in a policy.
fn position(scope: &Scope, service: Option<usize>) -> usize {
    let after_all = SERVICES.len() + 1;
    match scope.id {
        id if id == READS.id => 0,
        id if id == REQUEST_TAGGED.id => after_all,
        id if id == OTHERS.id => after_all + 1,
        _ => service.map_or(after_all, |service| service + 1),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use super::*;
    use crate::Environment;

    #[test]
    fn each_statement_has_a_name_of_its_own_and_is_in_the_order_of_the_services() {
        let addresses = crate::test_server::addresses("http://127.0.0.1:9".to_owned());
        let registry = crate::registry(Arc::new(Environment::for_rehearsal(addresses).unwrap()));
        let mut actions: BTreeSet<String> = registry.descriptions().flat_map(|step| step.actions).collect();
        actions.insert("another:CreateThing".to_owned());
        let text = str::to_owned;
        let restriction =
            Restriction { partition: text("aws"), account: text("*"), region: text("*"), deployment: text("demo") };
        let mut contents = BTreeMap::new();
        for scope in actions.iter().flat_map(|action| scopes(action, service_of(action))) {
            let content = ((scope.resources)(&restriction), (scope.condition)(&restriction));
            let first = contents.entry(scope.id).or_insert_with(|| content.clone());
            assert_eq!(*first, content, "two scopes are named {}", scope.id);
        }
        let ids: Vec<&str> = statements(&actions, &restriction).into_iter().map(|statement| statement.id).collect();
        assert_eq!(ids.len(), contents.len(), "each once: {ids:?}");
        assert_eq!((ids[0], ids[1]), ("Reads", "LoadBalancers"));
        assert_eq!(ids[ids.len() - 3..], ["Records", "RequestWithTheDeploymentsTag", "Others"]);
    }
}
