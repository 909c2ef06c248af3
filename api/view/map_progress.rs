//! The progress of Maps: how many iterations have ended, of how many.

use engine::machine::{FrameRow, FrameState, MapRun};
use serde::{Deserialize, Serialize};

use super::View;

/// The iterations of a Map, in its last visit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MapProgress {
    /// The number of iterations.
    pub total: u64,
    /// The number of iterations that succeeded.
    pub succeeded: u64,
    /// The number of iterations that failed. For a distributed Map that has ended, it includes those that were stopped.
    pub failed: u64,
}

impl MapProgress {
    /// The number of iterations that have ended.
    pub fn ended(self) -> u64 {
        self.succeeded + self.failed
    }
}

impl View {
    /// A Map's iterations begin.
    pub(super) fn begin_map(&mut self, path: String, total: u64) {
        self.maps.insert(path, MapProgress { total, ..MapProgress::default() });
    }

    /// Records that a Map in a frame began a map run: its iterations have histories of their own.
    pub(super) fn begin_map_run(&mut self, frame: &str) {
        let is_in_frame = |path: &&String| path.rsplit_once('/').map_or("", |(outer, _)| outer) == frame;
        let entered = self.order.iter().rev().filter(|path| self.maps.contains_key(*path));
        if let Some(path) = entered.clone().find(is_in_frame).or_else(|| entered.clone().next()) {
            self.distributed.insert(path.clone());
        }
    }

    /// An iteration of a Map ended; its frame is such as `Process items[3]`.
    pub(super) fn end_iteration(&mut self, frame: &str, succeeded: bool) {
        let path = frame.rsplit_once('[').map_or(frame, |(map, _)| map);
        if let Some(map) = self.maps.get_mut(path) {
            *if succeeded { &mut map.succeeded } else { &mut map.failed } += 1;
        }
    }

    /// A Map succeeded. This history has no events of the ends of a distributed Map's iterations: all have, and those that did not
    /// fail succeeded.
    pub(super) fn end_map(&mut self, path: &str) {
        if let Some(map) = self.maps.get_mut(path).filter(|_| self.distributed.contains(path)) {
            map.succeeded = map.total.saturating_sub(map.failed);
        }
    }

    /// Whether the iterations of a distributed Map that does not run any more are known only to its map run: its frame is in another
    /// state, or gone.
    pub fn lacks_map_runs(&self) -> bool {
        self.distributed.iter().any(|path| !self.is_distributed(path))
    }

    /// Folds in the results of distributed Maps that have ended. `runs` are the map runs of the execution, the latest first.
    pub fn apply_map_runs(&mut self, runs: &[MapRun]) {
        for path in &self.distributed {
            let is_of = |run: &&MapRun| run.within.is_none() && run.is_of(&self.id, path);
            let Some(run) = runs.iter().find(is_of).filter(|_| !self.is_distributed(path)) else { continue };
            let counts = run.executions;
            let failed = counts.failed + counts.timed_out + counts.aborted;
            self.maps.insert(path.clone(), MapProgress { total: counts.total, succeeded: counts.succeeded, failed });
        }
    }

    /// Folds in the progress of a Map from its frame. The iterations of a distributed Map have histories of their own, so only the frame
    /// counts them.
    pub(super) fn apply_map_frame(&mut self, row: &FrameRow) {
        if let FrameState::Map { items, next, running, failed, .. } = &row.frame_state {
            let path = row.state_path();
            let succeeded = next.saturating_sub(running + failed);
            // The frame counts only the failures that a distributed Map tolerates. The one that fails another Map is in the history.
            let in_history = self.maps.get(&path).filter(|_| !self.distributed.contains(&path));
            let failed = in_history.map_or(*failed, |folded| folded.failed.max(*failed));
            self.maps.insert(path, MapProgress { total: items.len() as u64, succeeded, failed });
        }
    }
}
