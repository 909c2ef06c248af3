//! The runs of distributed Maps. Each item has a child execution with a history of its own: the history of the Map has only the start and
//! the end of its run, and the service returns the rest.

use std::collections::BTreeMap;

use api::view::{MapProgress, StateView, is_or_is_inside};
use engine::journal::{Note, StepFailure, state_path};
use serde_json::Value;
use steps::step_functions::RemoteEvent;

use super::{EventPosition, History};

/// The events that end a map run.
const ENDS: [&str; 3] = ["MapRunSucceeded", "MapRunFailed", "MapRunAborted"];

/// Whether an event ends a map run.
pub fn ends_map_run(event: &RemoteEvent) -> bool {
    ENDS.contains(&event.kind.as_str())
}

/// The last run of a distributed Map.
#[derive(Debug, Default)]
pub struct LastMapRun {
    /// Its ARN.
    pub arn: String,
    position: EventPosition,
    /// Whether it has ended.
    pub is_over: bool,
    /// The number of its child executions that have ended; `None` if it was not read.
    pub progress: Option<MapProgress>,
    /// The number of child executions that run.
    pub running: u64,
    /// The child executions that run and were read.
    pub children: Vec<Child>,
    /// The child execution that failed first. It is read once the run has ended.
    pub failed: Option<FailedChild>,
    /// When it was read last, in milliseconds since the Unix epoch.
    pub read_ms: u64,
}

/// A child execution that runs.
#[derive(Debug)]
pub struct Child {
    /// The path of its frame, such as `Hosts[3]`.
    pub frame: String,
    /// Its ARN.
    pub arn: String,
    /// Its definition: the processor of the Map.
    pub definition: Value,
    /// Its history.
    pub history: History,
}

/// A child execution that failed.
#[derive(Debug, Clone)]
pub struct FailedChild {
    /// The path of the state that failed, or of its frame if no state did.
    pub path: String,
    /// The number of the attempt that failed.
    pub attempt: u32,
    /// Its failure.
    pub failure: StepFailure,
    /// The state that failed.
    pub state: Option<StateView>,
}

/// The runs of the distributed Maps of an execution.
#[derive(Debug, Default)]
pub struct MapRuns {
    /// The last run of each Map, by its path.
    by_path: BTreeMap<String, LastMapRun>,
}

impl MapRuns {
    /// The last run of a Map.
    pub fn of_mut(&mut self, path: &str) -> Option<&mut LastMapRun> {
        self.by_path.get_mut(path)
    }

    /// The last run of each Map, with the Map's path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &LastMapRun)> {
        self.by_path.iter().map(|(path, run)| (path.as_str(), run))
    }

    /// The child executions that run and were read.
    pub fn children(&self) -> impl Iterator<Item = &Child> {
        self.by_path.values().flat_map(|run| &run.children)
    }

    /// The runs in progress that were read last at this time or before, with the paths of their Maps and their ARNs.
    pub fn not_read_since(&self, latest_ms: u64) -> Vec<(String, String)> {
        let due = self.by_path.iter().filter(|(_, run)| !run.is_over && run.read_ms <= latest_ms);
        due.map(|(path, run)| (path.clone(), run.arn.clone())).collect()
    }

    /// The position of an event that names a run which is known: the redrive of a run does not follow its start.
    pub(super) fn position_of(&self, event: &RemoteEvent) -> Option<EventPosition> {
        let arn = event.map_run.as_ref()?;
        self.by_path.values().find(|run| run.arn == *arn).map(|run| run.position.clone())
    }

    /// Follows an event at a position, whose path is that of its state.
    pub(super) fn follow(&mut self, event: &RemoteEvent, position: &EventPosition, path: &str) {
        let kind = event.kind.as_str();
        if matches!(kind, "MapRunStarted" | "MapRunRedriven") {
            let known = self.by_path.remove(path).map(|run| run.arn);
            let arn = event.map_run.clone().or(known).unwrap_or_default();
            self.by_path
                .insert(path.to_owned(), LastMapRun { arn, position: position.clone(), ..LastMapRun::default() });
        } else if ends_map_run(event) {
            self.end(|of_run| of_run == path);
        } else if ["StateFailed", "StateAborted", "StateExited"].iter().any(|end| kind.ends_with(end)) {
            self.end(|of_run| is_or_is_inside(of_run, path));
        } else if kind.starts_with("Execution") && !matches!(kind, "ExecutionStarted" | "ExecutionRedriven") {
            self.end(|_| true);
        }
    }

    fn end(&mut self, is_ended: impl Fn(&str) -> bool) {
        for (_, run) in self.by_path.iter_mut().filter(|(path, _)| is_ended(path)) {
            run.is_over = true;
            run.children.clear();
        }
    }
}

impl History {
    /// The runs of distributed Maps.
    pub fn map_runs(&self) -> &MapRuns {
        &self.map_runs
    }

    /// The number of running child executions whose histories were not read: a map run may have more than are read.
    pub fn unread_children(&self) -> u64 {
        let running = self.map_runs.iter().filter(|(_, run)| !run.is_over);
        running.map(|(_, run)| run.running.saturating_sub(run.children.len() as u64)).sum()
    }

    /// The map runs, to add what the service returned.
    pub fn map_runs_mut(&mut self) -> &mut MapRuns {
        &mut self.map_runs
    }

    /// The path of the Map whose run ends with an event that was not added yet, and the ARN of the run.
    pub fn map_run_that_ends(&self, event: &RemoteEvent) -> Option<(String, String)> {
        if !ends_map_run(event) {
            return None;
        }
        let position = self.position_before(event);
        let path = state_path(&self.frame(&position), &position.state);
        let arn = self.map_runs.by_path.get(&path)?.arn.clone();
        Some((path, arn))
    }

    /// The failure in the first child execution that failed, before the event that ends its run: the local engine notes each.
    pub(super) fn failure_of_child(&self, event: &RemoteEvent, path: &str) -> Option<Note> {
        let failed = self.map_runs.by_path.get(path).filter(|_| ends_map_run(event))?.failed.as_ref()?;
        let FailedChild { path, attempt, failure, .. } = failed.clone();
        Some(Note::Failure { state_path: path, attempt, failure })
    }
}
