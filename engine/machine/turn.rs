//! One turn of the machine: the execution, the moment, and the changes so far.

mod budget;
mod entries;
mod frames;

use std::{collections::VecDeque, sync::Arc};

use self::budget::TurnBudget;
use super::{
    Command, EarlySignalChanges, Execution, ExecutionHeader, ExecutionStatus, FrameId, FrameState, FrameWrite, Part,
    Reentry, TOP_FRAME, Transition, execution::WakeState, limits, runs::RunsChanged,
};
use crate::{
    asl::StateKind,
    journal::{ErrorAndCause, HistoryEventDetails, JournalEntry, StepFailure},
    query::{Evaluator, Moment},
};

pub(super) struct Turn<'a> {
    pub execution: &'a mut Execution,
    pub moment: &'a Moment,
    pub evaluator: &'a dyn Evaluator,
    pub commands: Vec<Command>,
    /// Frames whose state must be executed.
    pub ready: VecDeque<FrameId>,
    /// Changes of map runs.
    pub(super) runs: RunsChanged,
    /// Changes of early signals.
    pub(super) early_signals: EarlySignalChanges,
    entries: Vec<JournalEntry>,
    dirty: Vec<FrameId>,
    deleted: Vec<(FrameId, Vec<Part>)>,
    header_changed: bool,
    /// The fields of the wake record at the beginning of the turn.
    wake_fields_before: (ExecutionStatus, bool, Option<u64>),
    /// Whether the turn sets the timer also if its time has not changed.
    pub(super) sets_timer_again: bool,
    budget: TurnBudget,
    /// Whether the history is full and an event was omitted. The execution then fails with the last event that fits.
    history_is_full: bool,
}

pub(super) fn too_many_events() -> StepFailure {
    let cause = format!("The execution reached the maximum number of history events ({}).", limits::HISTORY_EVENTS_MAX);
    StepFailure { error: "States.Runtime".to_owned(), cause, details: None }
}

impl<'a> Turn<'a> {
    pub fn new(execution: &'a mut Execution, moment: &'a Moment, evaluator: &'a dyn Evaluator) -> Self {
        Turn {
            wake_fields_before: execution.header.wake_fields(),
            budget: TurnBudget::new(execution.turn_cost_max),
            execution,
            moment,
            evaluator,
            commands: Vec::new(),
            ready: VecDeque::new(),
            runs: RunsChanged::default(),
            early_signals: EarlySignalChanges::default(),
            entries: Vec::new(),
            dirty: Vec::new(),
            deleted: Vec::new(),
            header_changed: false,
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
            self.due(id);
            self.run();
            self.execution.arm(id);
        }
        self.sets_timer_again = true;
    }

    pub(super) fn due(&mut self, id: FrameId) {
        if self.frame(id).due_ms().is_none_or(|due| due > self.now_ms()) {
            return;
        }
        match &self.frame(id).row.frame_state {
            FrameState::Waiting { .. } => self.wait_is_over(id),
            FrameState::Backoff { .. } | FrameState::Entering => self.ready.push_back(id),
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
        self.sets_timer_again = true;
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
        self.header_changed = true;
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
                self.row(id).frame_state = FrameState::Entering;
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

    /// Ends the turn: what changed, and the commands.
    pub fn finish(mut self) -> Transition {
        self.settle_history();
        self.execution.turn_was_cut_short = self.is_spent();
        let map_runs = self.map_runs_changed();
        let changed = self.arm_changed();
        self.command_wake();
        self.update_wake_state();
        if self.is_settled() {
            self.commands.push(Command::Settled);
        }
        let (header, frames_put) = self.write_frames(changed);
        Transition {
            header,
            wake_fields_changed: self.execution.header.wake_fields() != self.wake_fields_before,
            frames_put,
            frames_deleted: self.deleted,
            entries: Arc::new(self.entries),
            map_runs,
            early_signals: self.early_signals,
            commands: self.commands,
        }
    }

    /// Ends what a full history ends, and a cancelled execution without calls in flight.
    fn settle_history(&mut self) {
        if !self.runs.full.is_empty() {
            self.run();
        }
        if self.history_is_full && self.execution.header.status == ExecutionStatus::Running {
            self.fail_execution(too_many_events());
        }
        self.end_cancelled();
        if self.history_is_full {
            // The history has no TaskScheduled event for these calls, so they must not be made.
            self.commands.retain(|command| !matches!(command, Command::CallStep(_) | Command::Offer(_)));
        }
    }

    /// Registers the due times of the frames that changed. Returns these frames in order.
    fn arm_changed(&mut self) -> Vec<FrameId> {
        let mut dirty = std::mem::take(&mut self.dirty);
        dirty.retain(|id| self.execution.frames.get_mut(*id).is_some_and(|frame| std::mem::take(&mut frame.changed)));
        dirty.sort_unstable();
        for &id in &dirty {
            self.execution.arm(id);
        }
        dirty
    }

    fn update_wake_state(&mut self) {
        let WakeState { awake, only_waits } = self.execution.wake_state();
        if (awake, only_waits) != (self.execution.header.awake, self.execution.header.only_waits) {
            (self.header().awake, self.header().only_waits) = (awake, only_waits);
        }
    }

    /// Whether the execution has ended in this turn, or is paused without a call in flight.
    fn is_settled(&self) -> bool {
        let header = &self.execution.header;
        let ended = header.status != ExecutionStatus::Running;
        (ended && self.header_changed) || (header.paused && !self.execution.in_flight())
    }

    /// The writes of the header, if it is written, and of the frames that changed. The store has header and top frame in one record.
    fn write_frames(&mut self, changed: Vec<FrameId>) -> (Option<Arc<ExecutionHeader>>, Vec<FrameWrite>) {
        let mut written = changed;
        let frames = &mut self.execution.frames;
        let top_changed = written.first() == Some(&TOP_FRAME);
        let header_written = self.header_changed || top_changed || !self.entries.is_empty();
        if header_written && !top_changed && frames.get(TOP_FRAME).is_some() {
            written.insert(0, TOP_FRAME);
        }
        let frames_put = written.iter().filter_map(|id| Some(frames.get_mut(*id)?.write())).collect();
        (header_written.then(|| Arc::new(self.execution.header.clone())), frames_put)
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
            self.execution.header.next_wake_ms = next;
            self.header_changed = true;
        } else if !self.sets_timer_again {
            return;
        }
        self.commands.push(next.map_or(Command::NoWake, |due_ms| Command::WakeAt { due_ms }));
    }

    pub fn header(&mut self) -> &mut ExecutionHeader {
        self.header_changed = true;
        &mut self.execution.header
    }
}
