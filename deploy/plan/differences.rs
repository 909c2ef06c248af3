//! The differences between an existing resource and the wanted one.

use std::collections::{BTreeMap, BTreeSet};

use engine::{
    asl::{each_state, own_fields},
    step::ChangeAction,
};
use serde_json::Value;

use super::{ALIAS, ExistingMachine, ExistingResources, LOG_RETENTION_DAYS, ResourceKind, Wanted};
use crate::is_added_state;

/// A field of a resource that a deployment changes, or a state of the definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldDifference {
    /// The action on it.
    pub action: ChangeAction,
    /// The field: `roleArn`, `state Run`, or `state Run, Next`.
    pub field: String,
    /// The value that exists and the wanted one. `None` if they are not shown: they may be long, or have a secret of an earlier definition.
    pub values: Option<(String, String)>,
}

impl std::fmt::Display for FieldDifference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let field = &self.field;
        match (&self.values, self.action) {
            (Some((before, after)), _) => write!(f, "{field}: {before} → {after}"),
            (None, ChangeAction::Created) => write!(f, "{field} is added"),
            (None, ChangeAction::Deleted) => write!(f, "{field} is removed"),
            (None, ChangeAction::Adopted | ChangeAction::Updated | ChangeAction::Unchanged) => {
                write!(f, "{field} is changed")
            }
        }
    }
}

impl FieldDifference {
    fn new(action: ChangeAction, field: impl Into<String>) -> Self {
        FieldDifference { action, field: field.into(), values: None }
    }

    fn of_values(field: &str, before: impl Into<String>, after: impl Into<String>) -> Self {
        FieldDifference {
            values: Some((before.into(), after.into())),
            ..FieldDifference::new(ChangeAction::Updated, field)
        }
    }
}

/// The differences of a resource that is updated.
pub(super) fn of(kind: ResourceKind, wanted: &Wanted, found: &ExistingResources) -> Vec<FieldDifference> {
    let changed = |field: &str| vec![FieldDifference::new(ChangeAction::Updated, field)];
    match (kind, &found.machine) {
        (ResourceKind::StateMachine, Some(machine)) => of_machine(wanted, found, machine),
        (ResourceKind::Alias, Some(machine)) => vec![of_alias(machine)],
        (ResourceKind::Role, _) => changed("AssumeRolePolicyDocument"),
        (ResourceKind::RolePolicy, _) => {
            let before = found.role.as_ref().and_then(|role| role.policy.as_ref());
            let found = of_policy(before, wanted.role_policy().as_ref());
            if found.is_empty() { changed("PolicyDocument") } else { found }
        }
        (ResourceKind::LogGroup, _) => {
            let days = found.log_group.as_ref().and_then(|group| group.retention_days);
            let before = days.map_or_else(|| "unlimited".to_owned(), |days| days.to_string());
            vec![FieldDifference::of_values("retentionInDays", before, LOG_RETENTION_DAYS.to_string())]
        }
        _ => Vec::new(),
    }
}

fn of_machine(wanted: &Wanted, found: &ExistingResources, machine: &ExistingMachine) -> Vec<FieldDifference> {
    let mut all = Vec::new();
    let of_found = || found.role.as_ref().map(|role| role.arn.clone());
    let role = wanted.role_arn.clone().or_else(of_found).unwrap_or_else(|| format!("the role {}", wanted.role_name()));
    if role != machine.role_arn {
        all.push(FieldDifference::of_values("roleArn", &*machine.role_arn, role));
    }
    if machine.log_level != wanted.log_level.word() {
        all.push(FieldDifference::of_values("log level", &*machine.log_level, wanted.log_level.word()));
    }
    match serde_json::from_str::<Value>(&machine.definition) {
        Ok(before) => all.extend(of_definitions(&before, &wanted.compiled.definition)),
        Err(_) => all.push(FieldDifference::new(ChangeAction::Updated, "definition")),
    }
    all
}

fn of_alias(machine: &ExistingMachine) -> FieldDifference {
    let before = machine.alias_target.as_deref().unwrap_or("several versions");
    let newest = machine.newest_version.as_deref().filter(|newest| machine.is_published && *newest != before);
    FieldDifference::of_values(&format!("version of {ALIAS}"), before, newest.unwrap_or("the new version"))
}

/// The actions that a policy allows and the other one does not.
fn of_policy(before: Option<&Value>, after: Option<&Value>) -> Vec<FieldDifference> {
    let (before, after) = (actions(before), actions(after));
    let added = after
        .difference(&before)
        .map(|action| FieldDifference::new(ChangeAction::Created, format!("permission {action}")));
    let removed = before
        .difference(&after)
        .map(|action| FieldDifference::new(ChangeAction::Deleted, format!("permission {action}")));
    added.chain(removed).collect()
}

fn actions(policy: Option<&Value>) -> BTreeSet<&str> {
    let statements = policy.and_then(|policy| policy["Statement"].as_array()).into_iter().flatten();
    statements.flat_map(actions_of).collect()
}

fn actions_of(statement: &Value) -> Vec<&str> {
    match &statement["Action"] {
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().into_iter().collect(),
    }
}

/// The states that are added, removed and changed, and the other fields of the definition that are changed.
fn of_definitions(before: &Value, after: &Value) -> Vec<FieldDifference> {
    let (old, new) = (states(before), states(after));
    let mut all = of_fields("definition", &top_fields(before), &top_fields(after));
    all.extend(only(&new, &old, ChangeAction::Created));
    all.extend(only(&old, &new, ChangeAction::Deleted));
    for (name, fields) in &old {
        if let Some(other) = new.get(name) {
            all.extend(of_fields(&format!("state {name}"), fields, other));
        }
    }
    if all.is_empty() && before != after {
        all.push(FieldDifference::new(ChangeAction::Updated, "definition"));
    }
    all
}

/// The states that only the first of two definitions has.
fn only(these: &States<'_>, those: &States<'_>, action: ChangeAction) -> Vec<FieldDifference> {
    let names = these.keys().filter(|name| !those.contains_key(**name));
    names.map(|name| FieldDifference::new(action, format!("state {name}"))).collect()
}

/// The fields of a state or a machine.
type Fields<'d> = BTreeMap<&'d str, &'d Value>;
/// The fields of each state, by its name.
type States<'d> = BTreeMap<&'d str, Fields<'d>>;

fn states(definition: &Value) -> States<'_> {
    let mut all = States::new();
    each_state(definition, &mut |state| {
        if !is_added_state(state.name) {
            let fields = own_fields(state.json).map(|(name, value)| (name.as_str(), value));
            all.insert(state.name, fields.collect());
        }
    });
    all
}

/// The fields of a definition without its states.
fn top_fields(definition: &Value) -> Fields<'_> {
    let fields = definition.as_object().into_iter().flatten().filter(|(name, _)| *name != "States");
    fields.map(|(name, value)| (name.as_str(), value)).collect()
}

/// The fields that differ, of the state or the definition `of`.
fn of_fields(of: &str, before: &Fields<'_>, after: &Fields<'_>) -> Vec<FieldDifference> {
    let names: BTreeSet<&str> = before.keys().chain(after.keys()).copied().collect();
    let differing = names.into_iter().filter(|name| before.get(name) != after.get(name));
    differing
        .map(|name| {
            let field = format!("{of}, {name}");
            match (before.get(name), after.get(name)) {
                (None, _) => FieldDifference::new(ChangeAction::Created, field),
                (_, None) => FieldDifference::new(ChangeAction::Deleted, field),
                (Some(before), Some(after)) if is_shown(before) && is_shown(after) => {
                    FieldDifference::of_values(&field, before.to_string(), after.to_string())
                }
                _ => FieldDifference::new(ChangeAction::Updated, field),
            }
        })
        .collect()
}

/// Whether a value is short and no text.
fn is_shown(value: &Value) -> bool {
    value.is_number() || value.is_boolean()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(all: &[FieldDifference]) -> Vec<String> {
        all.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_differences_of_two_definitions_are_the_states_and_their_fields() {
        let before = json!({ "StartAt": "A", "TimeoutSeconds": 5, "States": {
            "A": { "Type": "Task", "HeartbeatSeconds": 5, "Parameters": { "x": 1 }, "Next": "Each" },
            "Each": { "Type": "Map", "ItemProcessor": { "StartAt": "In", "States": { "In": { "Type": "Pass", "End": true } } },
                "Next": "C" },
            "C": { "Type": "Succeed" },
        } });
        let after = json!({ "StartAt": "A", "TimeoutSeconds": 6, "States": {
            "A": { "Type": "Task", "HeartbeatSeconds": 60, "Parameters": { "x": 2 }, "Next": "Each" },
            "Each": { "Type": "Map", "ItemProcessor": { "StartAt": "In", "States": { "In": { "Type": "Pass", "Next": "D" },
                "D": { "Type": "Succeed" } } }, "End": true },
        } });
        let expected = [
            "definition, TimeoutSeconds: 5 → 6",
            "state D is added",
            "state C is removed",
            "state A, HeartbeatSeconds: 5 → 60",
            "state A, Parameters is changed",
            "state Each, End is added",
            "state Each, Next is removed",
            "state In, End is removed",
            "state In, Next is added",
        ];
        assert_eq!(shown(&of_definitions(&before, &after)), expected);
        assert_eq!(of_definitions(&before, &before), []);
        let processor = |kind: &str| {
            let inner =
                json!({ "StartAt": "B", "ProcessorConfig": { "Mode": kind }, "States": { "B": { "Type": "Pass" } } });
            json!({ "StartAt": "A", "States": { "A": { "Type": "Map", "ItemProcessor": inner } } })
        };
        let found = of_definitions(&processor("INLINE"), &processor("DISTRIBUTED"));
        assert_eq!(shown(&found), ["definition is changed"]);
    }

    #[test]
    fn the_differences_of_two_policies_are_their_actions() {
        let policy = |actions: Value| json!({ "Statement": [{ "Action": actions }, { "Action": "kept:Always" }] });
        let (before, after) = (policy(json!(["a:Old", "a:Kept"])), policy(json!(["a:Kept", "a:New"])));
        let expected = ["permission a:New is added", "permission a:Old is removed"];
        assert_eq!(shown(&of_policy(Some(&before), Some(&after))), expected);
        assert_eq!(of_policy(Some(&before), Some(&before)), []);
    }
}
