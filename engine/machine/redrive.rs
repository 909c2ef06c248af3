//! Resumes executions: after a pause, and after a failure (Step Functions' redrive).

use std::sync::Arc;

use serde_json::Value;

use super::{ExecutionStatus, FrameId, FrameState, map::concurrency, turn::Turn};
use crate::{
    asl::{Map, StateKind},
    journal::{HistoryEventDetails, Note},
};

impl Turn<'_> {
    /// Resumes an execution that has not succeeded, in another environment if one is given.
    pub fn resume(&mut self, environment: Option<Arc<Value>>, recover: bool) {
        if self.execution.header.status == ExecutionStatus::Succeeded {
            return;
        }
        self.replace_environment(environment);
        if self.execution.header.status != ExecutionStatus::Running {
            return self.redrive();
        }
        if recover {
            self.recover();
        }
        self.end_pause();
    }

    /// Replaces the environment, if another one is given.
    pub(super) fn replace_environment(&mut self, environment: Option<Arc<Value>>) {
        if let Some(environment) = environment {
            let header = self.header_mut();
            (header.environment, header.environment_replaced) = (environment, true);
        }
    }

    /// Ends a pause: repeats the calls that could not be made, in the same visit and attempt.
    fn end_pause(&mut self) {
        let paused: Vec<_> = self
            .execution
            .frames
            .in_order()
            .filter(|frame| matches!(frame.row.frame_state, FrameState::Paused { .. }))
            .map(|frame| frame.row.id)
            .collect();
        if self.execution.header.paused {
            self.header_mut().paused = false;
        }
        for id in paused {
            let state_path = self.frame(id).state_path();
            self.note(Note::Continued { state_path });
            if !self.repeat_map_call(id) {
                self.make_ready(id);
            }
        }
        self.run();
    }

    /// Continues a failed, timed out or cancelled execution at the point where it stopped. What succeeded is not repeated.
    fn redrive(&mut self) {
        if self.execution.header.status == ExecutionStatus::Succeeded || self.execution.frames.is_empty() {
            return;
        }
        self.begin_redrive();
        let top: Vec<_> =
            self.execution.frames.in_order().filter(|f| f.row.parent.is_none()).map(|f| f.row.id).collect();
        top.into_iter().for_each(|id| self.redrive_frame(id));
        self.run();
    }

    /// Sets the execution to RUNNING with a new deadline.
    pub(super) fn begin_redrive(&mut self) {
        let now = self.now_ms();
        let timeout_seconds = self.execution.machine.timeout_seconds;
        let header = self.header_mut();
        header.status = ExecutionStatus::Running;
        header.failure = None;
        header.ends_with = None;
        header.cancels_with = None;
        header.stopped_total_ms += header.stopped_ms.take().map_or(0, |stopped_ms| now.saturating_sub(stopped_ms));
        header.redrive_count += 1;
        header.redriven_ms = Some(now);
        header.deadline_ms = timeout_seconds.map(|seconds| now.saturating_add(seconds * 1000));
        let redrive_count = header.redrive_count;
        self.event(None, HistoryEventDetails::ExecutionRedriven { redrive_count });
    }

    pub(super) fn redrive_frame(&mut self, id: FrameId) {
        if matches!(self.frame(id).row.frame_state, FrameState::Ended { .. }) {
            return;
        }
        let children = self.children(id);
        if children.is_empty() {
            self.row_mut(id).visit += 1;
            self.row_mut(id).frame_state = FrameState::Entering;
            self.reset_retries(id);
            return self.make_ready(id);
        }
        self.reset_retries(id);
        if let Some(map) = self.calls_for_map(id).filter(|map| map.distributed) {
            return self.redrive_map(id, &map, &children);
        }
        self.restore_composite(id, &children);
        children.into_iter().for_each(|child| self.redrive_frame(child));
    }

    /// Redrives a distributed Map: first the iterations that did not succeed, within its concurrency, then those that had not begun. If
    /// all have succeeded, only the results are written again.
    fn redrive_map(&mut self, id: FrameId, map: &Map, children: &[FrameId]) {
        let Some(state) = self.state_of(id).cloned() else { return };
        self.row_mut(id).visit += 1;
        self.redrive_run(id, children);
        let ended = |id: &FrameId| matches!(self.frame(*id).row.frame_state, FrameState::Ended { .. });
        let (items, begun) = match &self.frame(id).row.frame_state {
            FrameState::Map { items, next, .. } => (items.clone(), *next),
            // All iterations had begun, because the results were being written.
            _ => {
                let item = |id: &FrameId| self.frame(*id).row.item.as_deref().cloned().unwrap_or_default();
                (Arc::new(children.iter().map(item).collect::<Vec<_>>()), children.len() as u64)
            }
        };
        if begun as usize == items.len() && children.iter().all(ended) {
            return self.map_ended(id, &state, map);
        }
        let (limit, tolerated) = self.run_limits(id);
        let max_concurrency = concurrency(map, limit);
        self.row_mut(id).frame_state =
            FrameState::Map { items, next: begun, running: 0, failed: 0, max_concurrency, tolerated };
        if let Err(failure) = self.start_iterations(id, map) {
            self.stop_children(id);
            self.fail_state(id, failure);
        }
    }

    fn restore_composite(&mut self, id: FrameId, children: &[FrameId]) {
        let ended = |id: &FrameId| matches!(self.frame(*id).row.frame_state, FrameState::Ended { .. });
        let running = children.iter().filter(|child| !ended(child)).count() as u64;
        let Some(state) = self.state_of(id).cloned() else { return };
        if matches!(state.kind, StateKind::Parallel { .. }) {
            self.row_mut(id).frame_state = FrameState::Parallel { running };
        } else if let FrameState::Map { running: count, .. } = &mut self.row_mut(id).frame_state {
            *count = running;
        }
    }
}
