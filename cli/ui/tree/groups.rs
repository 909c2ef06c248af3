//! Iterations of a Map in the same state, which displays show as one: `36 × Call the service`.

use std::collections::HashMap;

use api::view::{StateStatus, StateView, View, outer_paths};

use super::icon;

/// The number of states of a Map's iterations that are shown one by one; more of them are one group.
const ALIKE_SHOWN_MAX: usize = 3;

/// The properties that the states of a group share.
#[derive(PartialEq, Eq, Hash)]
struct Alike<'v> {
    name: &'v str,
    icon: &'static str,
    retries: bool,
    is_iteration: bool,
}

/// The states in groups, in their order. A state that is shown alone is a group of one.
pub fn groups<'v>(view: &View, states: impl IntoIterator<Item = &'v StateView>) -> Vec<Vec<&'v StateView>> {
    let mut groups: Vec<(bool, Vec<&'v StateView>)> = Vec::new();
    let mut known: HashMap<Alike<'v>, usize> = HashMap::new();
    for state in states {
        let is_iteration = innermost_map(view, state).is_some();
        let retries = matches!(state.status, StateStatus::Retrying { .. });
        let alike = Alike { name: state.name.as_str(), icon: icon(state).0, retries, is_iteration };
        let index = *known.entry(alike).or_insert(groups.len());
        match groups.get_mut(index) {
            Some((_, group)) => group.push(state),
            None => groups.push((is_iteration, vec![state])),
        }
    }
    let mut shown = Vec::with_capacity(groups.len());
    for (is_iteration, group) in groups {
        match is_iteration && group.len() > ALIKE_SHOWN_MAX {
            true => shown.push(group),
            false => shown.extend(group.into_iter().map(|state| vec![state])),
        }
    }
    shown
}

/// The state of a group whose details are shown: the one that takes longest, failed last, or is repeated next.
pub fn foremost<'v>(group: &[&'v StateView]) -> Option<&'v StateView> {
    let first = group.iter().min_by_key(|state| match &state.status {
        StateStatus::Retrying { next_attempt_ms, .. } => *next_attempt_ms,
        StateStatus::Failed { stopped_ms, .. } => u64::MAX - stopped_ms,
        _ => state.entered_ms,
    });
    first.copied()
}

/// The path of the innermost Map that a state is in.
pub fn innermost_map<'v>(view: &View, state: &'v StateView) -> Option<&'v str> {
    outer_paths(&state.path).filter(|path| view.maps.contains_key(*path)).last()
}
