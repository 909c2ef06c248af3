use deploy::{
    Activity, MapSize, RunSize, Size,
    plan::{ExistingResources, FieldDifference, ResourceKind},
};

use super::{
    removal::loses_executions,
    shown::{change_lines, differences_json, heading, heartbeat_line, keep_line},
    *,
};

fn wanted(role_arn: Option<&str>) -> Wanted {
    let names = ["flow-ec2-createVpc", "flow-rds-createDBInstance"].map(str::to_owned);
    let activity = |name: String| Activity { step: name.replace('-', ":"), name, actions: Vec::new() };
    let size = |transitions, events| Size { transitions, events };
    let maps = vec![MapSize { name: "Each zone".to_owned(), item: size(2, 9) }];
    let size = RunSize { fewest: size(3, 6), each_once: size(139, 600), with_retries: size(4_000, 9_000), maps };
    let activities = names.map(activity).into();
    let compiled = Compiled { definition: json!({ "StartAt": "A" }), activities, warnings: Vec::new(), size };
    let role_arn = role_arn.map(str::to_owned);
    Wanted { name: "endpoints-aws".to_owned(), compiled, role_arn, log_level: LogLevel::Error }
}

fn change(action: ChangeAction, kind: ResourceKind, name: &str) -> DeploymentChange {
    DeploymentChange::new(action, kind, name)
}

fn shown(heading: Vec<String>, changes: &[DeploymentChange]) -> String {
    heading.into_iter().chain(changes.iter().flat_map(change_lines)).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_changes_of_a_deployment_and_of_a_removal() {
    let caller = json!({ "account": "111122223333", "region": "eu-central-1",
        "arn": "arn:aws:sts::111122223333:assumed-role/deployer/ann" });
    let first = wanted(None);
    let created = plan::changes(&first, &ExistingResources::default()).unwrap_or_default();
    let updated = [
        change(ChangeAction::Unchanged, ResourceKind::Activity, "flow-ec2-createVpc"),
        change(ChangeAction::Created, ResourceKind::Activity, "flow-rds-createDBInstance"),
        change(ChangeAction::Updated, ResourceKind::StateMachine, "endpoints-aws"),
    ];
    let deleted = [
        change(ChangeAction::Deleted, ResourceKind::StateMachine, "endpoints-aws"),
        change(ChangeAction::Deleted, ResourceKind::Activity, "flow-ec2-createVpc"),
    ];
    assert!(loses_executions(&deleted) && !loses_executions(&updated) && !loses_executions(&deleted[1..]));
    let kept = keep_line("flow-rds-createDBInstance", "nightly needs it");
    let sections = [
        shown(heading(&first, &caller, false), &created),
        shown(heading(&wanted(Some(ROLE_OF_SERVER)), &Value::Null, false), &updated),
        format!("{}\n{kept}", shown(heading(&first, &caller, true), &deleted)),
    ];
    snapshot!("deploy", sections.join("\n\n"));
}

#[test]
fn a_plan_shows_the_fields_of_what_is_updated_and_the_heartbeat_that_is_kept() {
    let mut change = change(ChangeAction::Updated, ResourceKind::StateMachine, "job");
    change.differences = vec![FieldDifference {
        action: ChangeAction::Updated,
        field: "roleArn".to_owned(),
        values: Some(("arn:a".to_owned(), "arn:b".to_owned())),
    }];
    let lines = change_lines(&change);
    assert_eq!(lines[1..], ["             roleArn: arn:a → arn:b"]);
    assert_eq!(
        differences_json(&change)[0],
        json!({ "action": "update", "field": "roleArn", "before": "arn:a", "after": "arn:b" })
    );
    assert!(heartbeat_line(300).contains("HeartbeatSeconds 300, as deployed"));
}
