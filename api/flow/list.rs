//! Listing executions of all state machines.

use std::collections::BTreeMap;

use engine::{machine::ExecutionHeader, store::StoreError};
use serde::{Deserialize, Serialize};

use super::{Needs, NextDue};
use crate::{Api, Fault, Operation};

/// The most executions whose needs are read. The needs of further executions are not reported.
const NEEDS_SEARCHED_MAX: usize = 1_000;

/// Lists executions, newest first. If more unfinished executions exist than the limit, the first by id are listed.
pub struct ListExecutions;

/// A request of [`ListExecutions`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListRequest {
    /// The most executions to return: the newest, or with `unfinished` the first by id; `None` for all.
    pub limit: Option<usize>,
    /// Only executions that started at this time or earlier, in milliseconds since the Unix epoch: the next page. Not with `unfinished`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<u64>,
    /// Only executions that have not ended.
    pub unfinished: bool,
    /// Whether the response reports the answers that the executions need from outside and their next due times. Both are read for the first
    /// 1,000 listed executions that are running and not paused.
    pub with_needs: bool,
}

/// The response of [`ListExecutions`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListResponse {
    /// The executions, without inputs and created resources.
    pub executions: Vec<ExecutionHeader>,
    /// The ids of the listed executions that the owner runs now.
    pub driven: Vec<String>,
    /// The answers that listed executions need from outside, if the request asks for them: see [`ListRequest::with_needs`].
    pub needs: Vec<Needs>,
    /// The next due event of listed executions, by their ids, if the request asks for needs.
    pub due: BTreeMap<String, NextDue>,
    /// The executions that the list leaves out, if it is known to: at Step Functions, where a list has bounds of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<LeftOut>,
}

/// The executions that a list lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftOut {
    /// The number of executions that were read and are not listed. They started before those that are listed.
    pub executions: usize,
    /// Whether further executions exist that were not read.
    pub more: bool,
    /// The number of state machines that were asked, if more exist.
    pub of_machines: Option<usize>,
}

impl Operation for ListExecutions {
    const NAME: &'static str = "Flow.ListExecutions";
    type Request = ListRequest;
    type Response = ListResponse;

    async fn answer(api: &Api, request: ListRequest) -> Result<ListResponse, Fault> {
        let limit = request.limit.unwrap_or(usize::MAX);
        let executions = match request.unfinished {
            true => unfinished(api, limit)?,
            false => api.runner.store().recent_until(request.until_ms, limit)?,
        };
        let driven = api.runner.driven(executions.iter().map(|header| header.id.clone()).collect()).await;
        let mut response = ListResponse { executions, driven, ..ListResponse::default() };
        if request.with_needs {
            add_needs(api, &mut response)?;
        }
        Ok(response)
    }
}

/// Adds the needs and the next due events of the first [`NEEDS_SEARCHED_MAX`] executions that are running and not paused.
fn add_needs(api: &Api, response: &mut ListResponse) -> Result<(), StoreError> {
    let running = response.executions.iter().filter(|header| !header.is_quiescent()).take(NEEDS_SEARCHED_MAX);
    for ExecutionHeader { id, deadline_ms, .. } in running {
        let frames = api.runner.store().frames(id)?;
        response.needs.extend(Needs::of(id, &frames, *deadline_ms));
        response.due.extend(NextDue::of(&frames, *deadline_ms).map(|due| (id.clone(), due)));
    }
    Ok(())
}

/// Reads the index of unfinished executions, which is ordered by id, so that ended ones cost nothing. Sorts the executions by the time of
/// the start.
fn unfinished(api: &Api, limit: usize) -> Result<Vec<ExecutionHeader>, StoreError> {
    let store = api.runner.store();
    let active = store.active_after(None, limit)?;
    let headers = active.iter().filter_map(|active| store.summary(&active.id).transpose());
    let mut headers = headers.collect::<Result<Vec<_>, _>>()?;
    headers.sort_by_key(|header| std::cmp::Reverse(header.started_ms));
    Ok(headers)
}
