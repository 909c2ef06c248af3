//! One turn of the machine: the execution, the moment, and the changes so far.

mod budget;
mod entries;
mod finish;
mod frames;
mod output;

use std::{collections::VecDeque, sync::Arc};

use self::{budget::TurnBudget, output::Output};
use super::{
    Execution, ExecutionHeader, ExecutionStatus, FrameId, FrameState, Reentry, execution::WakeFields, limits,
    map::ChangedRuns,
};
use crate::{
    asl::StateKind,
    journal::{ErrorAndCause, HistoryEventDetails, StepFailure},
    query::{Evaluator, Moment},
    step::error_names,
};

pub(super) struct Turn<'a> {
    pub execution: &'a mut Execution,
    pub moment: &'a Moment,
    pub evaluator: &'a dyn Evaluator,
    /// The map runs that changed.
    pub(super) runs: ChangedRuns,
    /// The other changes, and the commands.
    output: Output,
    /// Frames whose state must be executed.
    ready: VecDeque<FrameId>,
    budget: TurnBudget,
    /// The fields of the wake record at the beginning of the turn.
    wake_fields_before: WakeFields,
    /// Whether the turn sets the timer also if its time has not changed.
    sets_timer_again: bool,
    /// Whether the history is full and an event was omitted. The execution then fails with the last event that fits.
    history_is_full: bool,
}

pub(super) fn too_many_events() -> StepFailure {
    let cause = format!("The execution reached the maximum number of history events ({}).", limits::HISTORY_EVENTS_MAX);
    StepFailure { error: error_names::RUNTIME.to_owned(), cause, details: None }
}

impl<'a> Turn<'a> {
    pub fn new(execution: &'a mut Execution, moment: &'a Moment, evaluator: &'a dyn Evaluator) -> Self {
        Turn {
            wake_fields_before: execution.header.wake_fields(),
            budget: TurnBudget::new(execution.turn_cost_max),
            execution,
            moment,
            evaluator,
            runs: ChangedRuns::default(),
            output: Output::default(),
            ready: VecDeque::new(),
            sets_timer_again: false,
            history_is_full: false,
        }
    }

    /// Fails a state whose evaluations together have taken longer than they may.
    pub fn check_evaluation_time(&mut self, id: FrameId) -> Result<(), StepFailure> {
        if self.budget.is_state_over(self.evaluator) {
            return Err(self.runtime_failure(id, "The evaluations of the state take longer than they may together."));
        }
        Ok(())
    }

    /// Whether the turn must end as soon as possible.
    fn is_spent(&self) -> bool {
        self.budget.is_spent() || self.history_is_full || self.evaluator.is_interrupted()
    }

    /// Adds the work of evaluations to the turn's cost.
    pub fn charge_work(&mut self, units: u64) {
        self.budget.add_work(units, self.evaluator);
    }

    /// Queues a frame whose state must be executed.
    pub fn make_ready(&mut self, id: FrameId) {
        self.ready.push_back(id);
    }

    /// Sets the timer at the end of the turn, also if its time has not changed.
    pub fn set_timer_again(&mut self) {
        self.sets_timer_again = true;
    }

    pub fn now_ms(&self) -> u64 {
        self.moment.now_ms
    }

    /// Begins the execution; at a state inside its definition if a path is given.
    pub fn start(&mut self, path: &[Reentry]) {
        if self.execution.header.last_sequence > 0 {
            return;
        }
        let now = self.now_ms();
        let header = &mut self.execution.header;
        header.started_ms = now;
        let express = header.identity.as_ref().is_some_and(|identity| identity.is_express());
        let limit = express.then_some(limits::EXPRESS_SECONDS_MAX);
        let seconds = self.execution.machine.timeout_seconds.into_iter().chain(limit).min();
        header.deadline_ms = seconds.map(|seconds| now.saturating_add(seconds * 1000));
        let input = header.input.clone();
        self.event(None, HistoryEventDetails::ExecutionStarted { input: input.clone() });
        let machine = self.execution.machine.clone();
        let frame = self.new_frame(None, 0, Arc::default(), None);
        match path {
            [] => self.enter(frame, &machine.start_at, input),
            path => self.reenter(frame, path),
        }
        self.run();
    }

    /// Does what is due, until the turn has reached its cost limit.
    pub fn timer_fired(&mut self) {
        if self.execution.header.deadline_ms.is_some_and(|deadline| deadline <= self.now_ms()) {
            return self.end_timed_out();
        }
        if self.is_cancelling() {
            return self.timer_fired_while_cancelling();
        }
        while !self.execution.begins_no_tasks
            && let Some(&(due, id)) = self.execution.timers.first()
            && due <= self.now_ms()
            && self.execution.header.status == ExecutionStatus::Running
            && !self.is_spent()
        {
            self.frame_is_due(id);
            self.run();
            self.execution.register(id);
        }
        self.set_timer_again();
    }

    pub(super) fn frame_is_due(&mut self, id: FrameId) {
        if self.frame(id).due_ms().is_none_or(|due| due > self.now_ms()) {
            return;
        }
        match &self.frame(id).row.frame_state {
            FrameState::Waiting { .. } => self.wait_is_over(id),
            FrameState::Backoff { .. } | FrameState::Entering => self.make_ready(id),
            FrameState::Task { .. } => self.task_is_due(id),
            _ => {}
        }
    }

    /// Recovers an execution that was loaded from the store: polls again what was in flight.
    pub fn recover(&mut self) {
        // The calls of a cancelled execution are not repeated: the process that made them has ended, so no answer will come.
        if let Some(ErrorAndCause { error, cause }) = self.execution.header.cancels_with.clone() {
            return self.cancel(error, cause);
        }
        for id in self.execution.to_poll() {
            self.note_called_again(id);
            self.poll(id);
        }
        self.offer_again();
        self.set_timer_again();
    }

    /// Ends the execution. Frames that had not ended are kept as stopped, so that a redrive continues with them.
    pub fn end(&mut self, status: ExecutionStatus, failure: Option<ErrorAndCause>) {
        let now = self.now_ms();
        let header = &mut self.execution.header;
        header.status = status;
        header.stopped_ms = Some(now.max(header.last_timestamp_ms));
        header.failure = failure;
        header.cancels_with = None;
        header.paused = false;
        header.deadline_ms = None;
        self.output.header_changed();
        self.ready.clear();
        let all: Vec<_> = self.execution.frames.in_order().map(|frame| frame.row.id).collect();
        if status == ExecutionStatus::Succeeded {
            all.into_iter().for_each(|id| self.delete(id));
        } else {
            all.into_iter().for_each(|id| self.stop_leaf(id));
        }
    }

    /// Leaves the ready frames to the next turn, which follows at once.
    fn leave_to_next_turn(&mut self) {
        for id in std::mem::take(&mut self.ready) {
            let frame_state = self.execution.frames.get(id).map(|frame| &frame.row.frame_state);
            if frame_state.is_some_and(|state| !matches!(state, FrameState::Stopped | FrameState::Failed { .. })) {
                self.row_mut(id).frame_state = FrameState::Entering;
            }
        }
    }

    /// Executes ready frames until none is left or the turn has reached its cost limit. A turn that holds Tasks leaves them to a later
    /// one.
    pub fn run(&mut self) {
        let mut held = VecDeque::new();
        while let Some(id) = self.next_ready() {
            if self.execution.header.status != ExecutionStatus::Running {
                self.ready.clear();
                break;
            }
            if self.history_is_full {
                break;
            }
            if let Some(failure) = self.ends_here(id) {
                self.fail_execution(failure);
                break;
            }
            let Some(frame) = self.execution.frames.get(id) else { continue };
            // It was queued when its map run, its siblings or its child execution ended.
            if matches!(frame.row.frame_state, FrameState::Stopped | FrameState::Failed { .. }) {
                continue;
            }
            if self.execution.begins_no_tasks
                && matches!(self.state_of(id).map(|state| &state.kind), Some(StateKind::Task(_)))
            {
                held.push_back(id);
                continue;
            }
            self.budget.begin_state();
            self.execute(id);
        }
        self.ready.append(&mut held);
        self.leave_to_next_turn();
    }

    /// The next frame to execute; `None` if the turn has reached its cost limit or the execution is being cancelled.
    fn next_ready(&mut self) -> Option<FrameId> {
        self.fail_full_children();
        if self.is_spent() || self.is_cancelling() { None } else { self.ready.pop_front() }
    }

    /// The header, marked as changed.
    pub fn header_mut(&mut self) -> &mut ExecutionHeader {
        self.output.header_changed();
        &mut self.execution.header
    }
}
