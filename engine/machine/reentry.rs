//! Enters a state again with the input and the variables that the journal recorded when it was last entered.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{ExecutionStatus, FrameId, FrameState, TOP_FRAME, turn::Turn};
use crate::{
    asl::{State, StateKind, StateMachine},
    journal::{HistoryEventDetails, Note, state_path},
};

/// A state to be entered, with its data. For a state inside a Parallel with one branch, the Parallel precedes it in the path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reentry {
    /// The state's name.
    pub state: Arc<str>,
    /// Its input.
    pub input: Arc<Value>,
    /// The variables of its frame.
    pub variables: Arc<Map<String, Value>>,
}

/// Why a state cannot be entered again, in words that continue a sentence about the state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReentryError {
    /// The definition has no such state.
    #[error("the definition has no state named '{0}'")]
    NoStateNamed(String),
    /// The path is empty.
    #[error("no state is named")]
    NoState,
    /// The other branches of the Parallel would have to be entered too.
    #[error(
        "it is in one of the {branches} branches of the Parallel '{parallel}', which run together: name '{parallel}' instead"
    )]
    SeveralBranches {
        /// The name of the Parallel.
        parallel: String,
        /// The number of its branches.
        branches: usize,
    },
    /// The other iterations of the Map would have to be entered too.
    #[error("it is in an iteration of the Map '{0}', whose iterations run together: name '{0}' instead")]
    InIteration(String),
    /// The state contains no states.
    #[error("'{0}' has no states inside")]
    NothingInside(String),
}

fn no_state_named(name: &str) -> ReentryError {
    ReentryError::NoStateNamed(name.to_owned())
}

/// Checks that a definition can be entered along a path.
///
/// # Errors
/// Why not.
pub(crate) fn check_reentry(machine: &StateMachine, path: &[Reentry]) -> Result<(), ReentryError> {
    let mut machine = machine;
    for (level, Reentry { state: name, .. }) in path.iter().enumerate() {
        let state = machine.states.get(&**name).ok_or_else(|| no_state_named(name))?;
        if level + 1 == path.len() {
            return Ok(());
        }
        machine = only_branch(state)?;
    }
    Err(ReentryError::NoState)
}

/// The path of the frame and the name of the state at each level down to a state, from the top.
///
/// # Errors
/// Why the state cannot be entered alone.
pub fn reentry_path(machine: &StateMachine, frame: &str, name: &str) -> Result<Vec<(String, Arc<str>)>, ReentryError> {
    let (mut machine, mut above, mut rest) = (machine, String::new(), frame);
    let mut path = Vec::new();
    while !rest.is_empty() {
        let is_next = |state: &&Arc<State>| {
            let after = rest.strip_prefix(&*state.name);
            after.is_some_and(|after| after.is_empty() || after.starts_with('/') || after.starts_with('['))
        };
        // A state's name may contain a slash: the longest name that matches is meant.
        let next = machine.states.values().filter(is_next).max_by_key(|state| state.name.len());
        let state = next.ok_or_else(|| no_state_named(rest))?;
        machine = only_branch(state)?;
        path.push((above.clone(), state.name.clone()));
        above = state_path(&above, &state.name);
        rest = rest[state.name.len()..].trim_start_matches('/');
    }
    let state = machine.states.get(name).ok_or_else(|| no_state_named(name))?;
    path.push((above, state.name.clone()));
    Ok(path)
}

/// The machine inside a Parallel with one branch. Other nested machines have siblings that would have to be entered too.
fn only_branch(state: &State) -> Result<&StateMachine, ReentryError> {
    let name = state.name.to_string();
    match &state.kind {
        StateKind::Parallel { branches, .. } => match branches.as_slice() {
            [only] => Ok(only),
            several => Err(ReentryError::SeveralBranches { parallel: name, branches: several.len() }),
        },
        StateKind::Map(_) => Err(ReentryError::InIteration(name)),
        _ => Err(ReentryError::NothingInside(name)),
    }
}

impl Turn<'_> {
    /// Continues an execution that did not succeed, at a state that it entered earlier. Drops the frames that ran after that.
    pub fn resume_from(&mut self, path: &[Reentry], environment: Option<Arc<Value>>) {
        let is_over = !matches!(self.execution.header.status, ExecutionStatus::Running | ExecutionStatus::Succeeded);
        let has_top = self.execution.frames.get(TOP_FRAME).is_some();
        if !is_over || !has_top || check_reentry(&self.execution.machine, path).is_err() {
            return;
        }
        self.replace_environment(environment);
        self.begin_redrive();
        self.delete_children(TOP_FRAME);
        // The StateEntered event follows ExecutionRedriven, not the failure.
        let redriven = self.execution.header.last_event_id;
        self.row_mut(TOP_FRAME).last_event_id = redriven;
        self.reenter(TOP_FRAME, path);
        self.run();
    }

    /// Moves the top frame into the first state of a path, and a new frame into each following one.
    pub(super) fn reenter(&mut self, top: FrameId, path: &[Reentry]) {
        let names: Vec<&str> = path.iter().map(|reentry| &*reentry.state).collect();
        self.note(Note::ResumedFrom { state_path: names.join("/") });
        let mut id = top;
        for (level, Reentry { state, input, variables }) in path.iter().enumerate() {
            self.row_mut(id).variables = variables.clone();
            self.move_into(id, state, input.clone());
            if level + 1 == path.len() {
                break;
            }
            let name = self.frame(id).row.state.clone();
            self.event(Some(id), HistoryEventDetails::ParallelStateStarted { name });
            self.row_mut(id).frame_state = FrameState::Parallel { running: 1 };
            let inside = self.frame(id).state_path();
            id = self.new_frame(Some(id), 0, inside.into(), None);
        }
        self.make_ready(id);
    }
}
