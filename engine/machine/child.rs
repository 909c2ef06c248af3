//! The map run of a distributed Map, and its child executions, as the iterations go on. AWS starts an execution for each
//! iteration; here an iteration is a frame, and what AWS would tell of its execution is written as it happens.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    Activity, Child, ChildEntries, ChildId, ChildStatus, Counts, FrameId, MapRun, MapRunChanges, MapRunLimits,
    MapRunStatus, Tolerated, limits,
    map::concurrency,
    map_run::{label, uuid},
    turn::Turn,
};
use crate::{
    asl::{Map, StateKind},
    journal::{Content, Entry, ErrorAndCause, HistoryEvent, HistoryEventDetails, StepFailure},
};

/// What of map runs has changed in a turn: frames whose run or child execution did, and what left its frame already.
#[derive(Debug, Default)]
pub(super) struct RunsChanged {
    runs: BTreeSet<FrameId>,
    children: BTreeSet<FrameId>,
    entries: BTreeMap<ChildId, Vec<Entry>>,
    changes: MapRunChanges,
}

impl Turn<'_> {
    /// Begins the run of the Map that a frame is in; answers what its ARN ends with.
    pub(super) fn begin_run(&mut self, id: FrameId, map: &Map, tolerated: Tolerated) -> String {
        self.forget_run(id);
        // Frames and map runs are numbered together: a number is never given twice.
        let number = self.execution.header.next_frame_id;
        self.header().next_frame_id += 1;
        let within = self.child_of(id).and_then(|child| self.frame(child).row.child.as_ref()).map(|child| child.id);
        let (now, row) = (self.now_ms(), &self.frame(id).row);
        let run = MapRun {
            number,
            uuid: uuid(&self.execution.header.id, &row.state_path(), number),
            label: label(map.label.as_deref(), &row.state),
            within,
            express: map.is_express,
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
        let told = self.map_run_name(&run);
        self.runs.changes.begun.push(number);
        self.row(id).map_run = Some(Box::new(run));
        self.runs.runs.insert(id);
        told
    }

    /// The part of a run's ARN behind the account.
    pub(super) fn map_run_name(&self, run: &MapRun) -> String {
        format!("mapRun:{}/{}:{}", self.execution.header.workflow, run.label, run.uuid)
    }

    /// The ARN of the run of the Map that a frame is in; only its end where no API started the execution.
    pub(super) fn map_run_arn(&self, id: FrameId) -> String {
        let name = self.frame(id).row.map_run.as_ref().map_or_else(String::new, |run| self.map_run_name(run));
        let identity = self.execution.header.identity.as_ref();
        match identity.and_then(|identity| identity.state_machine_id.split_once(":stateMachine:")) {
            Some((prefix, _)) => format!("{prefix}:{name}"),
            None => name,
        }
    }

    /// The run of the Map that a frame is in, marked as changed.
    fn run_of(&mut self, id: FrameId) -> Option<&mut MapRun> {
        self.frame(id).row.map_run.as_ref()?;
        self.runs.runs.insert(id);
        self.row(id).map_run.as_deref_mut()
    }

    /// Tells the run its limits and how many items and child executions it has; answers the limits that it goes by.
    pub(super) fn run_has_items(
        &mut self,
        id: FrameId,
        max_concurrency: u64,
        tolerated: Tolerated,
        [items, executions]: [u64; 2],
    ) -> (u64, Tolerated) {
        let Some(run) = self.run_of(id) else { return (max_concurrency, tolerated) };
        (run.max_concurrency, run.tolerated) = (max_concurrency, tolerated);
        run.apply(run.updated);
        (run.items, run.executions) = (Counts::of(items), Counts::of(executions));
        (run.max_concurrency, run.tolerated)
    }

    /// `MaxConcurrency` and how many failures the run bears, as UpdateMapRun left them.
    pub(super) fn run_limits(&self, id: FrameId) -> (u64, Tolerated) {
        let run = self.frame(id).row.map_run.as_deref();
        run.map_or((0, Tolerated::default()), |run| (run.max_concurrency, run.tolerated))
    }

    /// The writer has the results of all child executions that succeeded.
    pub(super) fn results_written(&mut self, id: FrameId) {
        if let Some(run) = self.run_of(id) {
            run.items.results_written = run.items.succeeded;
            run.executions.results_written = run.executions.succeeded;
        }
    }

    /// Ends a run that has not ended.
    pub(super) fn end_run(&mut self, id: FrameId, status: MapRunStatus) {
        let running = |run: &MapRun| run.status == MapRunStatus::Running;
        if !self.frame(id).row.map_run.as_deref().is_some_and(running) {
            return;
        }
        let now = self.now_ms();
        if let Some(run) = self.run_of(id) {
            (run.status, run.stopped_ms) = (status, Some(now));
        }
    }

    /// Sets a running run to other limits: more iterations start, or too many have failed already.
    pub fn update_run(&mut self, number: u64, limits: MapRunLimits) {
        let wanted = |run: &MapRun| run.number == number && run.status == MapRunStatus::Running;
        let mut frames = self.execution.frames.values();
        let found = frames.find(|frame| frame.row.map_run.as_deref().is_some_and(wanted)).map(|frame| frame.row.id);
        let Some((id, state)) = found.and_then(|id| Some((id, self.state_of(id)?))) else { return };
        let StateKind::Map(map) = &state.kind else { return };
        let Some(run) = self.run_of(id) else { return };
        run.updated = run.updated.with(limits);
        run.apply(limits);
        let (limit, set) = (concurrency(map, run.max_concurrency), run.tolerated);
        let Activity::Map { max_concurrency, tolerated, .. } = &mut self.row(id).activity else { return };
        (*max_concurrency, *tolerated) = (limit, set);
        if let Some(failure) = self.threshold_exceeded(id) {
            self.map_failed(id, &state, failure);
        } else if let Err(failure) = self.start_iterations(id, map) {
            self.stop_children(id);
            self.fail_state(id, failure);
        }
        self.run();
    }

    /// The child execution that a frame belongs to: the frame at the top of it.
    fn child_of(&self, id: FrameId) -> Option<FrameId> {
        let mut next = Some(id);
        while let Some(id) = next {
            let row = &self.frame(id).row;
            if !row.silent {
                return None;
            }
            if row.child.is_some() {
                return Some(id);
            }
            next = row.parent;
        }
        None
    }

    /// The child execution of a frame, where its history has no room for more.
    pub(super) fn full_child(&self, id: FrameId) -> Option<FrameId> {
        let child = self.child_of(id)?;
        let last = self.frame(child).row.child.as_ref().map_or(0, |child| child.last_event_id);
        (last + 10 > limits::HISTORY_EVENTS_MAX).then_some(child)
    }

    /// A child execution fails as a whole; no rule of a state within it can catch that.
    pub(super) fn fail_child(&mut self, id: FrameId, failure: StepFailure) {
        self.stop_children(id);
        self.fail_frame(id, failure);
    }

    /// Writes an event that happened in a frame into the history of its child execution.
    pub(super) fn child_event(&mut self, id: FrameId, details: HistoryEventDetails) {
        let Some(child) = self.child_of(id) else { return };
        let previous = self.frame(id).row.last_event_id;
        if let Some(event) = self.write_child_event(child, Some(previous), details) {
            self.row(id).last_event_id = event;
        }
    }

    fn write_child_event(&mut self, id: FrameId, previous: Option<u64>, details: HistoryEventDetails) -> Option<u64> {
        let timestamp_ms = self.now_ms();
        let child = self.row(id).child.as_mut()?;
        child.last_event_id += 1;
        let (of, event_id) = (child.id, child.last_event_id);
        let previous_event_id = previous.unwrap_or(event_id - 1);
        let event = HistoryEvent { id: event_id, previous_event_id, frame: String::new(), details };
        let entry = Entry { sequence: event_id, timestamp_ms, content: Content::Event(event) };
        self.runs.entries.entry(of).or_default().push(entry);
        Some(event_id)
    }

    /// Begins the child execution of an iteration; nothing where its Map has no run.
    pub(super) fn begin_child(&mut self, map: FrameId, id: FrameId, items: u64, input: &Value) {
        let (started_ms, index) = (self.now_ms(), self.frame(id).row.index);
        let Some(run) = self.run_of(map) else { return };
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
        let row = self.row(id);
        row.last_event_id = 0;
        row.child = Some(Box::new(child));
        self.runs.children.insert(id);
        self.write_child_event(id, None, HistoryEventDetails::ExecutionStarted { input: input.clone() });
    }

    /// Gives a child execution another status, and counts it there.
    fn set_child(&mut self, id: FrameId, status: ChildStatus) {
        let now = self.now_ms();
        let row = self.row(id);
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
        self.runs.children.insert(id);
        if let Some(run) = self.run_of(parent) {
            run.count(Some(from), &child);
        }
    }

    fn child_status(&self, id: FrameId) -> Option<ChildStatus> {
        self.frame(id).row.child.as_ref().map(|child| child.status)
    }

    /// An iteration ended well.
    pub(super) fn child_succeeded(&mut self, id: FrameId, output: &Value) {
        if self.child_status(id) == Some(ChildStatus::Running) {
            let output = output.clone();
            self.write_child_event(id, None, HistoryEventDetails::ExecutionSucceeded { output });
            self.set_child(id, ChildStatus::Succeeded);
        }
    }

    /// An iteration failed.
    pub(super) fn child_execution_failed(&mut self, id: FrameId, failure: &StepFailure) {
        if self.child_status(id) == Some(ChildStatus::Running) {
            let failure = ErrorAndCause { error: failure.error.clone(), cause: failure.cause.clone() };
            self.write_child_event(id, None, HistoryEventDetails::ExecutionFailed(failure));
            self.set_child(id, ChildStatus::Failed);
        }
    }

    /// A frame stops: so do the run of its Map and its child execution, if they have not ended.
    pub(super) fn stop_runs(&mut self, id: FrameId) {
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

    /// A frame is about to be forgotten: what there is to tell of it is not.
    pub(super) fn leave_runs(&mut self, id: FrameId) {
        self.stop_runs(id);
        self.keep_run(id);
        self.keep_child(id);
    }

    /// The frame is in another state from now on.
    pub(super) fn forget_run(&mut self, id: FrameId) {
        self.keep_run(id);
        if self.frame(id).row.map_run.is_some() {
            self.row(id).map_run = None;
        }
    }

    fn keep_run(&mut self, id: FrameId) {
        if self.runs.runs.remove(&id) {
            let run = self.frame(id).row.map_run.as_deref().cloned();
            self.runs.changes.runs.extend(run);
        }
    }

    fn keep_child(&mut self, id: FrameId) {
        if self.runs.children.remove(&id) {
            let child = self.frame(id).row.child.as_deref().cloned();
            self.runs.changes.children.extend(child);
        }
    }

    /// Everything about map runs that this turn changed.
    pub(super) fn map_runs_changed(&mut self) -> MapRunChanges {
        while let Some(id) = self.runs.runs.first().copied() {
            self.keep_run(id);
        }
        while let Some(id) = self.runs.children.first().copied() {
            self.keep_child(id);
        }
        let entries = std::mem::take(&mut self.runs.entries).into_iter();
        let mut changes = std::mem::take(&mut self.runs.changes);
        changes.entries = entries.map(|(id, entries)| ChildEntries { id, entries }).collect();
        changes
    }

    /// Begins the redrive of a run: what did not end well waits for its turn.
    pub(super) fn redrive_run(&mut self, id: FrameId, children: &[FrameId]) {
        let now = self.now_ms();
        let Some(run) = self.run_of(id) else { return };
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

    /// The next child execution that waits for its redrive.
    pub(super) fn next_redriven(&self, id: FrameId) -> Option<FrameId> {
        let run = self.frame(id).row.map_run.as_deref().filter(|run| run.executions.pending_redrive > 0)?;
        let mut waiting = self.execution.children.get(&id)?.range((run.redrive_from, 0)..);
        waiting
            .find(|(_, child)| self.child_status(*child) == Some(ChildStatus::PendingRedrive))
            .map(|(_, child)| *child)
    }

    /// Lets a child execution go on where it failed or was stopped.
    pub(super) fn redrive_child(&mut self, map: FrameId, id: FrameId) {
        let index = self.frame(id).row.index;
        if let Some(run) = self.run_of(map) {
            run.redrive_from = index + 1;
        }
        self.set_child(id, ChildStatus::Running);
        let redrive_count = self.frame(id).row.child.as_ref().map_or(0, |child| child.redrive_count);
        self.write_child_event(id, None, HistoryEventDetails::ExecutionRedriven { redrive_count });
        self.redrive_frame(id);
    }
}
