//! Finds the ends of executions that nobody has seen, so that `flow resume --all` reports each of them once. The executions are those that
//! were unfinished at its last run, those that another command left, and all others that have ended since.

use std::collections::{BTreeMap, HashSet};

use engine::{
    machine::{ExecutionHeader, ExecutionStatus},
    store::{ListFilter, ListPosition, StoreError},
};
use serde::{Deserialize, Serialize};

use crate::{Api, Fault, Operation};

/// The document with the times at which the needs of executions were last reported, by id.
const SAID_NEEDS: &str = "resume-all/needs";
/// The document with the ids.
const UNFINISHED: &str = "resume-all/unfinished";
/// The document with the time of the last request that reported ends, in milliseconds since the Unix epoch.
const REPORTED: &str = "resume-all/reported";
/// The most ids that are stored.
const IDS_MAX: usize = 10_000;
/// The most executions of a response. The others are left to the next request.
const ENDED_MAX: usize = 1_000;
/// The limits for reading the ends of a workflow with one status.
const LIMITS: Limits = Limits { page: 1_000, found_max: IDS_MAX, read_max: 1_000_000 };
/// The time before the last request from which on ends are read again: a clock may be set back, and a command may be killed before it
/// prints them. An end that was shown is not reported again.
const READ_AGAIN_MS: u64 = 3_600_000;
/// Without an earlier request: ends are read from this time on, until now.
const FIRST_READ_MS: u64 = 7 * 24 * 3_600_000;
/// The ends that are reported although no request found the execution unfinished. ABORTED is not: the response to the cancel reports it.
const REPORTED_ENDS: [ExecutionStatus; 3] =
    [ExecutionStatus::Succeeded, ExecutionStatus::Failed, ExecutionStatus::TimedOut];

/// The limits of [`ended_since`].
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// The number of ends that are read at once.
    page: usize,
    /// The most executions that are found.
    found_max: usize,
    /// The most ends that are read, approximately: the last page is complete.
    read_max: usize,
}

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
    /// The times at which the needs of each execution that waits for a person were last reported, in milliseconds since the Unix epoch.
    /// They replace the stored times; `None` keeps the stored times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said_needs_ms: Option<BTreeMap<String, u64>>,
}

/// The response of [`TrackUnfinished`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TrackUnfinishedResponse {
    /// The executions that have ended since the previous request and whose end nobody has seen; empty if the request leaves them to the
    /// next one.
    pub ended: Vec<ExecutionHeader>,
    /// The times at which the needs of each execution were last reported before this request.
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

    /// The executions that have ended at `since_ms` or later and whose end nobody was shown, whether or not a command saw them
    /// unfinished.
    fn ended_unseen(&self, since_ms: u64) -> Result<Vec<ExecutionHeader>, Fault> {
        let store = self.runner.store();
        let mut unseen = Vec::new();
        for workflow in store.workflows()? {
            for status in REPORTED_ENDS {
                let filter = ListFilter { status: Some(status), redriven: None };
                let page = |after: Option<&ListPosition>| store.list_page(&workflow, filter, after, LIMITS.page);
                unseen.extend(ended_since(since_ms, LIMITS, page, |id| self.unseen(id, status))?);
            }
        }
        Ok(unseen)
    }

    /// The execution, if it has ended with this status, the end concerns a person, and nobody was shown it.
    fn unseen(&self, id: &str, status: ExecutionStatus) -> Result<Option<ExecutionHeader>, Fault> {
        if !concerns_a_person(id, status) {
            return Ok(None);
        }
        let header = self.runner.store().summary(id)?.filter(|header| header.status == status);
        match header {
            Some(header) if !self.end_was_shown(&header)? => Ok(Some(header)),
            _ => Ok(None),
        }
    }

    /// Whether a person was shown the end of an execution, or its parent received it and reports it.
    fn end_was_shown(&self, header: &ExecutionHeader) -> Result<bool, Fault> {
        let last_sequence = header.last_sequence;
        Ok(self.shown(&header.id)? >= last_sequence || self.received(&header.id)? >= last_sequence)
    }
}

/// The values that `wanted` returns for the executions that have ended at `since_ms` or later, the latest first. Only these values count
/// towards [`Limits::found_max`]: the successes of a client of the API do not hide another end, however many they are.
fn ended_since<T>(
    since_ms: u64,
    limits: Limits,
    page_after: impl Fn(Option<&ListPosition>) -> Result<Vec<ListPosition>, StoreError>,
    wanted: impl Fn(&str) -> Result<Option<T>, Fault>,
) -> Result<Vec<T>, Fault> {
    let (mut found, mut read) = (Vec::new(), 0);
    let mut after: Option<ListPosition> = None;
    while read < limits.read_max {
        let page = page_after(after.as_ref())?;
        let Some(last) = page.last().cloned() else { break };
        read += page.len();
        for position in page.iter().filter(|position| position.at_ms >= since_ms) {
            found.extend(wanted(&position.id)?);
            if found.len() >= limits.found_max {
                return Ok(found);
            }
        }
        if last.at_ms < since_ms {
            break;
        }
        after = Some(last);
    }
    Ok(found)
}

/// Whether the end of an execution that no command watched is reported. Reported are every end of an execution that `flow run` began (its
/// id has no colon), and the failures of executions that a client of the Step Functions API began. An EXPRESS execution is never reported:
/// its caller waits for its end.
fn concerns_a_person(id: &str, status: ExecutionStatus) -> bool {
    match id.matches(':').count() {
        0 => true,
        1 => status != ExecutionStatus::Succeeded,
        _ => false,
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
        if !keeps_ended {
            let now_ms = api.now_ms();
            let reported_ms: Option<u64> = store.document(REPORTED)?;
            let since_ms = reported_ms
                .map_or(now_ms.saturating_sub(FIRST_READ_MS), |reported_ms| reported_ms.saturating_sub(READ_AGAIN_MS));
            let known: HashSet<String> =
                named.into_iter().chain(ended.iter().map(|header| header.id.clone())).collect();
            let unseen = api.ended_unseen(since_ms)?;
            ended.extend(unseen.into_iter().filter(|header| !known.contains(&header.id)));
            ids.extend(ended.iter().skip(ENDED_MAX).map(|header| header.id.clone()));
            ended.truncate(ENDED_MAX);
            let stored = api.put(REPORTED, &now_ms);
            // Where there is nothing to report, nothing is lost: the next request reads from the earlier time on. The disk may be full.
            if !(ids.is_empty() && ended.is_empty()) {
                stored?;
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The ids that are found among successes in order of their ends, the latest first, one a millisecond.
    fn found(ids: &[String], since_ms: u64, limits: Limits) -> Vec<String> {
        let at_ms = |index: usize| (ids.len() - index) as u64;
        let positions: Vec<_> =
            ids.iter().enumerate().map(|(index, id)| ListPosition { at_ms: at_ms(index), id: id.clone() }).collect();
        let page_after = |after: Option<&ListPosition>| {
            let rest = positions.iter().filter(|position| after.is_none_or(|after| position.at_ms < after.at_ms));
            Ok(rest.take(limits.page).cloned().collect())
        };
        let wanted = |id: &str| Ok(concerns_a_person(id, ExecutionStatus::Succeeded).then(|| id.to_owned()));
        ended_since(since_ms, limits, page_after, wanted).unwrap()
    }

    #[test]
    fn successes_of_clients_do_not_hide_an_end_that_is_reported() {
        let mut ids: Vec<_> = (0..IDS_MAX + 5_000).map(|index| format!("api:{index}")).collect();
        ids.push("nightly-1".to_owned());
        assert_eq!(found(&ids, 0, LIMITS), ["nightly-1"]);
        assert!(found(&ids, 2, LIMITS).is_empty(), "it ended before");
        let ids: Vec<_> = (0..10).map(|index| format!("nightly-{index}")).collect();
        assert_eq!(found(&ids, 0, Limits { page: 4, found_max: 6, read_max: 100 }).len(), 6);
        assert_eq!(found(&ids, 0, Limits { page: 4, found_max: 9, read_max: 5 }).len(), 8, "two pages are read");
        assert_eq!(found(&ids, 4, Limits { page: 4, found_max: 9, read_max: 100 }).len(), 7);
    }
}
