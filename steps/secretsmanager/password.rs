//! Creates the database's password.

use std::sync::Arc;

use engine::step::{ErrorClass, Registry, StepContext, StepError, StepResult};
use rand::{Rng, distr::Alphanumeric};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Login, SecretArnAndName, answered, create, find};
use crate::Environment;

/// 190 bits with letters and digits only. RDS forbids some other characters, and the password becomes part of a URL.
const PASSWORD_LENGTH: usize = 32;

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "secretsmanager:createPassword",
        "Makes a random password and stores it, with the user's name, as a secret.",
        ["secretsmanager:DescribeSecret", "secretsmanager:CreateSecret", "secretsmanager:TagResource"],
        create_password
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreatePassword {
    deployment: String,
    /// The secret's name.
    name: String,
    /// The user of the password.
    username: String,
}

async fn create_password(
    environment: Arc<Environment>,
    context: StepContext,
    input: CreatePassword,
) -> StepResult<SecretArnAndName> {
    if let Some(secret) = find(&environment, &input.deployment, &input.name).await? {
        let change = secret.tags.change(&context, &secret.arn);
        return Ok(answered(secret.arn, &input.name, change));
    }
    let login = serde_json::to_string(&Login::new(input.username, random_password()));
    // This cannot fail. Even so, the parser's message is omitted.
    let login = login.map_err(|_| StepError::new(ErrorClass::Invalid, "the user's name cannot be stored"))?;
    create(&environment, &context, (&input.deployment, &input.name), login).await
}

fn random_password() -> String {
    rand::rng().sample_iter(Alphanumeric).take(PASSWORD_LENGTH).map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_needs_no_quoting_anywhere_and_is_never_the_same() {
        let password = random_password();
        assert_eq!(password.len(), PASSWORD_LENGTH);
        assert!(password.chars().all(|c| c.is_ascii_alphanumeric()));
        assert_ne!(password, random_password());
    }
}
