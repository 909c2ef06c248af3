//! IAM: the role that starts the tasks, and ECS's service-linked role.

mod inventory;
mod permissions;
mod policy;
mod role;
mod service_linked_role;

use std::sync::Arc;

use async_trait::async_trait;
use engine::step::{Registry, StepError};
use serde_json::Value;

use crate::{
    Environment,
    planned::{KNOWN_AFTER_APPLY, query_answer},
    policy::Scope,
    service::{CheckNames, Found, Holders, Service},
    tags::Tags,
};

const ROLE: &str = "AWS::IAM::Role";

/// IAM: the task execution role.
pub(crate) struct Iam;

#[async_trait]
impl Service for Iam {
    fn name(&self) -> &'static str {
        "iam"
    }

    fn register(&self, registry: &mut Registry, environment: &Arc<Environment>) {
        register(registry, environment);
    }

    fn find_actions(&self) -> &'static [&'static str] {
        &["iam:ListRoles", "iam:ListRoleTags", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies", "iam:GetRole"]
    }

    async fn find(&self, environment: &Environment, deployment: &str, found: &mut Found) -> Result<(), StepError> {
        inventory::find(environment, deployment, found).await
    }

    fn name_actions(&self) -> &'static [&'static str] {
        &["iam:GetRole"]
    }

    async fn check_names(
        &self,
        environment: &Environment,
        names: &CheckNames,
        holders: &mut Holders,
    ) -> Result<(), StepError> {
        inventory::check_names(environment, names, holders).await
    }

    fn answer_in_plan(&self, operation: &str) -> Option<String> {
        let content = format!(
            "<Role><Path>/</Path><RoleName/><RoleId/><Arn>{KNOWN_AFTER_APPLY}</Arn>\
             <CreateDate>2020-01-01T00:00:00Z</CreateDate></Role>"
        );
        let returns_role = matches!(operation, "CreateRole" | "CreateServiceLinkedRole");
        returns_role.then(|| query_answer(operation, &content))
    }

    fn scopes(&self, call: &str) -> &'static [&'static Scope] {
        permissions::scopes(call)
    }
}

impl Environment {
    /// The client for changes.
    pub(crate) fn iam(&self) -> aws_sdk_iam::Client {
        self.client_for_changes(aws_sdk_iam::Client::new)
    }

    /// The client for reads.
    pub(crate) fn iam_reads(&self) -> aws_sdk_iam::Client {
        self.client_for_reads(aws_sdk_iam::Client::new)
    }
}

impl Tags {
    /// The tags in IAM's form.
    fn iam(&self) -> Vec<aws_sdk_iam::types::Tag> {
        // Building a tag fails only without a key, and every pair has one.
        self.pairs()
            .filter_map(|(key, value)| aws_sdk_iam::types::Tag::builder().key(key).value(value).build().ok())
            .collect()
    }
}

fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    service_linked_role::register(registry, environment);
    role::register(registry, environment);
    policy::register(registry, environment);
}

/// The end of a role's ARN.
fn role_ending(name: &str) -> String {
    format!(":role/{name}")
}

/// Whether a policy document is the same JSON as `wanted`.
fn says(text: &str, wanted: &Value) -> bool {
    document(text) == *wanted
}

/// A policy document, which IAM returns percent-encoded; `null` if it is not JSON.
pub(crate) fn document(text: &str) -> Value {
    serde_json::from_str(&decoded(text)).unwrap_or_default()
}

fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_encoded_document_is_not_taken_for_another_one() {
        let wanted = json!({"Version": "2012-10-17", "Resource": ["arn:aws:x:*"]});
        assert!(says(
            "%7B%22Resource%22%3A%5B%22arn%3Aaws%3Ax%3A%2A%22%5D%2C%22Version%22%3A%222012-10-17%22%7D",
            &wanted
        ));
        assert!(says(r#"{"Version": "2012-10-17", "Resource": ["arn:aws:x:*"]}"#, &wanted));
        assert!(!says("%7B%7D", &wanted));
        assert!(!says("%", &wanted));
        assert_eq!(decoded("100%zz%é"), "100%zz%é");
    }
}
