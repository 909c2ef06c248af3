//! The JDBC URL, which contains the password and is therefore a secret too.

use std::sync::Arc;

use engine::step::{ChangeAction, Registry, StepContext, StepResult};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Login, SecretArnAndName, answered, create, find,
    login::{read, read_password},
};
use crate::{Environment, failure::failure_for, tags::short_token};

/// The length of a token that differs from that of the creating call, which names the secret's first version.
const PUT_TOKEN_LENGTH: usize = 48;

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "secretsmanager:createJdbcUrl",
        "Stores the JDBC URL of the database, password included, as a secret.",
        [
            "secretsmanager:DescribeSecret",
            "secretsmanager:GetSecretValue",
            "secretsmanager:CreateSecret",
            "secretsmanager:PutSecretValue",
            "secretsmanager:TagResource",
        ],
        create_jdbc_url
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateJdbcUrl {
    deployment: String,
    /// The secret's name.
    name: String,
    /// The secret that holds user name and password.
    password_secret_arn: String,
    /// The database's host.
    address: String,
    port: u16,
    database_name: String,
}

async fn create_jdbc_url(
    environment: Arc<Environment>,
    context: StepContext,
    input: CreateJdbcUrl,
) -> StepResult<SecretArnAndName> {
    let login = read_password(&environment, &context, &input.password_secret_arn).await?;
    let url = jdbc_url(&input, &login);
    let Some(secret) = find(&environment, &input.deployment, &input.name).await? else {
        return create(&environment, &context, (&input.deployment, &input.name), url).await;
    };
    if read(&environment, &context, &secret.arn).await? == url {
        let change = secret.tags.change(&context, &secret.arn);
        return Ok(answered(secret.arn, &input.name, change));
    }
    environment.differs("value", "(secret)", "(secret)");
    environment
        .secretsmanager()
        .put_secret_value()
        .secret_id(&secret.arn)
        .client_request_token(short_token(&context, PUT_TOKEN_LENGTH))
        .secret_string(url)
        .send()
        .await
        .map_err(|error| failure_for(&context, &secret.arn, "secretsmanager:PutSecretValue", error))?;
    Ok(answered(secret.arn, &input.name, ChangeAction::Updated))
}

fn jdbc_url(input: &CreateJdbcUrl, login: &Login) -> String {
    format!(
        "jdbc:postgresql://{}:{}/{}?user={}&password={}",
        input.address,
        input.port,
        encoded(&input.database_name),
        encoded(login.username()),
        encoded(login.password())
    )
}

/// Percent-encodes a text for a URL's query.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_set_by_hand_does_not_break_the_url() {
        let input = CreateJdbcUrl {
            deployment: "demo".into(),
            name: "demo/jdbc-url".into(),
            password_secret_arn: "arn".into(),
            address: "db.example".into(),
            port: 5432,
            database_name: "postgres".into(),
        };
        let login = Login::new("postgres".into(), "a&b ü".into());
        assert_eq!(
            jdbc_url(&input, &login),
            "jdbc:postgresql://db.example:5432/postgres?user=postgres&password=a%26b%20%C3%BC"
        );
    }
}
