//! The frames of the execution during a turn: which of them change, begin and end, and the state that each is in.

use std::sync::Arc;

use super::Turn;
use crate::{
    asl::{State, StateKind, StateMachine},
    machine::{Command, Frame, FrameId, FrameRow, FrameState, limits},
};

impl Turn<'_> {
    pub fn frame(&self, id: FrameId) -> &Frame {
        &self.execution.frames[id]
    }

    /// The row of a frame, marked as changed.
    pub fn row_mut(&mut self, id: FrameId) -> &mut FrameRow {
        &mut self.frame_mut(id).row
    }

    /// A frame, marked as changed.
    pub fn frame_mut(&mut self, id: FrameId) -> &mut Frame {
        let frame = &mut self.execution.frames[id];
        if !std::mem::replace(&mut frame.changed, true) {
            self.output.frame_changed(id);
        }
        frame
    }

    /// The number from which visits inside a state are counted. Tokens are derived from path and visit, so the visits inside a state that
    /// is entered again, in a loop or after a resume, must differ from all earlier ones. There are fewer of these than events. All attempts
    /// of one visit count from the same number. The events of each child execution have ids of their own, so the number from which its
    /// visits are counted is a digit in front of theirs: child executions of another run of the Map have other numbers.
    fn visits_before(&self, parent: FrameId) -> u64 {
        let row = &self.frame(parent).row;
        if row.visit <= 1 {
            return 0;
        }
        let map = self.child_of(parent).and_then(|child| self.frame(child).row.parent);
        let before_child = map.map_or(0, |map| self.visits_before(map));
        before_child.wrapping_mul(limits::HISTORY_EVENTS_MAX + 1).wrapping_add(row.entered_event_id)
    }

    /// Adds a frame that has not entered a state yet.
    pub fn new_frame(
        &mut self,
        parent: Option<FrameId>,
        index: u64,
        path: Arc<str>,
        item: Option<Arc<serde_json::Value>>,
    ) -> FrameId {
        let id = self.execution.header.next_frame_id;
        self.header_mut().next_frame_id += 1;
        let last_event_id = parent.map_or(0, |parent| self.frame(parent).row.last_event_id);
        let (input, variables) = self.execution.frames.no_data();
        let row = FrameRow {
            id,
            parent,
            index,
            path,
            state: Arc::default(),
            visit: parent.map_or(0, |parent| self.visits_before(parent)),
            input,
            variables,
            frame_state: FrameState::Entering,
            retries: Vec::new(),
            attempt: 1,
            entered_ms: self.now_ms(),
            entered_event_id: 0,
            is_in_child_execution: parent
                .is_some_and(|parent| self.frame(parent).row.is_in_child_execution || self.is_distributed(parent)),
            item,
            map_run: None,
            child: None,
            last_event_id,
        };
        self.execution.insert(Frame::from_row(row));
        self.frame_mut(id);
        id
    }

    /// Removes a frame and drops its call in flight.
    pub fn delete(&mut self, id: FrameId) {
        self.abandon(id);
        self.abort_and_record_runs(id);
        if let Some(parts) = self.execution.remove(id) {
            self.output.frame_deleted(id, parts);
        }
    }

    /// Drops a frame's call in flight.
    pub fn abandon(&mut self, id: FrameId) {
        if self.frame(id).in_flight() {
            let visit = self.frame(id).row.visit;
            self.command(Command::Abandon { frame: id, visit });
        }
    }

    /// Stops the execution that a frame's Task waits for, because the Task is stopped or has timed out: Step Functions stops the job of a
    /// `.sync` Task (Developer Guide, "Run a job (.sync)").
    pub fn stop_awaited(&mut self, id: FrameId) {
        if let Some(execution) = self.frame(id).started_execution() {
            let id = execution.to_owned();
            self.command(Command::StopExecution { id });
        }
    }

    /// The ids of a frame's children, in the order of their index.
    pub fn children(&self, parent: FrameId) -> Vec<FrameId> {
        self.execution.children.get(&parent).into_iter().flatten().map(|(_, id)| *id).collect()
    }

    /// Removes everything below a frame.
    pub fn delete_children(&mut self, parent: FrameId) {
        // Removes the list of children at once: removing them one by one would search the list for each.
        let children = self.execution.children.remove(&parent);
        for (_, child) in children.into_iter().flatten() {
            self.delete_children(child);
            self.delete(child);
        }
    }

    pub fn is_distributed(&self, id: FrameId) -> bool {
        matches!(self.state_of(id).map(|state| &state.kind), Some(StateKind::Map(map)) if map.distributed)
    }

    /// The machine that a frame runs: the top one, a branch's or an item processor's.
    pub fn machine_of(&self, id: FrameId) -> Option<&StateMachine> {
        let frame = self.frame(id);
        let Some(parent) = frame.row.parent else { return Some(&self.execution.machine) };
        let find = || match &self.state_of(parent)?.kind {
            StateKind::Parallel { branches, .. } => branches.get(frame.row.index as usize).cloned(),
            StateKind::Map(map) => Some(map.processor.clone()),
            _ => None,
        };
        frame.machine(find).map(|machine| &**machine)
    }

    /// The state that a frame is in.
    pub fn state_of(&self, id: FrameId) -> Option<&Arc<State>> {
        self.frame(id).state(|| self.machine_of(id))
    }
}
