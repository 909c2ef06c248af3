//! Ends an execution from outside: cancelled at once, cancelled when its calls in flight have answered, timed out, or failed because
//! its state machine was deleted.

use super::{ExecutionStatus, FrameId, FrameState, turn::Turn};
use crate::{
    journal::{ErrorAndCause, HistoryEventDetails, StepFailure},
    step::error_names,
};

impl Turn<'_> {
    /// Ends the execution as ABORTED without waiting for the answers of calls in flight.
    pub fn cancel(&mut self, error: String, cause: String) {
        let failure = ErrorAndCause { error, cause };
        self.drop_all_early_signals();
        self.event_after(0, HistoryEventDetails::ExecutionAborted(failure.clone()));
        self.end(ExecutionStatus::Aborted, Some(failure));
    }

    /// Makes no more calls, and ends the execution as ABORTED when those in flight have answered, so that their results are recorded.
    pub fn cancel_after_calls(&mut self, error: String, cause: String) {
        self.header_mut().cancels_with = Some(ErrorAndCause { error, cause });
        self.set_timer_again();
    }

    /// Whether the execution is being cancelled. No state is executed any more.
    pub(super) fn is_cancelling(&self) -> bool {
        self.execution.header.cancels_with.is_some()
    }

    /// Ends an execution that is being cancelled if it has no call in flight.
    pub(super) fn end_cancelled(&mut self) {
        let header = &self.execution.header;
        let Some(ErrorAndCause { error, cause }) = header.cancels_with.clone() else { return };
        if header.status == ExecutionStatus::Running && self.calls_in_flight().is_empty() {
            self.cancel(error, cause);
        }
    }

    /// Handles the expired deadlines of calls in flight while the execution is being cancelled.
    pub(super) fn timer_fired_while_cancelling(&mut self) {
        for id in self.calls_in_flight() {
            self.frame_is_due(id);
        }
        self.run();
        self.set_timer_again();
    }

    /// The earliest deadline of a call in flight, in milliseconds since the Unix epoch.
    pub(super) fn call_due_ms(&self) -> Option<u64> {
        self.calls_in_flight().into_iter().filter_map(|id| self.frame(id).due_ms()).min()
    }

    fn calls_in_flight(&self) -> Vec<FrameId> {
        self.execution.frames.in_order().filter(|frame| frame.in_flight()).map(|frame| frame.row.id).collect()
    }

    pub fn end_next(&mut self, error: String, cause: String) {
        self.header_mut().ends_with = Some(ErrorAndCause { error, cause });
    }

    /// The failure with which the execution ends if `ends_with` is set and this frame is about to execute a state.
    pub(super) fn ends_here(&self, id: FrameId) -> Option<StepFailure> {
        let ErrorAndCause { error, cause } = self.execution.header.ends_with.clone()?;
        let enters = matches!(self.execution.frames.get(id)?.row.frame_state, FrameState::Entering);
        enters.then_some(StepFailure { error, cause, details: None })
    }

    pub(super) fn end_timed_out(&mut self) {
        let failure = ErrorAndCause { error: error_names::TIMEOUT.to_owned(), cause: String::new() };
        self.drop_all_early_signals();
        self.event_after(0, HistoryEventDetails::ExecutionTimedOut(failure.clone()));
        self.end(ExecutionStatus::TimedOut, Some(failure));
    }
}
