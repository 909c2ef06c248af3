//! The permissions of a state machine's role. Activities need none: their workers have their own credentials.

use std::collections::BTreeMap;

use engine::{
    asl::{each_state, is_distributed},
    step::{Pattern, Resource},
};
use serde_json::{Value, json};

/// The statements of the role's policy, from the integrations that a definition names. Empty if it calls activities
/// only.
pub fn role_statements(definition: &Value) -> Vec<Value> {
    let mut allowed: BTreeMap<String, Vec<String>> = BTreeMap::new();
    each_state(definition, &mut |state| {
        let state = state.json;
        let resource = state["Resource"].as_str().filter(|_| state["Type"] == "Task").unwrap_or_default();
        for (action, on) in actions(resource, state) {
            let on_all = allowed.entry(on).or_default();
            if !on_all.contains(&action) {
                on_all.push(action);
            }
        }
        if is_distributed(state) {
            let own = ["states:StartExecution", "states:DescribeExecution", "states:StopExecution"];
            allowed.entry("*".to_owned()).or_default().extend(own.map(str::to_owned));
        }
    });
    let statement = |(resource, mut actions): (String, Vec<String>)| {
        actions.sort();
        actions.dedup();
        json!({ "Effect": "Allow", "Action": actions, "Resource": resource })
    };
    allowed.into_iter().map(statement).collect()
}

/// The actions of a Task, each with the resource on which it is allowed.
fn actions(resource: &str, state: &Value) -> Vec<(String, String)> {
    let arguments = if state.get("Arguments").is_some() { &state["Arguments"] } else { &state["Parameters"] };
    let named = |field: &str| match arguments[field].as_str() {
        Some(arn) if arn.starts_with("arn:") => arn.to_owned(),
        _ => "*".to_owned(),
    };
    match Resource::parse(resource) {
        Resource::LambdaFunction { .. } => vec![("lambda:InvokeFunction".to_owned(), resource.to_owned())],
        Resource::Integration { service: "lambda", .. } => {
            vec![("lambda:InvokeFunction".to_owned(), named("FunctionName"))]
        }
        Resource::Integration { service: "states", pattern, .. } => {
            let mut all = vec![("states:StartExecution".to_owned(), named("StateMachineArn"))];
            if matches!(pattern, Pattern::RunJob { .. }) {
                let more = ["states:DescribeExecution", "states:StopExecution", "events:PutTargets", "events:PutRule"];
                all.extend(more.map(|action| (action.to_owned(), "*".to_owned())));
            }
            all
        }
        Resource::Integration { service: "sns", .. } => vec![("sns:Publish".to_owned(), named("TopicArn"))],
        Resource::Integration { service: "http", .. } => vec![
            ("states:InvokeHTTPEndpoint".to_owned(), "*".to_owned()),
            ("events:RetrieveConnectionCredentials".to_owned(), "*".to_owned()),
        ],
        Resource::Integration { service, action, .. } => {
            let service = service.strip_prefix("aws-sdk:").unwrap_or(service);
            // S3's actions are not named after the calls (Service Authorization Reference, "Amazon S3").
            let action = match (service, action) {
                ("s3", "headObject") => "getObject",
                ("s3", "headBucket" | "listObjects" | "listObjectsV2") => "listBucket",
                ("s3", "listBuckets") => "listAllMyBuckets",
                (_, action) => action,
            };
            let mut letters = action.chars();
            let first = letters.next().map(|letter| letter.to_ascii_uppercase());
            let action: String = first.into_iter().chain(letters).collect();
            vec![(format!("{service}:{action}"), "*".to_owned())]
        }
        Resource::Activity | Resource::Step { .. } | Resource::Unknown => Vec::new(),
    }
}
