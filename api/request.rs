//! Reads requests: validates their shape first, then values that several operations have in common.

mod constraints;
mod operations;
mod shapes;
mod values;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::Fault;

/// Parses a request and validates its members. An empty body is an empty object.
pub(crate) fn checked(operation: &str, input: &[u8]) -> Result<Value, Fault> {
    let input = if input.is_empty() { b"{}" } else { input };
    let mut request =
        serde_json::from_slice(input).map_err(|error| Fault::new("SerializationException", error.to_string()))?;
    constraints::check(operations::members(operation), &request)?;
    without_nulls(&mut request);
    Ok(request)
}

/// The members that the request of an operation may have, as nested objects; `None` for an unknown operation.
#[cfg(test)]
pub(crate) fn known_members(operation: &str) -> Option<Value> {
    operations::is_known(operation).then(|| shapes::named(operations::members(operation)))
}

/// Removes members that are `null`: they count as absent.
fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(without_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

/// Deserializes a request for its operation.
pub(crate) fn read<T: DeserializeOwned>(request: Value) -> Result<T, Fault> {
    serde_json::from_value(request).map_err(|error| Fault::new("SerializationException", error.to_string()))
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

/// Whether an answer contains definitions, inputs and outputs: `includedData`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum IncludedData {
    #[default]
    AllData,
    MetadataOnly,
}

/// Validates the name of a state machine, an execution or an activity. AWS counts in UTF-16 and refuses characters that
/// need a surrogate pair (API Reference, StartExecution, `name`), as well as the two noncharacters U+FFFE and U+FFFF.
pub(crate) fn checked_name(name: &str) -> Result<(), Fault> {
    if engine::store::is_name(name) && name.chars().all(|c| c < '\u{fffe}') {
        return Ok(());
    }
    Err(Fault::new("InvalidName", format!("Invalid Name: '{name}'")))
}

/// Validates the ARN of a role.
pub(crate) fn checked_role(role_arn: &str) -> Result<(), Fault> {
    if role_arn.starts_with("arn:") && role_arn.splitn(6, ':').count() == 6 {
        return Ok(());
    }
    Err(Fault::new("InvalidArn", format!("Invalid Role Arn: '{role_arn}'")))
}
