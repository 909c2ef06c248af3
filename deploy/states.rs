//! Reads the states of a machine.

use serde_json::Value;

/// The states of a machine, by name.
pub(crate) fn states_of(machine: &Value) -> impl Iterator<Item = (&String, &Value)> {
    machine.get("States").and_then(Value::as_object).into_iter().flatten()
}

/// Whether child executions run the items of a Map.
pub(crate) fn is_distributed(state: &Value) -> bool {
    state["ItemProcessor"]["ProcessorConfig"]["Mode"] == "DISTRIBUTED"
}
