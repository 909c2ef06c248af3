//! Which states of its definition an execution can still reach.

use std::collections::{BTreeMap, BTreeSet};

use engine::{
    asl::{each_state, machines_inside},
    machine::{FrameRow, FrameState},
};
use serde_json::Value;

/// Whether an execution can still execute a state of this name: what its frames do, and where the transitions of its definition lead from
/// there. A `Retry` executes its state again.
pub(super) fn can_execute(definition: &Value, frames: &[FrameRow], name: &str) -> bool {
    let mut states = Reachability::of(definition);
    for row in frames {
        match &row.frame_state {
            FrameState::Ended { .. } | FrameState::Failed { .. } | FrameState::Stopped => {}
            // A branch or an iteration that has not entered its first state.
            FrameState::Entering if row.state.is_empty() => return true,
            FrameState::Entering | FrameState::Backoff { .. } => states.enter(&row.state),
            FrameState::Task { .. } | FrameState::Paused { .. } => {
                states.reachable.insert(row.state.to_string());
                states.leave(&row.state);
            }
            // The frames of its branches say what they execute.
            FrameState::Waiting { .. } | FrameState::Parallel { .. } => states.leave(&row.state),
            FrameState::Map { .. } => {
                states.enter_inside(&row.state);
                states.leave(&row.state);
            }
        }
    }
    states.reachable.contains(name)
}

/// The states that an execution can reach.
struct Reachability<'d> {
    /// The states of the definition by their names, at any depth.
    states: BTreeMap<&'d str, Vec<&'d Value>>,
    /// The names of those that can be reached.
    reachable: BTreeSet<String>,
}

impl<'d> Reachability<'d> {
    fn of(definition: &'d Value) -> Self {
        let mut states: BTreeMap<&'d str, Vec<&'d Value>> = BTreeMap::new();
        each_state(definition, &mut |state| states.entry(state.name).or_default().push(state.json));
        Reachability { states, reachable: BTreeSet::new() }
    }

    fn named(&self, name: &str) -> Vec<&'d Value> {
        self.states.get(name).cloned().unwrap_or_default()
    }

    /// Adds the state of this name, the states inside it, and all that can follow them.
    fn enter(&mut self, name: &str) {
        let mut to_enter = vec![name.to_owned()];
        while let Some(name) = to_enter.pop() {
            if !self.reachable.insert(name.clone()) {
                continue;
            }
            for state in self.named(&name) {
                to_enter.extend(targets(state).chain(inside(state)).map(str::to_owned));
            }
        }
    }

    /// Adds the states of the machines inside the state of this name.
    fn enter_inside(&mut self, name: &str) {
        self.named(name).into_iter().flat_map(inside).for_each(|name| self.enter(name));
    }

    /// Adds what can follow the state of this name, and the state itself if it may be retried.
    fn leave(&mut self, name: &str) {
        for state in self.named(name) {
            targets(state).for_each(|target| self.enter(target));
            if state.get("Retry").is_some() {
                self.enter(name);
            }
        }
    }
}

/// The names of the states that can follow a state.
fn targets(state: &Value) -> impl Iterator<Item = &str> {
    let rules = ["Choices", "Catch"].into_iter().flat_map(move |rules| state[rules].as_array().into_iter().flatten());
    let of_rules = rules.filter_map(|rule| rule["Next"].as_str());
    ["Next", "Default"].into_iter().filter_map(move |field| state[field].as_str()).chain(of_rules)
}

/// The names of the first states of the machines inside a state.
fn inside(state: &Value) -> impl Iterator<Item = &str> {
    machines_inside(state).into_iter().filter_map(|(machine, _)| machine["StartAt"].as_str())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    /// A frame in a state.
    fn frame(state: &str, doing: &Value) -> FrameRow {
        let row = json!({ "id": 1, "parent": null, "index": 0, "path": "", "state": state, "visit": 1, "input": {}, "variables": {},
                          "activity": doing, "retries": [], "attempt": 1, "enteredMs": 1, "lastEventId": 1 });
        serde_json::from_value(row).unwrap()
    }

    fn waits(state: &str) -> FrameRow {
        frame(state, &json!({ "doing": "waiting", "dueMs": 1 }))
    }

    fn calls(state: &str) -> FrameRow {
        let doing = json!({ "doing": "task", "arguments": {}, "firstLookMs": 1, "deadlineMs": null, "look": 1, "lookStartedMs": 1,
                            "nextLookMs": null, "waiting": null });
        frame(state, &doing)
    }

    fn machine(states: &Value) -> Value {
        json!({ "StartAt": "First", "States": states })
    }

    #[test]
    fn a_state_that_was_left_is_reachable_only_through_a_loop() {
        let straight = |next: &Value| {
            machine(&json!({
                "First": { "Type": "Task", "Next": "Pause" },
                "Pause": { "Type": "Wait", "Seconds": 9, "Next": "Last" },
                "Last": { "Type": "Choice", "Choices": [{ "Next": next }], "Default": "End" },
                "End": { "Type": "Succeed" } }))
        };
        let (left, again) = (straight(&json!("End")), straight(&json!("First")));
        assert!(!can_execute(&left, &[waits("Pause")], "First"));
        assert!(can_execute(&left, &[waits("Pause")], "Last"));
        assert!(can_execute(&again, &[waits("Pause")], "First"));
        assert!(can_execute(&left, &[calls("First")], "First"), "its call may find that it must wait");
        let caught = machine(&json!({
            "First": { "Type": "Task", "Next": "Then" }, "Then": { "Type": "Task", "Catch": [{ "Next": "First" }], "End": true } }));
        assert!(can_execute(&caught, &[calls("Then")], "First"));
    }

    #[test]
    fn what_is_inside_a_state_is_reachable_until_it_is_left() {
        let states = json!({ "Ask": { "Type": "Task", "Next": "Rest" }, "Rest": { "Type": "Wait", "End": true } });
        let inner = json!({ "StartAt": "Ask", "States": states });
        let first = |fields: Value| {
            let mut state = json!({ "Next": "End" });
            state.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            machine(&json!({ "First": state, "End": { "Type": "Succeed" } }))
        };
        let parallel = first(json!({ "Type": "Parallel", "Branches": [inner] }));
        let runs = [frame("First", &json!({ "doing": "parallel", "running": 1 })), waits("Rest")];
        assert!(!can_execute(&parallel, &runs, "Ask") && can_execute(&parallel, &runs[..1], "End"));
        assert!(can_execute(&parallel, &[frame("First", &json!({ "doing": "entering" }))], "Ask"));
        let begins = frame("", &json!({ "doing": "entering" }));
        assert!(can_execute(&parallel, &[runs[0].clone(), begins], "Ask"), "a branch that has not begun");
        let retried = first(json!({ "Type": "Parallel", "Branches": [inner], "Retry": [{}] }));
        assert!(can_execute(&retried, &runs, "Ask"));
        let map = first(json!({ "Type": "Map", "ItemProcessor": inner }));
        let items =
            json!({ "doing": "map", "items": [1, 2], "next": 1, "running": 1, "failed": 0, "maxConcurrency": 1 });
        assert!(can_execute(&map, &[frame("First", &items), waits("Rest")], "Ask"), "of another item");
        assert!(!can_execute(&map, &[frame("End", &json!({ "doing": "entering" }))], "Ask"));
    }
}
