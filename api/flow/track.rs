//! Tracks which executions were unfinished at the last `flow resume --all`, so that an end that nobody watched is
//! reported once.

use std::collections::HashSet;

use engine::machine::{ExecutionHeader, ExecutionStatus};
use serde::{Deserialize, Serialize};

use crate::{Api, Fault, Operation};

/// The document with the ids.
const UNFINISHED: &str = "resume-all/unfinished";
/// The most ids that are stored.
const IDS_MAX: usize = 10_000;

/// Replaces the stored list of unfinished executions.
pub struct TrackUnfinished;

/// A request of [`TrackUnfinished`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TrackUnfinishedRequest {
    /// The ids of the unfinished executions, which replace the stored ones.
    pub ids: Vec<String>,
}

/// The response of [`TrackUnfinished`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TrackUnfinishedResponse {
    /// The executions of the previous list that have ended since.
    pub ended: Vec<ExecutionHeader>,
}

impl Api {
    /// Stops tracking an execution: its end has been shown.
    pub(super) fn end_tracking(&self, id: &str) -> Result<(), Fault> {
        let mut ids: Vec<String> = self.runner.store().document(UNFINISHED)?.unwrap_or_default();
        let count = ids.len();
        ids.retain(|tracked| tracked != id);
        if ids.len() < count {
            self.put(UNFINISHED, &ids)?;
        }
        Ok(())
    }
}

impl Operation for TrackUnfinished {
    const NAME: &'static str = "Flow.TrackUnfinished";
    type Request = TrackUnfinishedRequest;
    type Response = TrackUnfinishedResponse;

    async fn answer(api: &Api, request: TrackUnfinishedRequest) -> Result<TrackUnfinishedResponse, Fault> {
        let store = api.runner.store();
        let before: Vec<String> = store.document(UNFINISHED)?.unwrap_or_default();
        let mut ids = request.ids;
        ids.truncate(IDS_MAX);
        if ids != before {
            api.put(UNFINISHED, &ids)?;
        }
        let mut ended = Vec::new();
        let still: HashSet<&str> = ids.iter().map(String::as_str).collect();
        for id in before.iter().filter(|id| !still.contains(id.as_str())) {
            // A pruned execution has nothing to report.
            ended.extend(store.summary(id)?.filter(|header| header.status != ExecutionStatus::Running));
        }
        Ok(TrackUnfinishedResponse { ended })
    }
}
