//! Failures of states: retry, catch, or fail the frame.

pub(super) mod retry;

use std::sync::Arc;

use serde_json::json;

use super::{
    ExecutionStatus, FrameId, FrameRow, FrameState, MapRunStatus, TOP_FRAME,
    state::{Leaving, ResultName},
    turn::Turn,
};
use crate::{
    asl::{State, StateKind},
    journal::{ErrorAndCause, HistoryEventDetails, Note, StateType, StepFailure},
    step::{StepError, error_names},
};

impl Turn<'_> {
    /// Applies `Retry`, then `Catch`, to a failure of the state that a frame is in; else the frame fails.
    pub fn fail_state(&mut self, id: FrameId, failure: StepFailure) {
        self.end_run(id, MapRunStatus::Failed);
        let Some(state) = self.state_of(id).cloned() else { return self.fail_execution(failure) };
        if self.retry(id, &state, &failure) {
            return;
        }
        match self.catch(id, &state, &failure) {
            Ok(true) => {}
            Ok(false) => self.fail_frame(id, failure),
            Err(failure) => self.fail_frame(id, failure),
        }
    }

    /// The `Retry` rule that applies to a failure, and how often it has been used. A refusal by this machine's settings is not retried.
    fn retrier(&self, id: FrameId, state: &State, failure: &StepFailure) -> Option<(usize, u32)> {
        if failure.details.as_ref().is_some_and(StepError::is_refused_here) {
            return None;
        }
        let rules = &state.common.retry;
        let at = rules.iter().position(|rule| retry::matches(&rule.error_equals, failure))?;
        let used = self.frame(id).row.retries.get(at).copied().unwrap_or(0);
        (used < rules[at].max_attempts).then_some((at, used))
    }

    fn retry(&mut self, id: FrameId, state: &State, failure: &StepFailure) -> bool {
        let rules = &state.common.retry;
        let Some((at, used)) = self.retrier(id, state, failure) else { return false };
        self.delete_children(id);
        let entropy = self.moment.entropy ^ id.rotate_left(32) ^ u64::from(used);
        let due_ms = self.now_ms().saturating_add(retry::jittered_delay_ms(&rules[at], used, entropy));
        let row = self.row_mut(id);
        if let Some(count) = row.retries.get_mut(at) {
            *count += 1;
        }
        row.attempt += 1;
        row.frame_state = FrameState::Backoff { due_ms, failure: Box::new(failure.clone()) };
        let (state_path, attempt) = (row.state_path(), row.attempt);
        // Of the attempts until now, other rules may have begun some.
        let attempts_max = Some(attempt.saturating_add(rules[at].max_attempts - used - 1));
        let (next_attempt_ms, failure) = (due_ms, failure.clone());
        self.note(Note::RetryScheduled { state_path, attempt, attempts_max, next_attempt_ms, failure });
        true
    }

    fn catch(&mut self, id: FrameId, state: &State, failure: &StepFailure) -> Result<bool, StepFailure> {
        let rule = state.common.catch.iter().find(|rule| retry::matches(&rule.error_equals, failure));
        let Some(rule) = rule else { return Ok(false) };
        self.delete_children(id);
        let state_path = self.frame(id).state_path();
        self.note(Note::Caught { state_path, next: rule.next.clone(), failure: failure.clone() });
        let leaving = Leaving {
            result: Arc::new(json!({ "Error": failure.error, "Cause": failure.cause })),
            next: Some(&rule.next),
            assign: rule.assign.as_ref(),
            output: rule.output.as_ref(),
            result_name: ResultName::ErrorOutput,
            uses_result_path: true,
            catch_result_path: Some(&rule.result),
        };
        self.leave(id, state, leaving)?;
        Ok(true)
    }

    /// Fails a frame. The frame keeps its state, so that a redrive continues here.
    pub(super) fn fail_frame(&mut self, id: FrameId, failure: StepFailure) {
        self.drop_early_signals_of(id);
        let row = &self.frame(id).row;
        let (state_path, attempt, parent) = (row.state_path(), row.attempt, row.parent);
        // A frame with children keeps its state: a redrive continues in the children that had not ended.
        if self.children(id).is_empty() {
            self.row_mut(id).frame_state = FrameState::Failed { failure: Box::new(failure.clone()) };
            self.note(Note::Failure { state_path, attempt, failure: failure.clone() });
        }
        match parent {
            Some(parent) => self.child_failed(parent, id, failure),
            None => self.fail_execution(failure),
        }
    }

    /// Handles a failed branch or iteration: the siblings stop, and the parent's state fails.
    fn child_failed(&mut self, parent: FrameId, child: FrameId, failure: StepFailure) {
        let Some(state) = self.state_of(parent).cloned() else { return self.fail_execution(failure) };
        if let StateKind::Map(map) = &state.kind
            && map.distributed
        {
            self.child_execution_failed(child, &failure);
            return match failure.details.as_ref().is_some_and(StepError::is_missing_step) {
                true => self.map_run_lacks_step(parent, failure),
                false => self.iteration_failed(parent, &state, map),
            };
        }
        self.continue_from(parent, child);
        // An error that no rule can match fails the execution at once. AWS writes no event in between.
        if failure.error == error_names::RUNTIME {
            self.stop_children(parent);
            return self.fail_frame(parent, failure);
        }
        self.abort_children(parent, child);
        if matches!(state.kind, StateKind::Map(_)) {
            let failure = ErrorAndCause { error: failure.error.clone(), cause: failure.cause.clone() };
            let (name, index) = (state.name.clone(), self.frame(child).row.index);
            self.event_beside(child, HistoryEventDetails::MapIterationFailed { name, index, failure });
        }
        self.composite_failed(parent, &state, &failure);
        self.fail_state(parent, failure);
    }

    /// Fails a distributed Map because a child execution calls an integration that has no step. No rule matches this failure, and no
    /// threshold tolerates it: an execution whose call was never made must not succeed.
    fn map_run_lacks_step(&mut self, id: FrameId, failure: StepFailure) {
        self.end_run(id, MapRunStatus::Failed);
        let recorded = ErrorAndCause { error: failure.error.clone(), cause: failure.cause.clone() };
        self.event(Some(id), HistoryEventDetails::MapRunFailed(recorded));
        self.stop_children(id);
        self.fail_frame(id, failure);
    }

    /// Fails a distributed Map while iterations of it run.
    pub(super) fn map_failed(&mut self, id: FrameId, state: &State, failure: StepFailure) {
        self.end_run(id, MapRunStatus::Failed);
        self.stop_children(id);
        self.composite_failed(id, state, &failure);
        self.fail_state(id, failure);
    }

    /// Writes that a Parallel or a Map failed. Writes nothing if it will be retried.
    fn composite_failed(&mut self, id: FrameId, state: &State, failure: &StepFailure) {
        if self.retrier(id, state, failure).is_some() {
            return;
        }
        let failure = ErrorAndCause { error: failure.error.clone(), cause: failure.cause.clone() };
        let name = state.name.clone();
        let details = match &state.kind {
            StateKind::Map(_) => HistoryEventDetails::MapStateFailed { name, failure },
            _ => HistoryEventDetails::ParallelStateFailed { name, failure },
        };
        self.event(Some(id), details);
    }

    /// Stops the siblings of a failed child. Writes the events of each aborted iteration and of the state that it was in. These events all
    /// follow the last event of the failed child. Measured on AWS: floci, pull request 3167. Recorded on AWS: a Task that failed within a
    /// Parallel is aborted too.
    fn abort_children(&mut self, parent: FrameId, failed: FrameId) {
        let line = self.frame(failed).row.last_event_id;
        for child in self.children(parent) {
            if child == failed {
                self.write_aborted(line, child, &[StateType::Task]);
            } else if self.is_running(child) {
                self.abort_below(line, child);
            }
            self.stop_children(child);
            self.stop_leaf(child);
        }
    }

    fn is_running(&self, id: FrameId) -> bool {
        !matches!(
            self.frame(id).row.frame_state,
            FrameState::Ended { .. } | FrameState::Failed { .. } | FrameState::Stopped
        )
    }

    /// Writes, as following the event `line`, that a child and its descendants were aborted.
    fn abort_below(&mut self, line: u64, child: FrameId) {
        let FrameRow { parent, index, .. } = self.frame(child).row;
        let above = parent.and_then(|parent| self.state_of(parent).cloned());
        if let Some(state) = above.filter(|state| matches!(state.kind, StateKind::Map(_))) {
            let name = state.name.clone();
            self.event_beside_line(child, line, HistoryEventDetails::MapIterationAborted { name, index });
        }
        self.write_aborted(line, child, &[StateType::Task, StateType::Wait, StateType::Parallel, StateType::Map]);
        for below in self.children(child) {
            // Frames of a child execution write to a history of their own.
            if self.is_running(below)
                && self.frame(below).row.is_in_child_execution == self.frame(child).row.is_in_child_execution
            {
                self.abort_below(line, below);
            }
        }
    }

    fn write_aborted(&mut self, line: u64, child: FrameId, kinds: &[StateType]) {
        let Some(state) = self.state_of(child) else { return };
        let (state_type, name) = (state.kind.state_type(), state.name.clone());
        if kinds.contains(&state_type) {
            self.event_beside_line(child, line, HistoryEventDetails::StateAborted { state_type, name });
        }
    }

    /// Stops all descendants of a frame that have not ended. They are kept for a redrive.
    pub fn stop_children(&mut self, parent: FrameId) {
        for child in self.children(parent) {
            self.stop_children(child);
            self.stop_leaf(child);
        }
    }

    /// Stops a frame without children. A frame with children, and one that has ended or failed, is not changed.
    pub fn stop_leaf(&mut self, id: FrameId) {
        self.abort_runs(id);
        let leaf = !matches!(
            self.frame(id).row.frame_state,
            FrameState::Parallel { .. }
                | FrameState::Map { .. }
                | FrameState::Ended { .. }
                | FrameState::Failed { .. }
                | FrameState::Stopped
        );
        if leaf {
            self.abandon(id);
            self.stop_awaited(id);
            self.row_mut(id).frame_state = FrameState::Stopped;
        }
    }

    /// Fails the execution.
    pub fn fail_execution(&mut self, failure: StepFailure) {
        let failure = self.full_history().unwrap_or(failure);
        let recorded = ErrorAndCause { error: failure.error, cause: failure.cause };
        self.drop_all_early_signals();
        let last = self.execution.frames.get(TOP_FRAME).map_or(0, |top| top.row.last_event_id);
        self.event_after(last, HistoryEventDetails::ExecutionFailed(recorded.clone()));
        self.end(ExecutionStatus::Failed, Some(recorded));
    }
}
