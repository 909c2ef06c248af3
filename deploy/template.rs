//! Writes a deployment as a template of CloudFormation or Terraform: the same resources with the same names and tags.

use serde_json::{Map, Value, json};

use crate::{
    Activity,
    plan::{ALIAS, DEPLOYMENT_TAG, LOG_RETENTION_DAYS, LogLevel, STANDARD, STEP_TAG, Wanted},
};

/// The name of the policy of the role that is created.
const POLICY: &str = "integrations";
/// The percentage of executions that the alias routes to the newest version.
const EVERY_EXECUTION: u8 = 100;

/// The placeholder for the ARN of an activity that does not exist yet. The template replaces it by a reference to its resource.
pub fn activity_placeholder(activity: &str) -> String {
    format!("arn:aws:states:us-east-1:000000000000:activity:{activity}")
}

/// The role's trust policy.
fn trust() -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "Service": "states.amazonaws.com" }, "Action": "sts:AssumeRole"
    }] })
}

/// The role's description.
fn role_description(wanted: &Wanted) -> String {
    format!("State machine {}", wanted.name)
}

/// The definition as text. `escape` is applied first, and then each activity's placeholder is replaced by `arn`.
fn text(wanted: &Wanted, escape: &dyn Fn(String) -> String, arn: &dyn Fn(&Activity) -> String) -> String {
    let text = escape(wanted.compiled.definition.to_string());
    let activities = wanted.compiled.activities.iter();
    activities.fold(text, |text, activity| text.replace(&activity_placeholder(&activity.name), &arn(activity)))
}

/// The tag of a resource in a template of CloudFormation.
fn cloudformation_tags(key: &str, value: &str) -> Value {
    json!([{ "Key": key, "Value": value }])
}

/// The role of a template of CloudFormation, with its policy. It has no name: a named role needs a capability of its own.
fn cloudformation_role(wanted: &Wanted) -> Value {
    let mut properties = json!({
        "AssumeRolePolicyDocument": trust(), "Description": role_description(wanted),
        "Tags": cloudformation_tags(DEPLOYMENT_TAG, &wanted.name),
    });
    if let Some(policy) = wanted.role_policy() {
        properties["Policies"] = json!([{ "PolicyName": POLICY, "PolicyDocument": policy }]);
    }
    json!({ "Type": "AWS::IAM::Role", "Properties": properties })
}

/// The version of the state machine and its alias. A new revision of the state machine replaces the version. The earlier version is kept,
/// as by a deployment, because executions of it may be running.
fn cloudformation_version(resources: &mut Map<String, Value>) {
    let revision = json!({ "Fn::GetAtt": ["StateMachine", "StateMachineRevisionId"] });
    let properties = json!({ "StateMachineArn": { "Ref": "StateMachine" }, "StateMachineRevisionId": revision });
    let version = json!({
        "Type": "AWS::StepFunctions::StateMachineVersion", "DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain",
        "Properties": properties,
    });
    let route = json!([{ "StateMachineVersionArn": { "Ref": "Version" }, "Weight": EVERY_EXECUTION }]);
    let properties = json!({ "Name": ALIAS, "RoutingConfiguration": route });
    resources.insert("Version".to_owned(), version);
    let alias = json!({ "Type": "AWS::StepFunctions::StateMachineAlias", "Properties": properties });
    resources.insert("Alias".to_owned(), alias);
}

/// A template of AWS CloudFormation, as JSON.
pub fn cloudformation(wanted: &Wanted) -> Value {
    let logical = |activity: &Activity| activity.name.replace('-', "");
    let mut resources = Map::new();
    let mut substitutions = Map::new();
    for activity in &wanted.compiled.activities {
        let logical = logical(activity);
        let tags = cloudformation_tags(STEP_TAG, &activity.step);
        let properties = json!({ "Name": activity.name, "Tags": tags });
        resources.insert(logical.clone(), json!({ "Type": "AWS::StepFunctions::Activity", "Properties": properties }));
        substitutions.insert(logical.clone(), json!({ "Ref": logical }));
    }
    let role = match &wanted.role_arn {
        Some(arn) => json!(arn),
        None => {
            resources.insert("Role".to_owned(), cloudformation_role(wanted));
            json!({ "Fn::GetAtt": ["Role", "Arn"] })
        }
    };
    let tags = cloudformation_tags(DEPLOYMENT_TAG, &wanted.name);
    let mut logging = json!({ "Level": wanted.log_level.word(), "IncludeExecutionData": false });
    if wanted.log_level != LogLevel::Off {
        let properties =
            json!({ "LogGroupName": wanted.log_group(), "RetentionInDays": LOG_RETENTION_DAYS, "Tags": tags });
        resources.insert("LogGroup".to_owned(), json!({ "Type": "AWS::Logs::LogGroup", "Properties": properties }));
        let group = json!({ "LogGroupArn": { "Fn::GetAtt": ["LogGroup", "Arn"] } });
        logging["Destinations"] = json!([{ "CloudWatchLogsLogGroup": group }]);
    }
    // CloudFormation reads `${` as a substitution. The author's own `${` becomes the substitution `${Dollar}`, whose
    // value is `$`.
    let escape = |text: String| text.replace("${", "${Dollar}{");
    if wanted.compiled.definition.to_string().contains("${") {
        substitutions.insert("Dollar".to_owned(), json!("$"));
    }
    let definition = text(wanted, &escape, &|activity| format!("${{{}}}", logical(activity)));
    let mut properties = json!({
        "StateMachineName": wanted.name, "StateMachineType": STANDARD, "RoleArn": role, "DefinitionString": definition,
        "LoggingConfiguration": logging, "Tags": tags,
    });
    if !substitutions.is_empty() {
        properties["DefinitionSubstitutions"] = Value::Object(substitutions);
    }
    let machine = json!({ "Type": "AWS::StepFunctions::StateMachine", "Properties": properties });
    resources.insert("StateMachine".to_owned(), machine);
    cloudformation_version(&mut resources);
    json!({
        "AWSTemplateFormatVersion": "2010-09-09", "Description": format!("{}, deployed by flow", wanted.name),
        "Resources": resources, "Outputs": { "StateMachineArn": { "Value": { "Ref": "StateMachine" } } },
    })
}

/// Replaces what Terraform reads as a template.
fn terraform_escaped(text: String) -> String {
    text.replace("${", "$${").replace("%{", "%%{")
}

/// Adds the role of a Terraform configuration, and its policy, which is a resource of its own. Returns whether it has a policy.
fn terraform_role(wanted: &Wanted, tags: &Value, resources: &mut Value) -> bool {
    resources["aws_iam_role"] = json!({ "machine": {
        "name": wanted.role_name(), "description": role_description(wanted), "tags": tags,
        "assume_role_policy": terraform_escaped(trust().to_string()),
    } });
    let Some(policy) = wanted.role_policy() else { return false };
    let policy = terraform_escaped(policy.to_string());
    resources["aws_iam_role_policy"] =
        json!({ "machine": { "name": POLICY, "role": "${aws_iam_role.machine.id}", "policy": policy } });
    true
}

/// A configuration of Terraform, in its JSON syntax.
pub fn terraform(wanted: &Wanted) -> Value {
    let label = |activity: &Activity| activity.name.replace('-', "_");
    // The provider has no attribute `arn` of an activity: its id is the ARN.
    let arn = |activity: &Activity| format!("${{aws_sfn_activity.{}.id}}", label(activity));
    let definition = text(wanted, &terraform_escaped, &arn);
    let tags = json!({ DEPLOYMENT_TAG: wanted.name });
    let mut resources = json!({});
    let activities = wanted.compiled.activities.iter();
    let activities: Map<String, Value> = activities
        .map(|activity| (label(activity), json!({ "name": activity.name, "tags": { STEP_TAG: activity.step } })))
        .collect();
    if !activities.is_empty() {
        resources["aws_sfn_activity"] = Value::Object(activities);
    }
    let mut logging = json!({ "level": wanted.log_level.word(), "include_execution_data": false });
    if wanted.log_level != LogLevel::Off {
        resources["aws_cloudwatch_log_group"] = json!({ "machine": {
            "name": wanted.log_group(), "retention_in_days": LOG_RETENTION_DAYS, "tags": tags,
        } });
        logging["log_destination"] = json!("${aws_cloudwatch_log_group.machine.arn}:*");
    }
    let role = wanted.role_arn.clone().unwrap_or_else(|| "${aws_iam_role.machine.arn}".to_owned());
    let mut machine = json!({
        "name": wanted.name, "type": STANDARD, "role_arn": role, "definition": definition, "publish": true,
        "logging_configuration": logging, "tags": tags,
    });
    if wanted.role_arn.is_none() && terraform_role(wanted, &tags, &mut resources) {
        // Step Functions refuses a state machine whose role may not write its log yet.
        machine["depends_on"] = json!(["aws_iam_role_policy.machine"]);
    }
    resources["aws_sfn_state_machine"] = json!({ "machine": machine });
    let version = "${aws_sfn_state_machine.machine.state_machine_version_arn}";
    let route = json!({ "state_machine_version_arn": version, "weight": EVERY_EXECUTION });
    resources["aws_sfn_alias"] = json!({ "machine": { "name": ALIAS, "routing_configuration": route } });
    json!({
        "resource": resources,
        "output": { "state_machine_arn": { "value": "${aws_sfn_state_machine.machine.arn}" } },
    })
}

#[cfg(test)]
mod tests;
