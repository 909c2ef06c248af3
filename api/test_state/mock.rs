//! Mocked answers of calls.

use engine::asl::machines_inside;
use serde::Deserialize;
use serde_json::Value;

use super::shapes::{self, ValidationMode};
use crate::Fault;

/// `mock` of the request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MockInput {
    #[serde(default)]
    result: Option<String>,
    #[serde(default)]
    error_output: Option<ErrorOutput>,
    #[serde(default)]
    field_validation_mode: ValidationMode,
}

#[derive(Debug, Deserialize)]
struct ErrorOutput {
    #[serde(default)]
    error: String,
    #[serde(default)]
    cause: String,
}

/// A mock that is valid for its state.
#[derive(Debug, Clone)]
pub(super) enum Mock {
    Result(Value),
    Error(String, String),
}

/// Fields that AWS's clients add to an answer and that a state does not show.
const METADATA: [&str; 2] = ["SdkHttpMetadata", "SdkResponseMetadata"];

/// A result as TestState shows it.
pub(super) fn without_metadata(mut result: Value) -> Value {
    if let Value::Object(fields) = &mut result {
        fields.retain(|name, _| !METADATA.contains(&name.as_str()));
    }
    result
}

impl MockInput {
    /// Whether it mocks an error.
    pub fn is_error(&self) -> bool {
        self.error_output.is_some()
    }

    pub fn checked(self, state: &Value) -> Result<Mock, Fault> {
        match (self.result, self.error_output) {
            (Some(_), Some(_)) => {
                let message = "A test mock should have only one of the following fields: [result, errorOutput].";
                Err(Fault::validation(message))
            }
            (None, None) => {
                Err(Fault::validation("A test mock must have one of the following fields: [result, errorOutput]."))
            }
            (None, Some(ErrorOutput { error, cause })) => Ok(Mock::Error(error, cause)),
            (Some(text), None) => {
                let result: Value =
                    serde_json::from_str(&text).map_err(|_| Fault::validation("Mocked result must be valid JSON"))?;
                fits(state, &result)?;
                if state["Type"] == "Task" {
                    let resource = state["Resource"].as_str().unwrap_or_default();
                    shapes::check(resource, &result, self.field_validation_mode)?;
                }
                Ok(Mock::Result(without_metadata(result)))
            }
        }
    }
}

fn fits(state: &Value, result: &Value) -> Result<(), Fault> {
    if state["Type"] == "Map" {
        return match (state.get("ResultWriter").is_some(), result) {
            (true, Value::Object(_)) | (false, Value::Array(_)) => Ok(()),
            (true, _) => Err(Fault::validation("Mocked result must be a JSON object.")),
            (false, _) => Err(Fault::validation("Mocked result must be an array.")),
        };
    }
    let branches = if state["Type"] == "Parallel" { machines_inside(state).len() } else { 0 };
    match (branches, result.as_array()) {
        (0, _) => Ok(()),
        (_, None) => Err(Fault::validation("Mocked result must be an array.")),
        (branches, Some(items)) if branches != items.len() => Err(Fault::validation(
            "Mocked result must contain the same number of items as number of Parallel branches.",
        )),
        _ => Ok(()),
    }
}
