//! Child executions of a map run. AWS starts an execution for each iteration. Here an iteration is a frame of its parent, and the
//! record and history that AWS would report for its execution are written during each turn.

use std::sync::Arc;

use serde_json::Value;

use super::{Child, ChildId, ChildStatus, MapRun, MapRunStatus};
use crate::{
    journal::{EntryContent, ErrorAndCause, HistoryEvent, HistoryEventDetails, JournalEntry, StepFailure},
    machine::{
        Execution, FrameId, limits,
        turn::{Turn, too_many_events},
    },
};

impl Turn<'_> {
    /// The child execution that a frame belongs to: the frame of its iteration.
    pub(in crate::machine) fn child_of(&self, id: FrameId) -> Option<FrameId> {
        let mut next = Some(id);
        while let Some(id) = next {
            let row = &self.frame(id).row;
            if !row.is_in_child_execution {
                return None;
            }
            if row.child.is_some() {
                return Some(id);
            }
            next = row.parent;
        }
        None
    }

    /// The child execution that a frame belongs to, and its map run.
    pub(in crate::machine) fn child_in_run(&self, id: FrameId) -> Option<(&Child, &MapRun)> {
        let row = &self.frame(self.child_of(id)?).row;
        Some((row.child.as_deref()?, self.frame(row.parent?).row.map_run.as_deref()?))
    }

    /// Fails the child executions whose histories are full. No `Retry` or `Catch` inside them matches this failure.
    pub fn fail_full_children(&mut self) {
        while let Some(id) = self.runs.next_full_history() {
            if self.execution.frames.get(id).is_some() && self.child_status(id) == Some(ChildStatus::Running) {
                // The history has no TaskScheduled event for these calls, so they must not be made.
                self.drop_calls(|execution, called| is_within(execution, called, id));
                self.stop_children(id);
                self.fail_frame(id, too_many_events());
            }
        }
    }

    /// Appends an event of a frame to the history of its child execution.
    pub fn child_event(&mut self, id: FrameId, details: HistoryEventDetails) {
        let Some(child) = self.child_of(id) else { return };
        let previous = self.frame(id).row.last_event_id;
        if let Some(event) = self.write_child_event(child, Some(previous), details) {
            self.row_mut(id).last_event_id = event;
        }
    }

    fn write_child_event(&mut self, id: FrameId, previous: Option<u64>, details: HistoryEventDetails) -> Option<u64> {
        let timestamp_ms = self.now_ms();
        let child = self.row_mut(id).child.as_mut()?;
        // The last id is reserved for the event of the end.
        if child.last_event_id + 1 >= limits::HISTORY_EVENTS_MAX && !ends_or_resumes(&details) {
            self.runs.history_is_full(id);
            return None;
        }
        child.last_event_id += 1;
        let (of, event_id) = (child.id, child.last_event_id);
        let previous_event_id = previous.unwrap_or(event_id - 1);
        let event = HistoryEvent { id: event_id, previous_event_id, frame: Arc::default(), details };
        let entry = JournalEntry { sequence: event_id, timestamp_ms, content: EntryContent::Event(event) };
        self.runs.add_entry(of, entry);
        Some(event_id)
    }

    /// Begins the child execution of an iteration. Does nothing if its Map has no run.
    pub(super) fn begin_child(&mut self, map: FrameId, id: FrameId, items: u64, input: &Value) {
        let (started_ms, index) = (self.now_ms(), self.frame(id).row.index);
        let Some(run) = self.run_mut(map) else { return };
        let child = Child {
            id: ChildId { run: run.number, index },
            status: ChildStatus::Running,
            started_ms,
            stopped_ms: None,
            items,
            last_event_id: 0,
            redrive_count: 0,
            redriven_ms: None,
        };
        run.count(None, &child);
        let row = self.row_mut(id);
        row.last_event_id = 0;
        row.child = Some(Box::new(child));
        self.runs.child_changed(id);
        self.write_child_event(id, None, HistoryEventDetails::ExecutionStarted { input: Arc::new(input.clone()) });
    }

    /// Changes the status of a child execution and the counts of its map run.
    pub(super) fn set_child(&mut self, id: FrameId, status: ChildStatus) {
        let now = self.now_ms();
        let row = self.row_mut(id);
        let (Some(child), Some(parent)) = (row.child.as_mut(), row.parent) else { return };
        let from = std::mem::replace(&mut child.status, status);
        match status {
            ChildStatus::PendingRedrive => {}
            ChildStatus::Running => {
                child.stopped_ms = None;
                child.redriven_ms = Some(now);
                child.redrive_count += 1;
            }
            _ => child.stopped_ms = Some(now),
        }
        let child = child.clone();
        self.runs.child_changed(id);
        if let Some(run) = self.run_mut(parent) {
            run.count(Some(from), &child);
        }
    }

    pub(super) fn child_status(&self, id: FrameId) -> Option<ChildStatus> {
        self.frame(id).row.child.as_ref().map(|child| child.status)
    }

    /// Ends the child execution of an iteration that succeeded.
    pub fn child_succeeded(&mut self, id: FrameId, output: &Value) {
        if self.child_status(id) == Some(ChildStatus::Running) {
            let output = output.clone();
            self.write_child_event(id, None, HistoryEventDetails::ExecutionSucceeded { output: Arc::new(output) });
            self.set_child(id, ChildStatus::Succeeded);
        }
    }

    /// Ends the child execution of an iteration that failed.
    pub fn child_execution_failed(&mut self, id: FrameId, failure: &StepFailure) {
        if self.child_status(id) == Some(ChildStatus::Running) {
            let failure = ErrorAndCause { error: failure.error.clone(), cause: failure.cause.clone() };
            self.write_child_event(id, None, HistoryEventDetails::ExecutionFailed(failure));
            self.set_child(id, ChildStatus::Failed);
        }
    }

    /// Aborts the run of a frame's Map and its child execution, if they have not ended.
    pub fn abort_runs(&mut self, id: FrameId) {
        self.end_run(id, MapRunStatus::Aborted);
        match self.child_status(id) {
            Some(ChildStatus::Running) => {
                let failure = ErrorAndCause { error: String::new(), cause: String::new() };
                self.write_child_event(id, None, HistoryEventDetails::ExecutionAborted(failure));
                self.set_child(id, ChildStatus::Aborted);
            }
            Some(ChildStatus::PendingRedrive) => self.set_child(id, ChildStatus::Aborted),
            _ => {}
        }
    }

    /// Aborts the map run and the child execution of a frame that is about to be removed, and keeps their records.
    pub fn abort_and_record_runs(&mut self, id: FrameId) {
        self.abort_runs(id);
        self.record_run_change(id);
        self.record_child_change(id);
    }

    /// Takes a child execution that changed from its frame into the changes of the turn.
    fn record_child_change(&mut self, id: FrameId) {
        self.runs.take_child(&self.execution.frames, id);
    }

    /// The next child execution that waits for its redrive.
    pub(super) fn next_redriven(&self, id: FrameId) -> Option<FrameId> {
        let run = self.frame(id).row.map_run.as_deref().filter(|run| run.executions.pending_redrive > 0)?;
        let mut waiting = self.execution.children.get(&id)?.range((run.redrive_from, 0)..);
        waiting
            .find(|(_, child)| self.child_status(*child) == Some(ChildStatus::PendingRedrive))
            .map(|(_, child)| *child)
    }

    /// Redrives a child execution at the point where it failed or was stopped.
    pub(super) fn redrive_child(&mut self, map: FrameId, id: FrameId) {
        let index = self.frame(id).row.index;
        if let Some(run) = self.run_mut(map) {
            run.redrive_from = index + 1;
        }
        self.set_child(id, ChildStatus::Running);
        let redrive_count = self.frame(id).row.child.as_ref().map_or(0, |child| child.redrive_count);
        self.write_child_event(id, None, HistoryEventDetails::ExecutionRedriven { redrive_count });
        self.redrive_frame(id);
    }
}

/// Whether a frame is `above` or below it.
fn is_within(execution: &Execution, id: FrameId, above: FrameId) -> bool {
    let parent = |id: &FrameId| execution.frames.get(*id)?.row.parent;
    std::iter::successors(Some(id), parent).any(|id| id == above)
}

/// Whether the event belongs to the execution and not to a state. The history always has room for it.
fn ends_or_resumes(details: &HistoryEventDetails) -> bool {
    use HistoryEventDetails::{ExecutionAborted, ExecutionFailed, ExecutionRedriven, ExecutionSucceeded};
    matches!(details, ExecutionSucceeded { .. } | ExecutionFailed(_) | ExecutionAborted(_) | ExecutionRedriven { .. })
}
