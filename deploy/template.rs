//! Writes a deployment as a template of CloudFormation or Terraform.

use serde_json::{Map, Value, json};

use crate::{Activity, role_statements};

/// The content of a template. In its definition, [`Stack::placeholder`] takes the place of each activity's ARN.
#[derive(Debug)]
pub struct Stack<'a> {
    /// The state machine's name.
    pub name: &'a str,
    /// The compiled definition.
    pub definition: &'a Value,
    /// The activities it names.
    pub activities: &'a [Activity],
    /// The role's ARN; `None` creates a role.
    pub role_arn: Option<&'a str>,
}

impl Stack<'_> {
    /// The placeholder for the ARN of an activity, which a template replaces by its own reference.
    pub fn placeholder(activity: &str) -> String {
        format!("arn:aws:states:us-east-1:000000000000:activity:{activity}")
    }

    fn policy(&self) -> Option<Value> {
        let statements = role_statements(self.definition);
        (!statements.is_empty()).then(|| json!({ "Version": "2012-10-17", "Statement": statements }))
    }
}

/// The role's trust policy.
fn trust() -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "Service": "states.amazonaws.com" }, "Action": "sts:AssumeRole"
    }] })
}

/// The definition as text. `escape` is applied first, and then each activity's placeholder is replaced by `arn`.
fn text(stack: &Stack, escape: &dyn Fn(String) -> String, arn: &dyn Fn(&Activity) -> String) -> String {
    let text = escape(stack.definition.to_string());
    stack
        .activities
        .iter()
        .fold(text, |text, activity| text.replace(&Stack::placeholder(&activity.name), &arn(activity)))
}

/// A template of AWS CloudFormation, as JSON.
pub fn cloudformation(stack: &Stack) -> Value {
    let logical = |activity: &Activity| activity.name.replace('-', "");
    let mut resources = Map::new();
    let mut substitutions = Map::new();
    for activity in stack.activities {
        let logical = logical(activity);
        let properties = json!({ "Name": activity.name });
        resources.insert(logical.clone(), json!({ "Type": "AWS::StepFunctions::Activity", "Properties": properties }));
        substitutions.insert(logical.clone(), json!({ "Ref": logical }));
    }
    let role = match stack.role_arn {
        Some(arn) => json!(arn),
        None => {
            let mut properties = json!({ "AssumeRolePolicyDocument": trust() });
            if let Some(policy) = stack.policy() {
                properties["Policies"] = json!([{ "PolicyName": "integrations", "PolicyDocument": policy }]);
            }
            resources.insert("Role".to_owned(), json!({ "Type": "AWS::IAM::Role", "Properties": properties }));
            json!({ "Fn::GetAtt": ["Role", "Arn"] })
        }
    };
    // CloudFormation reads `${` as a substitution. The author's own `${` becomes the substitution `${Dollar}`, whose
    // value is `$`.
    let escape = |text: String| text.replace("${", "${Dollar}{");
    if stack.definition.to_string().contains("${") {
        substitutions.insert("Dollar".to_owned(), json!("$"));
    }
    let definition = text(stack, &escape, &|activity| format!("${{{}}}", logical(activity)));
    let mut properties = json!({
        "StateMachineName": stack.name, "StateMachineType": "STANDARD", "RoleArn": role, "DefinitionString": definition,
    });
    if !substitutions.is_empty() {
        properties["DefinitionSubstitutions"] = Value::Object(substitutions);
    }
    let machine = json!({ "Type": "AWS::StepFunctions::StateMachine", "Properties": properties });
    resources.insert("StateMachine".to_owned(), machine);
    json!({
        "AWSTemplateFormatVersion": "2010-09-09", "Description": format!("{}, deployed by flow", stack.name),
        "Resources": resources, "Outputs": { "StateMachineArn": { "Value": { "Ref": "StateMachine" } } },
    })
}

/// A configuration of Terraform, in its JSON syntax.
pub fn terraform(stack: &Stack) -> Value {
    let label = |activity: &Activity| activity.name.replace('-', "_");
    let escape = |text: String| text.replace("${", "$${").replace("%{", "%%{");
    let arn = |activity: &Activity| format!("${{aws_sfn_activity.{}.arn}}", label(activity));
    let definition = text(stack, &escape, &arn);
    let activities: Map<String, Value> =
        stack.activities.iter().map(|activity| (label(activity), json!({ "name": activity.name }))).collect();
    let mut resources = json!({});
    if !activities.is_empty() {
        resources["aws_sfn_activity"] = Value::Object(activities);
    }
    let role = match stack.role_arn {
        Some(arn) => arn.to_owned(),
        None => {
            let name = format!("flow-{}", stack.name);
            resources["aws_iam_role"] =
                json!({ "machine": { "name": name, "assume_role_policy": escape(trust().to_string()) } });
            if let Some(policy) = stack.policy() {
                let role = "${aws_iam_role.machine.id}";
                let policy = json!({ "name": "integrations", "role": role, "policy": escape(policy.to_string()) });
                resources["aws_iam_role_policy"] = json!({ "machine": policy });
            }
            "${aws_iam_role.machine.arn}".to_owned()
        }
    };
    let machine = json!({ "name": stack.name, "type": "STANDARD", "role_arn": role, "definition": definition });
    resources["aws_sfn_state_machine"] = json!({ "machine": machine });
    json!({
        "resource": resources,
        "output": { "state_machine_arn": { "value": "${aws_sfn_state_machine.machine.arn}" } },
    })
}
