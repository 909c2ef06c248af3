//! The run of a distributed Map: its start, changes, end and redrive.

use super::{
    ChildStatus, Counts, MapRun, MapRunLimits, MapRunStatus, concurrency,
    record::{label, uuid},
};
use crate::{
    asl::{Map, StateKind},
    journal::HistoryEventDetails,
    machine::{FrameId, FrameState, Tolerated, turn::Turn},
};

impl Turn<'_> {
    /// Begins the run of the Map that a frame is in. Returns the end of the run's ARN.
    pub(super) fn begin_run(&mut self, id: FrameId, map: &Map, tolerated: Tolerated) -> String {
        self.forget_run(id);
        // Frames and map runs share one sequence of numbers, so no number is used twice.
        let number = self.execution.header.next_frame_id;
        self.header_mut().next_frame_id += 1;
        let within = self.child_of(id).and_then(|child| self.frame(child).row.child.as_ref()).map(|child| child.id);
        let (now, row) = (self.now_ms(), &self.frame(id).row);
        let run = MapRun {
            number,
            uuid: uuid(&self.execution.header.id, &row.state_path(), number),
            label: label(map.label.as_deref(), &row.state),
            within,
            express: map.is_express,
            keyed: false,
            source: None,
            status: MapRunStatus::Running,
            started_ms: now,
            stopped_ms: None,
            max_concurrency: 0,
            tolerated,
            updated: MapRunLimits::default(),
            items: Counts::default(),
            executions: Counts::default(),
            redrive_count: 0,
            redriven_ms: None,
            redrive_from: 0,
        };
        let name = self.map_run_name(&run);
        self.row_mut(id).map_run = Some(Box::new(run));
        self.runs.run_begun(id, number);
        name
    }

    /// The part of a run's ARN after the account.
    fn map_run_name(&self, run: &MapRun) -> String {
        format!("mapRun:{}/{}:{}", self.execution.header.workflow, run.label, run.uuid)
    }

    /// The ARN of the run of the Map that a frame is in; only its last part if no API started the execution.
    pub(super) fn map_run_arn(&self, id: FrameId) -> String {
        let name = self.frame(id).row.map_run.as_ref().map_or_else(String::new, |run| self.map_run_name(run));
        match self.arn_prefix() {
            "" => name,
            prefix => format!("{prefix}:{name}"),
        }
    }

    /// The prefix of the execution's ARNs; empty if no API started it.
    pub(super) fn arn_prefix(&self) -> &str {
        let identity = self.execution.header.identity.as_ref();
        let parts = identity.and_then(|identity| identity.state_machine_id.split_once(":stateMachine:"));
        parts.map_or("", |(prefix, _)| prefix)
    }

    /// The run of the Map that a frame is in, marked as changed.
    pub(super) fn run_mut(&mut self, id: FrameId) -> Option<&mut MapRun> {
        self.frame(id).row.map_run.as_ref()?;
        self.runs.run_changed(id);
        self.row_mut(id).map_run.as_deref_mut()
    }

    /// Sets a run's limits and its numbers of items and child executions. Returns the limits in force.
    pub(super) fn set_up_run(
        &mut self,
        id: FrameId,
        max_concurrency: u64,
        tolerated: Tolerated,
        items: u64,
        executions: u64,
    ) -> (u64, Tolerated) {
        let Some(run) = self.run_mut(id) else { return (max_concurrency, tolerated) };
        (run.max_concurrency, run.tolerated) = (max_concurrency, tolerated);
        run.apply(run.updated);
        (run.items, run.executions) = (Counts::of(items), Counts::of(executions));
        (run.max_concurrency, run.tolerated)
    }

    /// `MaxConcurrency` and the tolerated failures of a run, after any UpdateMapRun.
    pub fn run_limits(&self, id: FrameId) -> (u64, Tolerated) {
        let run = self.frame(id).row.map_run.as_deref();
        run.map_or((0, Tolerated::default()), |run| (run.max_concurrency, run.tolerated))
    }

    /// Counts the results of all child executions that succeeded as written.
    pub(super) fn results_written(&mut self, id: FrameId) {
        if let Some(run) = self.run_mut(id) {
            run.items.results_written = run.items.succeeded;
            run.executions.results_written = run.executions.succeeded;
        }
    }

    /// Ends a run, if it is running.
    pub fn end_run(&mut self, id: FrameId, status: MapRunStatus) {
        let running = |run: &MapRun| run.status == MapRunStatus::Running;
        if !self.frame(id).row.map_run.as_deref().is_some_and(running) {
            return;
        }
        let now = self.now_ms();
        if let Some(run) = self.run_mut(id) {
            (run.status, run.stopped_ms) = (status, Some(now));
        }
    }

    /// Changes the limits of a running run: starts more iterations, or fails the Map if too many have failed already.
    pub fn update_run(&mut self, number: u64, limits: MapRunLimits) {
        let wanted = |run: &MapRun| run.number == number && run.status == MapRunStatus::Running;
        let mut frames = self.execution.frames.in_order();
        let found = frames.find(|frame| frame.row.map_run.as_deref().is_some_and(wanted)).map(|frame| frame.row.id);
        let Some((id, state)) = found.and_then(|id| Some((id, self.state_of(id)?.clone()))) else { return };
        let StateKind::Map(map) = &state.kind else { return };
        let Some(run) = self.run_mut(id) else { return };
        run.updated = run.updated.with(limits);
        run.apply(limits);
        let (limit, set) = (concurrency(map, run.max_concurrency), run.tolerated);
        let FrameState::Map { max_concurrency, tolerated, .. } = &mut self.row_mut(id).frame_state else { return };
        (*max_concurrency, *tolerated) = (limit, set);
        if let Some(failure) = self.threshold_exceeded(id) {
            self.map_failed(id, &state, failure);
        } else if let Err(failure) = self.start_iterations(id, map) {
            self.stop_children(id);
            self.fail_state(id, failure);
        }
        self.run();
    }

    /// Drops the run from a frame that enters another state.
    pub fn forget_run(&mut self, id: FrameId) {
        self.record_run_change(id);
        if self.frame(id).row.map_run.is_some() {
            self.row_mut(id).map_run = None;
        }
    }

    /// Takes a run that changed from its frame into the changes of the turn.
    pub(super) fn record_run_change(&mut self, id: FrameId) {
        self.runs.take_run(&self.execution.frames, id);
    }

    /// Begins the redrive of a run: marks the child executions that did not succeed as pending.
    pub fn redrive_run(&mut self, id: FrameId, children: &[FrameId]) {
        let now = self.now_ms();
        let Some(run) = self.run_mut(id) else { return };
        (run.status, run.stopped_ms, run.redriven_ms, run.redrive_from) = (MapRunStatus::Running, None, Some(now), 0);
        run.redrive_count += 1;
        let run = run.clone();
        let (map_run, redrive_count) = (self.map_run_name(&run), run.redrive_count);
        self.event(Some(id), HistoryEventDetails::MapRunRedriven { map_run, redrive_count });
        for &child in children {
            if matches!(self.child_status(child), Some(ChildStatus::Failed | ChildStatus::Aborted)) {
                self.set_child(child, ChildStatus::PendingRedrive);
            }
        }
    }
}
