//! The user name and the password of the database.

use engine::step::{ErrorClass, StepContext, StepError};
use serde::{Deserialize, Serialize};

use crate::{
    Environment,
    failure::failure_for,
    planned::{KNOWN_AFTER_APPLY, is_unknown},
};

/// A user name and a password. Neither `Debug` nor an error shows the password.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Login {
    username: String,
    password: String,
}

impl Login {
    pub(super) fn new(username: String, password: String) -> Self {
        Login { username, password }
    }

    pub(crate) fn username(&self) -> &str {
        &self.username
    }

    pub(crate) fn password(&self) -> &str {
        &self.password
    }
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("username", &self.username).finish_non_exhaustive()
    }
}

/// Reads the database's user name and password from their secret.
pub(crate) async fn read_password(
    environment: &Environment,
    context: &StepContext,
    secret_arn: &str,
) -> Result<Login, StepError> {
    if is_unknown(secret_arn) {
        return Ok(Login::new(KNOWN_AFTER_APPLY.to_owned(), String::new()));
    }
    parsed(secret_arn, &read(environment, context, secret_arn).await?)
}

/// Reads the value of a secret.
pub(super) async fn read(
    environment: &Environment,
    context: &StepContext,
    secret_arn: &str,
) -> Result<String, StepError> {
    let answer = environment.secretsmanager_reads().get_secret_value().secret_id(secret_arn).send().await;
    let answer = answer.map_err(|error| failure_for(context, secret_arn, "secretsmanager:GetSecretValue", error))?;
    Ok(answer.secret_string.unwrap_or_default())
}

fn parsed(secret_arn: &str, value: &str) -> Result<Login, StepError> {
    // The parser's message may quote the value.
    serde_json::from_str(value).map_err(|_| {
        StepError::new(ErrorClass::Invalid, format!("secret {secret_arn} does not hold a user name and a password"))
            .hint("Set its value to {\"username\": …, \"password\": …}.")
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn a_password_is_in_no_error_and_no_debug_output() {
        let error = parsed("arn:secret", r#"{"username": 1, "password": "hunter2"}"#).unwrap_err();
        assert!(!format!("{error:?} {error}").contains("hunter2"));
        let error = parsed("arn:secret", "hunter2").unwrap_err();
        assert!(!format!("{error:?} {error}").contains("hunter2"));
        let login = parsed("arn:secret", r#"{"username":"postgres","password":"hunter2"}"#).unwrap();
        assert_eq!(login.password(), "hunter2");
        assert!(!format!("{login:?}").contains("hunter2"));
    }
}
