//! The settings of a state machine other than its definition: logging, tracing, encryption.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Fault, records::Settings};

/// The settings in a request; absent ones keep their values.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Given {
    #[serde(default)]
    logging_configuration: Option<Value>,
    #[serde(default)]
    tracing_configuration: Option<Value>,
    #[serde(default)]
    encryption_configuration: Option<Value>,
}

impl Given {
    pub fn is_empty(&self) -> bool {
        self.logging_configuration.is_none()
            && self.tracing_configuration.is_none()
            && self.encryption_configuration.is_none()
    }

    /// Applies the settings of the request to earlier ones.
    pub fn over(self, earlier: Settings) -> Result<Settings, Fault> {
        let Given { logging_configuration, tracing_configuration, encryption_configuration } = self;
        let given = |given: Option<Value>, read: fn(Value) -> Result<Value, Fault>, earlier: Value| {
            given.map_or(Ok(earlier), read)
        };
        Ok(Settings {
            logging_configuration: given(logging_configuration, logging, earlier.logging_configuration)?,
            tracing_configuration: given(tracing_configuration, tracing, earlier.tracing_configuration)?,
            encryption_configuration: given(encryption_configuration, encryption, earlier.encryption_configuration)?,
        })
    }
}

/// The default settings.
pub(crate) fn initial() -> Settings {
    Settings {
        logging_configuration: json!({ "level": "OFF", "includeExecutionData": false }),
        tracing_configuration: json!({ "enabled": false }),
        encryption_configuration: json!({ "type": "AWS_OWNED_KEY" }),
    }
}

/// Adds the settings to an answer.
pub(crate) fn add_to(settings: &Settings, answer: &mut Value) {
    let Settings { logging_configuration, tracing_configuration, encryption_configuration } = settings.clone();
    answer["loggingConfiguration"] = logging_configuration;
    answer["tracingConfiguration"] = tracing_configuration;
    answer["encryptionConfiguration"] = encryption_configuration;
}

/// Logging requires exactly one destination (API Reference, LoggingConfiguration).
fn logging(mut given: Value) -> Result<Value, Fault> {
    let destinations = given["destinations"].as_array().map_or(0, Vec::len);
    let level = given["level"].as_str().unwrap_or("OFF").to_owned();
    if destinations > 1 || (destinations == 0 && level != "OFF") {
        let message = "Invalid Logging Configuration: Must specify exactly one Log Destination.";
        return Err(Fault::new("InvalidLoggingConfiguration", message));
    }
    given["includeExecutionData"] = given["includeExecutionData"].as_bool().unwrap_or_default().into();
    given["level"] = level.into();
    if given["destinations"].is_null()
        && let Some(fields) = given.as_object_mut()
    {
        fields.shift_remove("destinations");
    }
    Ok(given)
}

fn tracing(given: Value) -> Result<Value, Fault> {
    Ok(json!({ "enabled": given["enabled"].as_bool().unwrap_or_default() }))
}

/// A customer managed key must be named; no other type may name one (API Reference, EncryptionConfiguration).
fn encryption(given: Value) -> Result<Value, Fault> {
    let own_key = given["type"] == "CUSTOMER_MANAGED_KMS_KEY";
    if own_key == given["kmsKeyId"].is_string() {
        return Ok(given);
    }
    let message = "Invalid Encryption Configuration: kmsKeyId is for CUSTOMER_MANAGED_KMS_KEY, and required there";
    Err(Fault::new("InvalidEncryptionConfiguration", message))
}
