//! `stateConfiguration` of a request. A member that does not apply to the state or the mock is refused. Sources: API Reference,
//! TestStateConfiguration; recordings of AWS (the text for a missing mock).

use serde::Deserialize;
use serde_json::Value;

use super::mock::MockInput;
use crate::Fault;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Configuration {
    pub retrier_retry_count: Option<u32>,
    pub error_caused_by_state: Option<String>,
    pub map_iteration_failure_count: Option<u64>,
    pub map_item_reader_data: Option<String>,
}

fn refused(name: &str, when: &str) -> Result<(), Fault> {
    Err(Fault::validation(format!("TestState does not support {name} {when}.")))
}

impl Configuration {
    /// Refuses the members that need a mock.
    pub fn refuse_without_mock(&self) -> Result<(), Fault> {
        let given = [
            (self.map_iteration_failure_count.is_some(), "MapIterationFailureCount"),
            (self.error_caused_by_state.is_some(), "ErrorCausedByState"),
            (self.map_item_reader_data.is_some(), "MapItemReaderData"),
            (self.retrier_retry_count.is_some(), "RetrierRetryCount"),
        ];
        match given.iter().find(|(given, _)| *given) {
            Some((_, name)) => refused(name, "when a mock is not specified"),
            None => Ok(()),
        }
    }

    /// Refuses the members that do not apply to a state with this mock. `has_state` returns whether the state contains another one.
    pub fn refuse(&self, state: &Value, mock: &MockInput, has_state: &dyn Fn(&str) -> bool) -> Result<(), Fault> {
        let kind = state["Type"].as_str().unwrap_or_default();
        let for_kind = format!("for state type '{kind}'");
        if self.map_iteration_failure_count.is_some() && kind != "Map" {
            return refused("MapIterationFailureCount", &for_kind);
        }
        if self.map_item_reader_data.is_some() {
            if kind != "Map" {
                return refused("MapItemReaderData", &for_kind);
            }
            if state.get("ItemReader").is_none() {
                return refused("MapItemReaderData", "for a Map state without an ItemReader");
            }
        }
        if let Some(name) = &self.error_caused_by_state {
            if kind != "Map" && kind != "Parallel" {
                return refused("ErrorCausedByState", &for_kind);
            }
            if !mock.is_error() {
                return refused("ErrorCausedByState", "when a mocked error is not specified");
            }
            if !has_state(name) {
                return Err(Fault::validation("ErrorCausedByState must name a state within the state under test"));
            }
        }
        if self.retrier_retry_count.is_some_and(|count| count > 0) {
            if state.get("Retry").and_then(Value::as_array).is_none_or(Vec::is_empty) {
                return refused("RetrierRetryCount", "for a state without Retry");
            }
            if !mock.is_error() && self.map_iteration_failure_count.is_none() {
                return refused("RetrierRetryCount", "when a mocked error is not specified");
            }
        }
        Ok(())
    }
}
