//! The end of a turn: failures by a full history, cancellation, due times, and the transition that the runner commits.

use std::sync::Arc;

use super::{Turn, too_many_events};
use crate::machine::{
    Command, ExecutionHeader, ExecutionStatus, FrameId, FrameWrite, TOP_FRAME, Transition, execution::WakeState,
};

impl Turn<'_> {
    /// Ends the turn. Returns its changes and commands.
    pub fn finish(mut self) -> Transition {
        self.settle_history();
        self.execution.turn_was_cut_short = self.is_spent();
        let map_runs = self.runs.finish(&self.execution.frames);
        let changed = self.register_changed();
        self.command_wake();
        self.update_wake_state();
        if self.is_settled() {
            self.command(Command::Settled);
        }
        let (header, frames_put) = self.write_frames(changed);
        let wake_fields_changed = self.execution.header.wake_fields() != self.wake_fields_before;
        Transition { header, wake_fields_changed, frames_put, map_runs, ..self.output.into_transition() }
    }

    /// Fails child executions and the execution whose history is full. Ends a cancelled execution without calls in flight.
    fn settle_history(&mut self) {
        if self.runs.has_full_histories() {
            self.run();
        }
        if self.history_is_full && self.execution.header.status == ExecutionStatus::Running {
            self.fail_execution(too_many_events());
        }
        self.end_cancelled();
        if self.history_is_full {
            // The history has no TaskScheduled event for these calls, so they must not be made.
            self.drop_calls(|_, _| true);
        }
    }

    /// Registers the due times of the frames that changed. Returns these frames in order.
    fn register_changed(&mut self) -> Vec<FrameId> {
        let mut changed = self.output.take_changed_frames();
        changed.retain(|id| self.execution.frames.get_mut(*id).is_some_and(|frame| std::mem::take(&mut frame.changed)));
        changed.sort_unstable();
        for &id in &changed {
            self.execution.register(id);
        }
        changed
    }

    fn command_wake(&mut self) {
        let header = &self.execution.header;
        let running = header.status == ExecutionStatus::Running;
        let timer = match self.is_cancelling() {
            true => self.call_due_ms(),
            false => self.execution.timers.first().map(|(due, _)| *due),
        };
        let next = running.then(|| timer.into_iter().chain(header.deadline_ms).min()).flatten();
        if next != header.next_wake_ms {
            self.header_mut().next_wake_ms = next;
        } else if !self.sets_timer_again {
            return;
        }
        self.command(next.map_or(Command::NoWake, |due_ms| Command::WakeAt { due_ms }));
    }

    fn update_wake_state(&mut self) {
        let WakeState { awake, only_waits } = self.execution.wake_state();
        if (awake, only_waits) != (self.execution.header.awake, self.execution.header.only_waits) {
            (self.header_mut().awake, self.header_mut().only_waits) = (awake, only_waits);
        }
    }

    /// Whether the execution has ended in this turn, or is paused without a call in flight.
    fn is_settled(&self) -> bool {
        let header = &self.execution.header;
        let ended = header.status != ExecutionStatus::Running;
        (ended && self.output.has_changed_header()) || (header.paused && !self.execution.in_flight())
    }

    /// The writes of the header, if it is written, and of the frames that changed. The store has header and top frame in one record.
    fn write_frames(&mut self, changed: Vec<FrameId>) -> (Option<Arc<ExecutionHeader>>, Vec<FrameWrite>) {
        let mut written = changed;
        let frames = &mut self.execution.frames;
        let top_changed = written.first() == Some(&TOP_FRAME);
        let header_written = self.output.has_changed_header() || top_changed || !self.output.entries().is_empty();
        if header_written && !top_changed && frames.get(TOP_FRAME).is_some() {
            written.insert(0, TOP_FRAME);
        }
        let frames_put = written.iter().filter_map(|id| Some(frames.get_mut(*id)?.write())).collect();
        (header_written.then(|| Arc::new(self.execution.header.clone())), frames_put)
    }
}
