//! Going on: after a pause, and after a failure (Step Functions' redrive).

use super::{Activity, ExecutionStatus, FrameId, turn::Turn};
use crate::{
    asl::StateKind,
    journal::{HistoryEventDetails, Note},
};

impl Turn<'_> {
    /// Ends a pause: the calls that could not be made are made again, in the same visit and attempt.
    pub fn go_on(&mut self) {
        let paused: Vec<_> = self
            .execution
            .frames
            .values()
            .filter(|frame| matches!(frame.row.activity, Activity::Paused { .. }))
            .map(|frame| frame.row.id)
            .collect();
        if self.execution.header.paused {
            self.header().paused = false;
        }
        for id in paused {
            let state_path = self.frame(id).state_path();
            self.note(Note::Continued { state_path });
            self.ready.push_back(id);
        }
        self.run();
    }

    /// Goes on where a failed, timed out or cancelled execution stopped; what had ended well is not done again.
    pub fn redrive(&mut self) {
        if self.execution.header.status == ExecutionStatus::Succeeded || self.execution.frames.is_empty() {
            return;
        }
        let now = self.now_ms();
        let timeout_seconds = self.execution.machine.timeout_seconds;
        let header = self.header();
        header.status = ExecutionStatus::Running;
        header.failure = None;
        header.ends_with = None;
        header.stopped_ms = None;
        header.redrive_count += 1;
        header.deadline_ms = timeout_seconds.map(|seconds| now.saturating_add(seconds * 1000));
        let redrive_count = header.redrive_count;
        self.event(None, HistoryEventDetails::ExecutionRedriven { redrive_count });
        let top: Vec<_> = self.execution.frames.values().filter(|f| f.row.parent.is_none()).map(|f| f.row.id).collect();
        top.into_iter().for_each(|id| self.redrive_frame(id));
        self.run();
    }

    fn redrive_frame(&mut self, id: FrameId) {
        if matches!(self.frame(id).row.activity, Activity::Ended { .. }) {
            return;
        }
        let children = self.children(id);
        if children.is_empty() {
            self.row(id).visit += 1;
            self.row(id).activity = Activity::Entering;
            self.reset_retries(id);
            return self.ready.push_back(id);
        }
        self.reset_retries(id);
        if let Some(map) = self.calls_for_map(id)
            && !matches!(self.frame(id).row.activity, Activity::Map { .. })
        {
            return self.redrive_map(id, &map, &children);
        }
        self.restore_composite(id, &children);
        children.into_iter().for_each(|child| self.redrive_frame(child));
    }

    /// A Map that stopped while it wrote its results: they are written again. Where iterations had failed, it begins anew.
    fn redrive_map(&mut self, id: FrameId, map: &crate::asl::Map, children: &[FrameId]) {
        let ended = |id: &FrameId| matches!(self.frame(*id).row.activity, Activity::Ended { .. });
        let Some(state) = self.state_of(id).filter(|_| children.iter().all(ended)) else {
            self.delete_children(id);
            self.row(id).visit += 1;
            self.row(id).activity = Activity::Entering;
            return self.ready.push_back(id);
        };
        self.row(id).visit += 1;
        self.map_ended(id, &state, map);
    }

    fn restore_composite(&mut self, id: FrameId, children: &[FrameId]) {
        let ended = |id: &FrameId| matches!(self.frame(*id).row.activity, Activity::Ended { .. });
        let running = children.iter().filter(|child| !ended(child)).count() as u64;
        let Some(state) = self.state_of(id) else { return };
        if matches!(state.kind, StateKind::Parallel { .. }) {
            self.row(id).activity = Activity::Parallel { running };
        } else if let Activity::Map { running: count, failed, .. } = &mut self.row(id).activity {
            (*count, *failed) = (running, 0);
        }
    }
}
