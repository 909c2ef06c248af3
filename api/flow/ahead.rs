//! The states of its definition that an execution can still reach.

use std::collections::{BTreeMap, BTreeSet};

use engine::{
    asl::{each_state, machines_inside, next_states},
    machine::{FrameRow, FrameState},
};
use serde_json::Value;

/// Whether an execution can still execute a state with this name or path: one of its frames is in the state, or transitions of the
/// definition lead to it from a frame's state. A `Retry` executes its state again. A path names one branch or iteration, which must exist
/// or be able to begin.
pub fn can_execute(definition: &Value, frames: &[FrameRow], state: &str) -> bool {
    let mut states = Reachability::of(definition);
    let Some((parents, name)) = state.rsplit_once('/').filter(|_| states.named(state).is_empty()) else {
        return frames.iter().any(|row| states.add(row)) || states.reachable.contains(state);
    };
    let mut on_path = frames.iter().filter(|row| rest_below(&row.path, parents).is_some());
    on_path.any(|row| states.add_towards(row, parents)) || states.reachable.contains(name)
}

/// The rest of a path after the path of the frame: empty if the two are the same. `None` if the path is not inside the frame.
fn rest_below<'p>(frame: &str, path: &'p str) -> Option<&'p str> {
    match path.strip_prefix(frame)? {
        rest if frame.is_empty() || rest.is_empty() => Some(rest),
        rest => rest.strip_prefix('/'),
    }
}

/// The index after a state in a path: that of `M` in `M[1]/N` is `1`. Empty without an index; `None` if the path does not go through the
/// state.
fn index_in<'p>(path: &'p str, state: &str) -> Option<&'p str> {
    let rest = path.strip_prefix(state)?;
    match rest.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => (rest.is_empty() || rest.starts_with('/')).then_some(""),
    }
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

    /// Adds what a frame can execute. Returns whether that is anything: a branch or an iteration has not entered its first state.
    fn add(&mut self, row: &FrameRow) -> bool {
        match &row.frame_state {
            FrameState::Ended { .. } | FrameState::Failed { .. } | FrameState::Stopped => {}
            FrameState::Entering if row.state.is_empty() => return true,
            FrameState::Entering | FrameState::Backoff { .. } => self.enter(&row.state),
            FrameState::Task { .. } | FrameState::Paused { .. } => {
                self.reachable.insert(row.state.to_string());
                self.leave(&row.state);
            }
            // The frames of its branches have the states that they execute.
            FrameState::Waiting { .. } | FrameState::Parallel { .. } => self.leave(&row.state),
            FrameState::Map { items, next, .. } => {
                if *next < items.len() as u64 {
                    self.enter_inside(&row.state);
                }
                self.leave(&row.state);
            }
        }
        false
    }

    /// Like [`Reachability::add`], for the states that a frame can execute in one branch or iteration. `path` is the path of the frame, or
    /// of a branch or iteration inside it.
    fn add_towards(&mut self, row: &FrameRow, path: &str) -> bool {
        let rest = rest_below(&row.path, path).unwrap_or_default();
        let index = index_in(rest, &row.state).filter(|_| !rest.is_empty());
        match (&row.frame_state, index) {
            (FrameState::Map { items, next, .. }, Some(index)) => {
                let unbegun = *next..items.len() as u64;
                if index.parse::<u64>().is_ok_and(|index| unbegun.contains(&index)) {
                    self.enter_inside(&row.state);
                }
                // The state may be executed again.
                self.leave(&row.state);
                false
            }
            // The states inside are on other paths.
            (FrameState::Map { .. }, None) if !rest.is_empty() => {
                self.leave(&row.state);
                false
            }
            _ => self.add(row),
        }
    }

    /// Adds the state of this name, the states inside it, and all states that can follow them.
    fn enter(&mut self, name: &str) {
        let mut to_enter = vec![name.to_owned()];
        while let Some(name) = to_enter.pop() {
            if !self.reachable.insert(name.clone()) {
                continue;
            }
            for state in self.named(&name) {
                let next = next_states(state, true).into_iter();
                to_enter.extend(next.chain(inside(state)).map(str::to_owned));
            }
        }
    }

    /// Adds the states of the machines inside the state of this name.
    fn enter_inside(&mut self, name: &str) {
        self.named(name).into_iter().flat_map(inside).for_each(|name| self.enter(name));
    }

    /// Adds the states that can follow the state of this name, and the state itself if it may be retried.
    fn leave(&mut self, name: &str) {
        for state in self.named(name) {
            next_states(state, true).into_iter().for_each(|next| self.enter(next));
            if state.get("Retry").is_some() {
                self.enter(name);
            }
        }
    }
}

/// The names of the first states of the machines inside a state.
fn inside(state: &Value) -> impl Iterator<Item = &str> {
    machines_inside(state).into_iter().filter_map(|inner| inner.json["StartAt"].as_str())
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

    /// The frame of an iteration of `First`, in a state.
    fn iteration(index: u64, row: FrameRow) -> FrameRow {
        FrameRow { id: index + 2, parent: Some(1), index, path: format!("First[{index}]").into(), ..row }
    }

    #[test]
    fn a_path_names_one_iteration_which_must_exist_and_not_have_left_the_state() {
        let states = json!({ "Ask": { "Type": "Task", "Next": "Rest" }, "Rest": { "Type": "Wait", "End": true } });
        let inner = json!({ "StartAt": "Ask", "States": states });
        let with = |retry: &Value| {
            machine(&json!({ "First": { "Type": "Map", "ItemProcessor": inner, "Retry": retry, "End": true } }))
        };
        let once = machine(&json!({ "First": { "Type": "Map", "ItemProcessor": inner, "End": true } }));
        let items = |next: u64| {
            let doing = json!({ "doing": "map", "items": [1, 2, 3], "next": next, "running": 2, "failed": 0, "maxConcurrency": 2 });
            frame("First", &doing)
        };
        let frames = [items(2), iteration(0, waits("Rest")), iteration(1, calls("Ask"))];
        assert!(!can_execute(&once, &frames, "First[0]/Ask"), "it was left");
        assert!(can_execute(&once, &frames, "First[1]/Ask") && can_execute(&once, &frames, "First[1]/Rest"));
        assert!(can_execute(&once, &frames, "First[2]/Ask"), "it has not begun");
        for path in ["First[3]/Ask", "First[7]/Ask", "First/Ask", "First[x]/Ask", "Second[0]/Ask"] {
            assert!(!can_execute(&once, &frames, path), "{path} does not exist");
        }
        assert!(can_execute(&with(&json!([{}])), &frames, "First[0]/Ask"), "the Map may be executed again");
        assert!(can_execute(&once, &[frame("First", &json!({ "doing": "entering" }))], "First[7]/Ask"));
        let left = [items(3), iteration(0, waits("Rest"))];
        assert!(!can_execute(&once, &left, "Ask"), "no iteration begins any more");
    }

    #[test]
    fn a_path_names_one_branch() {
        let branch = |name: &str| {
            let rest = format!("{name} rest");
            let states = json!({ name: { "Type": "Task", "Next": rest }, (rest): { "Type": "Wait", "End": true } });
            json!({ "StartAt": name, "States": states })
        };
        let parallel = json!({ "Type": "Parallel", "Branches": [branch("A"), branch("B")], "End": true });
        let definition = machine(&json!({ "First": parallel }));
        let runs = frame("First", &json!({ "doing": "parallel", "running": 2 }));
        let frames = [runs, iteration(0, waits("A rest")), iteration(1, calls("B"))];
        assert!(!can_execute(&definition, &frames, "First[0]/A"), "it was left");
        assert!(can_execute(&definition, &frames, "First[1]/B"));
        assert!(!can_execute(&definition, &frames, "First[2]/B"), "there are two branches");
    }
}
