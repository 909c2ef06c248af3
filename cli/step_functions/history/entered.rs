//! The states that were entered and not left. Events without a name belong to one of them: those of a Parallel or a Map as a complete
//! state, and those of states that were aborted. Their `previousEventId` leads to the state that failed, not to the state that they belong
//! to.

use std::collections::BTreeMap;

use api::view::{is_inside, outer_paths};
use engine::journal::state_path;
use steps::step_functions::RemoteEvent;

use super::{EventPosition, History, Part};

/// The states that were entered and not left.
#[derive(Debug, Default)]
pub(super) struct Entered {
    by_path: BTreeMap<String, EnteredState>,
    /// The iteration that was aborted last.
    aborted: Option<AbortedIteration>,
}

#[derive(Debug)]
struct EnteredState {
    /// The type in the definition, as events name it.
    kind: String,
    position: EventPosition,
    /// Whether it was aborted, or is a Parallel or a Map that failed. A redrive continues it.
    is_over: bool,
}

#[derive(Debug)]
struct AbortedIteration {
    /// The event that its events follow: the failure of another iteration.
    line: u64,
    position: EventPosition,
    /// Its frame.
    frame: String,
}

impl Entered {
    fn remove_inside(&mut self, outer: &str) {
        self.by_path.retain(|path, _| !is_inside(path, outer));
    }

    fn set_over(&mut self, path: &str, is_over: bool) {
        if let Some(state) = self.by_path.get_mut(path) {
            state.is_over = is_over;
        }
    }

    fn is_open(&self, path: &str, kind: &str) -> bool {
        self.by_path.get(path).is_some_and(|state| !state.is_over && state.kind == kind)
    }
}

/// The state's type and the change that an event of a state as a whole has in its type, such as `Map` and `Failed`.
fn of_state(kind: &str) -> Option<(&str, &str)> {
    kind.split_once("State").filter(|(kind, change)| !kind.is_empty() && !change.is_empty())
}

impl History {
    /// The position from which the state of an event is searched: that of the event that it follows, or, for a state inside an aborted
    /// iteration, that of the iteration.
    pub(super) fn position_before(&self, event: &RemoteEvent) -> EventPosition {
        let aborted = self.entered.aborted.as_ref().filter(|aborted| aborted.line == event.previous_id);
        match aborted {
            Some(aborted) if event.kind == "MapIterationAborted" => aborted.position.clone(),
            _ => self.positions.get(&event.previous_id).cloned().unwrap_or_default(),
        }
    }

    /// The position of an event that names no state and may be about another state than the event that it follows; `None` if it is about
    /// the same state.
    pub(super) fn position_without_name(&self, event: &RemoteEvent, before: &EventPosition) -> Option<EventPosition> {
        let (kind, change) = of_state(&event.kind).filter(|_| event.name.is_none())?;
        let state = match change {
            "Aborted" => self.aborted_state(kind, event.previous_id, before),
            "Started" | "Succeeded" | "Failed" => self.innermost(kind, before),
            _ => None,
        }?;
        Some(EventPosition { is_in_state: false, ..state.clone() })
    }

    /// The state of this type at a position, or the innermost one around it, that is not over.
    fn innermost(&self, kind: &str, position: &EventPosition) -> Option<&EventPosition> {
        let path = state_path(&self.frame(position), &position.state);
        let around: Vec<&str> = outer_paths(&path).collect();
        let mut outwards = [path.as_str()].into_iter().chain(around.into_iter().rev());
        let found = outwards.find(|path| self.entered.is_open(path, kind))?;
        self.entered.by_path.get(found).map(|state| &state.position)
    }

    /// The next state of this type that is aborted: inside the iteration that was aborted last. Without such an iteration, inside the
    /// innermost Parallel or Map around the state that failed. States are aborted in the order of their branches and iterations.
    fn aborted_state(&self, kind: &str, line: u64, failed: &EventPosition) -> Option<&EventPosition> {
        let first_inside = |outer: &str| {
            let open = self.entered.by_path.iter().filter(|(path, state)| {
                (outer.is_empty() || is_inside(path, outer)) && !state.is_over && state.kind == kind
            });
            open.min_by_key(|(_, state)| self.order_of(&state.position)).map(|(_, state)| &state.position)
        };
        let iteration = self.entered.aborted.as_ref().filter(|aborted| aborted.line == line);
        let in_iteration = iteration.and_then(|aborted| first_inside(&aborted.frame));
        let path = state_path(&self.frame(failed), &failed.state);
        let around: Vec<&str> = outer_paths(&path).filter(|outer| self.entered.by_path.contains_key(*outer)).collect();
        in_iteration.or_else(|| around.into_iter().rev().chain([""]).find_map(first_inside))
    }

    /// The indexes of the branches and iterations around a position, from the outside inwards.
    fn order_of(&self, position: &EventPosition) -> Vec<u64> {
        let way = self.ways.get(&position.state).map(Vec::as_slice).unwrap_or_default();
        let index = |part: &Part| match part {
            Part::Branch(_, index) => index.map_or(0, |index| index as u64),
            Part::Iteration(name) => position.indexes.get(name).copied().unwrap_or_default(),
        };
        way.iter().map(index).collect()
    }

    /// Follows an event at a position, whose path is that of its state.
    pub(super) fn follow(&mut self, event: &RemoteEvent, position: &EventPosition, path: &str) {
        if event.kind == "MapIterationAborted" {
            let frame = format!("{path}[{}]", event.index.unwrap_or_default());
            let (line, position) = (event.previous_id, position.clone());
            self.entered.aborted = Some(AbortedIteration { line, position, frame });
            return;
        }
        if event.kind == "ExecutionRedriven" {
            self.entered.by_path.values_mut().for_each(|state| state.is_over = false);
            return;
        }
        let Some((kind, change)) = of_state(&event.kind) else { return };
        let contains_others = matches!(kind, "Parallel" | "Map");
        if contains_others && matches!(change, "Entered" | "Started" | "Exited") {
            self.entered.remove_inside(path);
        }
        match change {
            "Entered" => {
                let state = EnteredState { kind: kind.to_owned(), position: position.clone(), is_over: false };
                self.entered.by_path.insert(path.to_owned(), state);
            }
            "Exited" => drop(self.entered.by_path.remove(path)),
            "Started" => self.entered.set_over(path, false),
            "Aborted" | "Failed" => self.entered.set_over(path, true),
            _ => {}
        }
    }
}
