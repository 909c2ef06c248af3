#![allow(clippy::unwrap_used)]

use super::*;
use crate::{Activity, RunSize};

fn wanted(definition: Value) -> Wanted {
    let activities = vec![Activity { name: "flow-a".to_owned(), step: "a".to_owned(), actions: Vec::new() }];
    let compiled = Compiled { definition, activities, warnings: Vec::new(), size: RunSize::default() };
    Wanted { name: "m".to_owned(), compiled, role_arn: None, log_level: LogLevel::Error }
}

/// The resources that exist after a deployment.
fn deployed(wanted: &Wanted) -> ExistingResources {
    let version = Some("arn:m:1".to_owned());
    ExistingResources {
        activities: [("flow-a".to_owned(), "arn:a".to_owned())].into(),
        others: [("flow-b", "arn:b"), ("own", "arn:c")].map(|(name, arn)| (name.to_owned(), arn.to_owned())).into(),
        role: Some(ExistingRole {
            arn: "arn:role".to_owned(),
            deployment: Some("m".to_owned()),
            trusts: true,
            policy: wanted.role_policy(),
        }),
        log_group: Some(ExistingLogGroup { arn: "arn:log".to_owned(), retention_days: Some(LOG_RETENTION_DAYS) }),
        machine: Some(ExistingMachine {
            arn: "arn:m".to_owned(),
            definition: wanted.compiled.definition.to_string(),
            role_arn: "arn:role".to_owned(),
            kind: "STANDARD".to_owned(),
            status: "ACTIVE".to_owned(),
            log_level: "ERROR".to_owned(),
            deployment: Some("m".to_owned()),
            is_published: true,
            newest_version: version.clone(),
            alias_target: version,
            has_alias: true,
        }),
    }
}

fn changed(wanted: &Wanted, found: &ExistingResources) -> Vec<(ChangeAction, ResourceKind)> {
    let all = changes(wanted, found).unwrap();
    all.iter()
        .filter(|change| change.action != ChangeAction::Unchanged)
        .map(|change| (change.action, change.kind))
        .collect()
}

#[test]
fn the_first_deployment_creates_everything_and_the_second_changes_nothing() {
    let wanted = wanted(json!({ "StartAt": "A" }));
    let first = changes(&wanted, &ExistingResources::default()).unwrap();
    assert!(first.iter().all(|change| change.action == ChangeAction::Created), "{first:?}");
    assert!(first.is_sorted_by_key(|change| change.kind), "{first:?}");
    assert_eq!(first.len(), 7);
    assert_eq!(changed(&wanted, &deployed(&wanted)), []);
}

#[test]
fn a_changed_definition_makes_one_version_and_moves_the_alias() {
    let found = deployed(&wanted(json!({ "StartAt": "A" })));
    let expected = [
        (ChangeAction::Updated, ResourceKind::StateMachine),
        (ChangeAction::Created, ResourceKind::Version),
        (ChangeAction::Updated, ResourceKind::Alias),
    ];
    assert_eq!(changed(&wanted(json!({ "StartAt": "B" })), &found), expected);
}

#[test]
fn a_plan_says_in_what_each_updated_resource_differs() {
    let mut found = deployed(&wanted(json!({ "StartAt": "A" })));
    found.log_group.as_mut().unwrap().retention_days = None;
    found.role.as_mut().unwrap().trusts = false;
    let wanted = Wanted { log_level: LogLevel::All, ..wanted(json!({ "StartAt": "A", "TimeoutSeconds": 9 })) };
    let all = changes(&wanted, &found).unwrap();
    let shown = |kind: ResourceKind| -> Vec<String> {
        let change = all.iter().find(|change| change.kind == kind).unwrap();
        change.differences.iter().map(ToString::to_string).collect()
    };
    assert_eq!(shown(ResourceKind::StateMachine), ["log level: ERROR → ALL", "definition, TimeoutSeconds is added"]);
    assert_eq!(shown(ResourceKind::Alias), ["version of deployed: arn:m:1 → the new version"]);
    assert_eq!(shown(ResourceKind::LogGroup), ["retentionInDays: unlimited → 90"]);
    assert_eq!(shown(ResourceKind::Role), ["AssumeRolePolicyDocument is changed"]);
    assert_eq!(shown(ResourceKind::Activity), [""; 0], "unchanged");
    let given = Wanted { role_arn: Some("arn:other".to_owned()), ..wanted };
    let all = changes(&given, &found).unwrap();
    let machine = all.iter().find(|change| change.kind == ResourceKind::StateMachine).unwrap();
    assert_eq!(machine.differences[0].to_string(), "roleArn: arn:role → arn:other");
}

#[test]
fn a_deployment_that_was_cut_short_is_completed() {
    let wanted = wanted(json!({ "StartAt": "A" }));
    let mut found = deployed(&wanted);
    found.machine.as_mut().unwrap().alias_target = Some("arn:m:0".to_owned());
    assert_eq!(changed(&wanted, &found), [(ChangeAction::Updated, ResourceKind::Alias)]);
    found.machine.as_mut().unwrap().is_published = false;
    assert_eq!(
        changed(&wanted, &found),
        [(ChangeAction::Created, ResourceKind::Version), (ChangeAction::Updated, ResourceKind::Alias)]
    );
    found = deployed(&wanted);
    found.role.as_mut().unwrap().policy = None;
    found.log_group.as_mut().unwrap().retention_days = None;
    assert_eq!(
        changed(&wanted, &found),
        [(ChangeAction::Created, ResourceKind::RolePolicy), (ChangeAction::Updated, ResourceKind::LogGroup)]
    );
}

#[test]
fn what_belongs_to_something_else_is_refused() {
    let wanted = wanted(json!({}));
    let refused = |change: fn(&mut ExistingMachine)| {
        let mut found = deployed(&wanted);
        change(found.machine.as_mut().unwrap());
        let conflict = changes(&wanted, &found).unwrap_err();
        assert_eq!(conflict.kind, ResourceKind::StateMachine);
        conflict.reason
    };
    assert_eq!(refused(|machine| machine.deployment = None), ConflictReason::OfNoDeployment);
    let other = refused(|machine| machine.deployment = Some("other".to_owned()));
    assert_eq!(other, ConflictReason::OfDeployment("other".to_owned()));
    let express = refused(|machine| machine.kind = "EXPRESS".to_owned());
    assert_eq!(express, ConflictReason::OfType("EXPRESS".to_owned()));
    assert_eq!(refused(|machine| machine.status = "DELETING".to_owned()), ConflictReason::IsBeingDeleted);
    let mut found = deployed(&wanted);
    found.role.as_mut().unwrap().deployment = None;
    let conflict = removal(&wanted, &found, &[]).unwrap_err();
    let expected = format!("the role {} exists, and flow deploy did not create it", wanted.role_name());
    assert_eq!(conflict.to_string(), expected);
}

#[test]
fn a_removal_deletes_what_was_made_and_keeps_activities_that_others_name() {
    let wanted = wanted(json!({}));
    let kinds = |needed: &[String]| -> Vec<ResourceKind> {
        removal(&wanted, &deployed(&wanted), needed).unwrap().iter().map(|change| change.kind).collect()
    };
    let all = [
        ResourceKind::Alias,
        ResourceKind::StateMachine,
        ResourceKind::LogGroup,
        ResourceKind::RolePolicy,
        ResourceKind::Role,
        ResourceKind::Activity,
    ];
    assert_eq!(kinds(&[]), all);
    assert_eq!(kinds(&["flow-a".to_owned()]), all[..5]);
    assert_eq!(removal(&wanted, &ExistingResources::default(), &[]).unwrap(), []);
}

#[test]
fn what_a_definition_names_no_longer_is_reported_and_the_activity_of_an_author_is_not() {
    let earlier = json!({ "StartAt": "A", "States": { "A": { "Resource": "arn:b" }, "B": { "Resource": "arn:c" } } });
    let found = deployed(&wanted(earlier.clone()));
    assert_eq!(unneeded(&wanted(json!({ "StartAt": "A" })), &found), ["flow-b"]);
    assert_eq!(unneeded(&wanted(earlier), &found), [""; 0]);
    assert_eq!(unneeded(&wanted(json!({})), &ExistingResources::default()), [""; 0]);
}

#[test]
fn a_given_role_and_no_log_leave_other_services_alone() {
    let wanted = Wanted { role_arn: Some("arn:r".to_owned()), log_level: LogLevel::Off, ..wanted(json!({})) };
    let kinds: Vec<_> =
        changes(&wanted, &ExistingResources::default()).unwrap().iter().map(|change| change.kind).collect();
    assert_eq!(kinds, [ResourceKind::Activity, ResourceKind::StateMachine, ResourceKind::Version, ResourceKind::Alias]);
    assert_eq!(wanted.role_policy(), None);
}
