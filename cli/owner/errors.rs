//! Converts failed calls and unreadable responses into errors of the command.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::description::{ending, not_reachable};
use crate::{
    exit::{CliError, Exit},
    home::Home,
    wire::client::ClientError,
};

/// The error of a call to the owner of the store in `home`.
pub(super) fn failed(home: &Home, error: ClientError) -> CliError {
    match error {
        ClientError::Silent | ClientError::Absent(_) | ClientError::Gone(_) => not_reachable(home),
        ClientError::Ending(_) => ending(home),
        other => other.into(),
    }
}

/// Converts a response of Step Functions from JSON.
pub(super) fn of_json<T: DeserializeOwned>(value: Value) -> Result<T, CliError> {
    serde_json::from_value(value).map_err(|error| CliError::new(Exit::Failed, error.to_string()))
}
