#![allow(clippy::unwrap_used)]

use super::*;
use crate::{
    Compiled, RunSize,
    plan::{ExistingResources, ResourceKind, changes},
};

const ACTIVITY: &str = "flow-test-make-1a2b3c4d";

/// A deployment of a step and a Pass with a text.
fn wanted(text: &str, log_level: LogLevel, role_arn: Option<&str>) -> Wanted {
    let definition = json!({ "StartAt": "A", "States": {
        "A": { "Type": "Pass", "Result": text, "Next": "B" },
        "B": { "Type": "Task", "Resource": activity_placeholder(ACTIVITY), "End": true } } });
    let activity = Activity { name: ACTIVITY.to_owned(), step: "test:make".to_owned(), actions: Vec::new() };
    let compiled = Compiled { definition, activities: vec![activity], warnings: Vec::new(), size: RunSize::default() };
    Wanted { name: "m".to_owned(), compiled, role_arn: role_arn.map(str::to_owned), log_level }
}

/// Deployments with each log level, with a role that is created and with a given one.
fn each_kind() -> Vec<Wanted> {
    let levels = [LogLevel::Off, LogLevel::Error, LogLevel::All];
    let roles = [None, Some("arn:aws:iam::111111111111:role/own")];
    levels.iter().flat_map(|level| roles.map(|role| wanted("text", *level, role))).collect()
}

/// The type of a resource in a Terraform configuration.
fn terraform_type(kind: ResourceKind) -> &'static str {
    match kind {
        ResourceKind::Activity => "aws_sfn_activity",
        ResourceKind::Role => "aws_iam_role",
        ResourceKind::RolePolicy => "aws_iam_role_policy",
        ResourceKind::LogGroup => "aws_cloudwatch_log_group",
        // The state machine publishes its versions.
        ResourceKind::StateMachine | ResourceKind::Version => "aws_sfn_state_machine",
        ResourceKind::Alias => "aws_sfn_alias",
    }
}

#[test]
fn the_templates_make_what_a_first_deployment_makes() {
    for wanted in each_kind() {
        let changes = changes(&wanted, &ExistingResources::default()).unwrap();
        let (cloudformation, terraform) = (cloudformation(&wanted), terraform(&wanted));
        let made = cloudformation["Resources"].as_object().unwrap();
        let of_type = |word: &str| made.values().find(|resource| resource["Type"] == word);
        for change in &changes {
            match change.kind {
                ResourceKind::RolePolicy => assert!(made["Role"]["Properties"]["Policies"].is_array(), "{made:?}"),
                kind => assert!(of_type(kind.type_name()).is_some(), "{kind:?}: {made:?}"),
            }
            let kind = terraform_type(change.kind);
            assert!(terraform["resource"][kind].is_object(), "{kind}: {terraform}");
        }
        // The policy of the role is part of the role.
        let policies = changes.iter().filter(|change| change.kind == ResourceKind::RolePolicy).count();
        assert_eq!(made.len(), changes.len() - policies, "{made:?}");
        // The version is part of the state machine.
        assert_eq!(terraform["resource"].as_object().unwrap().len(), changes.len() - 1, "{terraform}");
    }
}

#[test]
fn the_templates_have_the_names_tags_and_settings_of_a_deployment() {
    let wanted = wanted("text", LogLevel::All, None);
    let template = cloudformation(&wanted);
    let properties = |name: &str| template["Resources"][name]["Properties"].clone();
    let tags = json!([{ "Key": "flow:deployment", "Value": "m" }]);
    for name in ["Role", "LogGroup", "StateMachine"] {
        assert_eq!(properties(name)["Tags"], tags, "{name}");
    }
    assert_eq!(properties("flowtestmake1a2b3c4d")["Tags"], json!([{ "Key": "flow:step", "Value": "test:make" }]));
    assert_eq!(
        (&properties("LogGroup")["LogGroupName"], &properties("LogGroup")["RetentionInDays"]),
        (&json!("/aws/vendedlogs/states/m"), &json!(90))
    );
    let logging = &properties("StateMachine")["LoggingConfiguration"];
    assert_eq!((&logging["Level"], &logging["IncludeExecutionData"]), (&json!("ALL"), &json!(false)));
    let policy = &properties("Role")["Policies"][0]["PolicyDocument"];
    assert_eq!(*policy, wanted.role_policy().unwrap());
    assert!(policy.to_string().contains("logs:CreateLogDelivery"), "{policy}");
    assert_eq!(properties("Alias")["Name"], ALIAS);

    let template = terraform(&wanted);
    let resource = |kind: &str| template["resource"][kind]["machine"].clone();
    for kind in ["aws_iam_role", "aws_cloudwatch_log_group", "aws_sfn_state_machine"] {
        assert_eq!(resource(kind)["tags"], json!({ "flow:deployment": "m" }), "{kind}");
    }
    let step = &template["resource"]["aws_sfn_activity"]["flow_test_make_1a2b3c4d"]["tags"];
    assert_eq!(*step, json!({ "flow:step": "test:make" }));
    let group = resource("aws_cloudwatch_log_group");
    assert_eq!((&group["name"], &group["retention_in_days"]), (&json!("/aws/vendedlogs/states/m"), &json!(90)));
    let machine = resource("aws_sfn_state_machine");
    assert_eq!((&machine["publish"], &machine["logging_configuration"]["level"]), (&json!(true), &json!("ALL")));
    assert_eq!(machine["depends_on"], json!(["aws_iam_role_policy.machine"]), "the role may write the log before");
    let policy = resource("aws_iam_role_policy")["policy"].as_str().unwrap().to_owned();
    assert_eq!(serde_json::from_str::<Value>(&policy).unwrap(), wanted.role_policy().unwrap());
    assert_eq!(
        (&resource("aws_sfn_alias")["name"], &resource("aws_iam_role")["name"]),
        (&json!(ALIAS), &json!("flow-m"))
    );
}

/// The log would otherwise keep its level when a later template turns it off.
#[test]
fn a_template_without_a_log_turns_it_off() {
    let wanted = wanted("text", LogLevel::Off, Some("arn:aws:iam::111111111111:role/own"));
    let machine = &cloudformation(&wanted)["Resources"]["StateMachine"]["Properties"];
    assert_eq!(machine["LoggingConfiguration"], json!({ "Level": "OFF", "IncludeExecutionData": false }));
    let machine = &terraform(&wanted)["resource"]["aws_sfn_state_machine"]["machine"];
    assert_eq!(machine["logging_configuration"], json!({ "level": "OFF", "include_execution_data": false }));
    assert_eq!(machine["role_arn"], "arn:aws:iam::111111111111:role/own");
    assert_eq!(machine["depends_on"], Value::Null);
}

#[test]
fn templates_name_each_activity_and_keep_the_authors_dollars() {
    let wanted = wanted("${home} %{x}", LogLevel::Error, None);
    let template = cloudformation(&wanted);
    let text = template["Resources"]["StateMachine"]["Properties"]["DefinitionString"].as_str().unwrap();
    assert!(text.contains("${Dollar}{home}") && !text.contains("000000000000"), "{text}");
    let template = terraform(&wanted);
    let text = template["resource"]["aws_sfn_state_machine"]["machine"]["definition"].as_str().unwrap();
    assert!(text.contains("$${home} %%{x}") && text.contains("${aws_sfn_activity.flow_test_make_"), "{text}");
}

/// The texts between `${` and `}`, without the escaped ones.
fn references(text: &str) -> Vec<&str> {
    let all = text.match_indices("${").filter(|(at, _)| !text[..*at].ends_with('$'));
    all.map(|(at, _)| text[at + 2..].split('}').next().unwrap()).collect()
}

/// The attributes that the provider exports (its documentation of each resource; release 5.100 was tried).
#[test]
fn each_reference_of_a_terraform_configuration_is_to_an_attribute_of_one_of_its_resources() {
    let exported = [
        ("aws_sfn_activity", "id"),
        ("aws_iam_role", "arn"),
        ("aws_iam_role", "id"),
        ("aws_cloudwatch_log_group", "arn"),
        ("aws_sfn_state_machine", "arn"),
        ("aws_sfn_state_machine", "state_machine_version_arn"),
    ];
    for wanted in each_kind() {
        let template = terraform(&wanted);
        let text = template.to_string();
        let found = references(&text);
        assert!(found.len() >= 3, "{text}");
        for reference in found {
            let words: Vec<&str> = reference.split('.').collect();
            let [kind, label, attribute] = words[..] else { panic!("{reference}") };
            assert!(template["resource"][kind][label].is_object(), "{reference}");
            assert!(exported.contains(&(kind, attribute)), "{reference}");
        }
    }
}

/// The names that `Ref` and `Fn::GetAtt` have in a template of CloudFormation.
fn named(value: &Value, found: &mut Vec<String>) {
    for (name, value) in value.as_object().into_iter().flatten() {
        match name.as_str() {
            "Ref" => found.push(value.as_str().unwrap().to_owned()),
            "Fn::GetAtt" => found.push(value[0].as_str().unwrap().to_owned()),
            _ => named(value, found),
        }
    }
    value.as_array().into_iter().flatten().for_each(|value| named(value, found));
}

#[test]
fn each_reference_of_a_cloudformation_template_is_to_one_of_its_resources() {
    for wanted in each_kind() {
        let template = cloudformation(&wanted);
        let mut found = Vec::new();
        named(&template, &mut found);
        assert!(found.len() >= 4, "{found:?}");
        let missing: Vec<_> = found.iter().filter(|name| template["Resources"][name.as_str()].is_null()).collect();
        assert!(missing.is_empty(), "{missing:?}: {template}");
        let machine = &template["Resources"]["StateMachine"]["Properties"];
        let substitutions = machine["DefinitionSubstitutions"].as_object().unwrap();
        let text = machine["DefinitionString"].as_str().unwrap();
        assert!(references(text).into_iter().all(|name| substitutions.contains_key(name)), "{text}");
    }
}
