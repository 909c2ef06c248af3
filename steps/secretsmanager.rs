//! Secrets Manager: the database's password and the URL that contains it. Secrets stay in this file and its submodules:
//! they are in no output, no error and no log.

mod inventory;
mod jdbc_url;
mod login;
mod password;

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_smithy_types::date_time::Format;
use engine::step::{Answer, ChangeAction, ErrorClass, Registry, ResourceChange, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use login::{Login, read_password};

use crate::{
    Environment, Nothing,
    failure::{already_exists, code_of, failure, is_missing, name_taken},
    found_tags,
    outcome::{deleted, gone_already},
    planned::{Bill, PlannedChange, Price, Prices},
    policy::{READS, Scope, none},
    service::{CheckNames, Found, Holders, Service},
    tags::{FoundTags, Tags},
};

const RESOURCE_TYPE: &str = "AWS::SecretsManager::Secret";

/// The secrets of a deployment.
const SECRETS: Scope = Scope {
    id: "Secrets",
    resources: |restriction| vec![restriction.arn("secretsmanager", &format!("secret:{}/*", restriction.deployment))],
    condition: none,
};

/// Secrets Manager: the secrets of a deployment.
pub(crate) struct SecretsManager;

#[async_trait]
impl Service for SecretsManager {
    fn name(&self) -> &'static str {
        "secretsmanager"
    }

    fn register(&self, registry: &mut Registry, environment: &Arc<Environment>) {
        register(registry, environment);
    }

    fn find_actions(&self) -> &'static [&'static str] {
        &["secretsmanager:ListSecrets", "secretsmanager:DescribeSecret"]
    }

    async fn find(&self, environment: &Environment, deployment: &str, found: &mut Found) -> Result<(), StepError> {
        inventory::find(environment, deployment, found).await
    }

    fn name_actions(&self) -> &'static [&'static str] {
        &["secretsmanager:DescribeSecret"]
    }

    async fn check_names(
        &self,
        environment: &Environment,
        names: &CheckNames,
        holders: &mut Holders,
    ) -> Result<(), StepError> {
        inventory::check_names(environment, names, holders).await
    }

    fn scopes(&self, _call: &str) -> &'static [&'static Scope] {
        &[&SECRETS]
    }

    fn read_scopes(&self, call: &str) -> &'static [&'static Scope] {
        match call {
            "ListSecrets" | "GetRandomPassword" => &[&READS],
            // Reading a secret's value is not an ordinary read.
            _ => &[&SECRETS],
        }
    }

    fn monthly_usd(&self, change: &PlannedChange, _plan: &[PlannedChange], prices: &Prices) -> Price {
        match change.resource_type.as_str() {
            RESOURCE_TYPE => {
                Price::Billed(Bill::default().with("secrets", Some(1.0), prices.everywhere("secretMonth")))
            }
            _ => Price::Free,
        }
    }
}

impl Environment {
    /// The client for changes.
    fn secretsmanager(&self) -> aws_sdk_secretsmanager::Client {
        self.client_for_changes(aws_sdk_secretsmanager::Client::new)
    }

    /// The client for reads.
    fn secretsmanager_reads(&self) -> aws_sdk_secretsmanager::Client {
        self.client_for_reads(aws_sdk_secretsmanager::Client::new)
    }
}

impl Tags {
    /// The tags in Secrets Manager's form.
    fn secretsmanager(&self) -> Vec<aws_sdk_secretsmanager::types::Tag> {
        self.pairs()
            .map(|(key, value)| aws_sdk_secretsmanager::types::Tag::builder().key(key).value(value).build())
            .collect()
    }
}

fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    password::register(registry, environment);
    jdbc_url::register(registry, environment);
    step!(
        registry,
        environment,
        "secretsmanager:deleteSecret",
        "Deletes a secret at once, without a time to recover it.",
        ["secretsmanager:DescribeSecret", "secretsmanager:DeleteSecret"],
        delete_secret
    );
}

/// A secret by ARN and name, without its value.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct SecretArnAndName {
    secret_arn: String,
    name: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SecretArn {
    secret_arn: String,
}

/// An existing secret that is not being deleted and belongs to the deployment.
struct FoundSecret {
    arn: String,
    tags: FoundTags,
}

/// Finds the secret of a name.
///
/// # Errors
/// `NameTaken` if the name belongs to another owner, or to a secret that is scheduled for deletion.
async fn find(environment: &Environment, deployment: &str, name: &str) -> Result<Option<FoundSecret>, StepError> {
    let Some(secret) = describe(environment, name).await? else { return Ok(None) };
    let tags = found_tags!(secret.tags());
    if !tags.is_ours(deployment) {
        return Err(name_taken("secret", name, deployment, tags.deployment.as_deref()));
    }
    if secret.deleted_date().is_some() {
        return Err(waits_for_deletion(&secret, name));
    }
    Ok(Some(FoundSecret { arn: secret.arn.unwrap_or_default(), tags }))
}

async fn describe(environment: &Environment, id: &str) -> Result<Option<DescribeSecretOutput>, StepError> {
    match environment.secretsmanager_reads().describe_secret().secret_id(id).send().await {
        Ok(secret) => Ok(Some(secret)),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(failure("secretsmanager:DescribeSecret", error)),
    }
}

fn waits_for_deletion(secret: &DescribeSecretOutput, name: &str) -> StepError {
    StepError::new(ErrorClass::NameTaken, format!("secret {name} {}", scheduled(secret, name)))
}

/// The message about a secret that is scheduled for deletion: the date of the deletion, and the command that cancels it.
fn scheduled(secret: &DescribeSecretOutput, name: &str) -> String {
    let date = secret.deleted_date().and_then(|date| date.fmt(Format::DateTime).ok());
    let date = date.map_or_else(String::new, |date| format!(" (DeletedDate {date})"));
    format!(
        "is scheduled for deletion{date} and keeps its name until then: \
         `aws secretsmanager restore-secret --secret-id {name}` restores it, \
         and `aws secretsmanager delete-secret --secret-id {name} --force-delete-without-recovery` deletes it at once"
    )
}

/// Creates the secret. If the name is taken, returns the deployment's own secret, or names the other owner in the
/// error.
async fn create(
    environment: &Environment,
    context: &StepContext,
    (deployment, name): (&str, &str),
    value: String,
) -> StepResult<SecretArnAndName> {
    let created = environment
        .secretsmanager()
        .create_secret()
        .name(name)
        .client_request_token(&context.token)
        .secret_string(value)
        .set_tags(Some(Tags::new(context, deployment).named(name).secretsmanager()))
        .send()
        .await;
    match created {
        Ok(secret) => Ok(answered(secret.arn.unwrap_or_default(), name, ChangeAction::Created)),
        Err(error) if already_exists(&error) => match find(environment, deployment, name).await? {
            Some(secret) => {
                let change = secret.tags.change(context, &secret.arn);
                Ok(answered(secret.arn, name, change))
            }
            None => Err(failure("secretsmanager:CreateSecret", error)),
        },
        Err(error) => {
            let being_deleted = code_of(&error) == Some("InvalidRequestException");
            let mut failure = failure("secretsmanager:CreateSecret", error);
            // Only the message says so: the code is that of every request that the secret's state forbids (Secrets Manager API Reference,
            // "CreateSecret").
            if being_deleted && failure.cause.contains("scheduled for deletion") {
                // A deletion without recovery takes some seconds. If the name stays taken, the retries end.
                failure.class = ErrorClass::Busy;
            }
            Err(failure)
        }
    }
}

fn answered(secret_arn: String, name: &str, change: ChangeAction) -> Answer<SecretArnAndName> {
    let resource_change = ResourceChange::new(change, RESOURCE_TYPE, &secret_arn).named(name).billed();
    Answer::with_change(SecretArnAndName { secret_arn, name: name.to_owned() }, resource_change)
}

async fn delete_secret(environment: Arc<Environment>, context: StepContext, input: SecretArn) -> StepResult<Nothing> {
    // A deletion without recovery of a secret that does not exist succeeds, so this must be checked first.
    if describe(&environment, &input.secret_arn).await?.is_none() {
        return gone_already(&context, RESOURCE_TYPE, &input.secret_arn);
    }
    let call = environment.secretsmanager().delete_secret().secret_id(&input.secret_arn);
    let answer = call.force_delete_without_recovery(true).send().await;
    deleted(&context, (RESOURCE_TYPE, &input.secret_arn), "secretsmanager:DeleteSecret", answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_is_scheduled_for_deletion_is_named_with_its_date_and_both_ways_out() {
        let date = aws_smithy_types::DateTime::from_secs(1_785_542_400);
        let secret = DescribeSecretOutput::builder().deleted_date(date).build();
        let error = waits_for_deletion(&secret, "demo/jdbc-url");
        for words in [
            "secret demo/jdbc-url is scheduled",
            "2026-08-01T00:00:00Z",
            "restore-secret --secret-id demo/jdbc-url",
            "--force-delete",
        ] {
            assert!(error.cause.contains(words), "{words}: {}", error.cause);
        }
    }
}
