//! Reading requests: their shape first, then the limits that several operations share.

use serde::{Deserialize, de::DeserializeOwned};

use crate::Fault;

/// The longest definition (API Reference, CreateStateMachine), in bytes.
const DEFINITION_BYTES_MAX: usize = 1_048_576;

/// Reads a request; an empty body is an empty object.
pub(crate) fn read<T: DeserializeOwned>(input: &[u8]) -> Result<T, Fault> {
    let input = if input.is_empty() { b"{}" } else { input };
    serde_json::from_slice(input).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => Fault::validation(error.to_string()),
        _ => Fault::new("SerializationException", error.to_string()),
    })
}

/// A page of a list: `maxResults` and `nextToken`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Page {
    #[serde(default)]
    pub max_results: Option<usize>,
    #[serde(default)]
    pub next_token: Option<String>,
}

/// A name of a state machine, an execution or an activity.
pub(crate) fn checked_name(name: &str) -> Result<(), Fault> {
    if engine::store::is_name(name) {
        return Ok(());
    }
    Err(Fault::new("InvalidName", format!("Invalid Name: '{name}'")))
}

/// A definition that is not longer than AWS takes.
pub(crate) fn checked_length(definition: &str) -> Result<(), Fault> {
    if definition.is_empty() || definition.len() > DEFINITION_BYTES_MAX {
        return Err(Fault::validation(format!(
            "1 validation error detected: Value at 'definition' failed to satisfy constraint: \
             Member must have length between 1 and {DEFINITION_BYTES_MAX}"
        )));
    }
    Ok(())
}

/// An ARN of a role.
pub(crate) fn checked_role(role_arn: &str) -> Result<(), Fault> {
    if role_arn.starts_with("arn:") && role_arn.len() <= 256 && role_arn.splitn(6, ':').count() == 6 {
        return Ok(());
    }
    Err(Fault::new("InvalidArn", format!("Invalid Role Arn: '{role_arn}'")))
}
