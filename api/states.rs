//! Walks over the states of a definition's JSON, including those inside Parallel and Map.

use serde_json::Value;

/// Calls `visit` with the name and the JSON of every state of a machine and of its nested machines.
pub(crate) fn for_each_state(machine: &Value, visit: &mut dyn FnMut(&str, &Value)) {
    for (name, state) in machine["States"].as_object().into_iter().flatten() {
        visit(name, state);
        let branches = state["Branches"].as_array().map_or(&[][..], Vec::as_slice);
        branches
            .iter()
            .chain([&state["ItemProcessor"], &state["Iterator"]])
            .for_each(|inner| for_each_state(inner, visit));
    }
}
