//! Tracks which executions were unfinished at the last `flow resume --all`, or when another command left them, so that an end
//! that nobody watched is reported once.

use std::collections::{BTreeMap, HashSet};

use engine::machine::{ExecutionHeader, ExecutionStatus};
use serde::{Deserialize, Serialize};

use crate::{Api, Fault, Operation};

/// The document with the times at which the needs of executions were last reported, by id.
const SAID_NEEDS: &str = "resume-all/needs";
/// The document with the ids.
const UNFINISHED: &str = "resume-all/unfinished";
/// The most ids that are stored.
const IDS_MAX: usize = 10_000;

/// Replaces the stored list of unfinished executions.
pub struct TrackUnfinished;

/// A request of [`TrackUnfinished`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TrackUnfinishedRequest {
    /// The ids of the unfinished executions. They replace the stored ids, except those of executions that still
    /// run and, with `keeps_ended`, those whose end is not reported yet.
    pub ids: Vec<String>,
    /// The ids of the executions whose end the caller has just reported.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reported: Vec<String>,
    /// Whether the ends of the other stored executions are left to the next request, because the caller does not report them.
    #[serde(default)]
    pub keeps_ended: bool,
    /// When the needs of each execution that waits for a person were last reported, in milliseconds since the Unix epoch. They replace the
    /// stored times; `None` keeps these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said_needs_ms: Option<BTreeMap<String, u64>>,
}

/// The response of [`TrackUnfinished`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TrackUnfinishedResponse {
    /// The executions of the previous list that have ended since; empty if the request leaves them to the next one.
    pub ended: Vec<ExecutionHeader>,
    /// When the needs of each execution were last reported, before this request.
    pub said_needs_ms: BTreeMap<String, u64>,
}

impl Api {
    /// Also tracks an execution: a command that showed it has left it unfinished, and its end may be seen by nobody.
    pub(super) async fn track(&self, id: String) -> Result<(), Fault> {
        let _changing = self.changing.lock().await;
        let mut ids: Vec<String> = self.runner.store().document(UNFINISHED)?.unwrap_or_default();
        if ids.len() < IDS_MAX && !ids.contains(&id) {
            ids.push(id);
            self.put(UNFINISHED, &ids)?;
        }
        Ok(())
    }

    /// Stops tracking an execution: its end has been shown.
    pub(super) async fn end_tracking(&self, id: &str) -> Result<(), Fault> {
        let _changing = self.changing.lock().await;
        let mut ids: Vec<String> = self.runner.store().document(UNFINISHED)?.unwrap_or_default();
        let count = ids.len();
        ids.retain(|tracked| tracked != id);
        if ids.len() < count {
            self.put(UNFINISHED, &ids)?;
        }
        Ok(())
    }

    /// Whether a person was shown the end of an execution.
    fn end_was_shown(&self, header: &ExecutionHeader) -> Result<bool, Fault> {
        Ok(self.shown(&header.id)? >= header.last_sequence)
    }
}

impl Operation for TrackUnfinished {
    const NAME: &'static str = "Flow.TrackUnfinished";
    type Request = TrackUnfinishedRequest;
    type Response = TrackUnfinishedResponse;

    async fn answer(api: &Api, request: TrackUnfinishedRequest) -> Result<TrackUnfinishedResponse, Fault> {
        let TrackUnfinishedRequest { ids: named, reported, keeps_ended, said_needs_ms } = request;
        let reported: HashSet<String> = reported.into_iter().collect();
        let _changing = api.changing.lock().await;
        let store = api.runner.store();
        let before: Vec<String> = store.document(UNFINISHED)?.unwrap_or_default();
        let (mut ids, mut ended) = (Vec::new(), Vec::new());
        for id in named.iter().filter(|id| !reported.contains(*id)) {
            // An execution that ended after the caller listed it is tracked unless its end was shown. A pruned one is not.
            let Some(header) = store.summary(id)? else { continue };
            let has_ended = header.status != ExecutionStatus::Running;
            // `end_tracking` removed the id after the caller's first request stored it, so another command has shown the end.
            let was_shown = has_ended && ((keeps_ended && !before.contains(id)) || api.end_was_shown(&header)?);
            if !was_shown {
                ids.push(id.clone());
            }
        }
        let named: HashSet<String> = named.into_iter().chain(reported).collect();
        for id in before.iter().filter(|id| !named.contains(*id)) {
            // A pruned execution has nothing to report, and another command may have left one that runs since the list was made.
            match store.summary(id)? {
                Some(header) if header.status != ExecutionStatus::Running && api.end_was_shown(&header)? => {}
                Some(header) if keeps_ended || header.status == ExecutionStatus::Running => ids.push(id.clone()),
                header => ended.extend(header),
            }
        }
        ids.truncate(IDS_MAX);
        if ids != before {
            api.put(UNFINISHED, &ids)?;
        }
        let before: BTreeMap<String, u64> = store.document(SAID_NEEDS)?.unwrap_or_default();
        if let Some(said_needs_ms) = said_needs_ms.filter(|said_needs_ms| *said_needs_ms != before) {
            api.put(SAID_NEEDS, &said_needs_ms)?;
        }
        Ok(TrackUnfinishedResponse { ended, said_needs_ms: before })
    }
}
