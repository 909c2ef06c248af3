//! Listing executions of all state machines.

use engine::{machine::ExecutionHeader, store::StoreError};
use serde::{Deserialize, Serialize};

use crate::{Api, Fault, Operation};

/// Lists executions, newest first.
pub struct ListExecutions;

/// A request of [`ListExecutions`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListRequest {
    /// The most executions to return; `None` for all.
    pub limit: Option<usize>,
    /// Only executions that have not ended.
    pub unfinished: bool,
}

/// The response of [`ListExecutions`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListResponse {
    /// The executions, without inputs and created resources.
    pub executions: Vec<ExecutionHeader>,
    /// The ids of the listed executions that the owner runs now.
    pub driven: Vec<String>,
}

impl Operation for ListExecutions {
    const NAME: &'static str = "Flow.ListExecutions";
    type Request = ListRequest;
    type Response = ListResponse;

    async fn answer(api: &Api, request: ListRequest) -> Result<ListResponse, Fault> {
        let limit = request.limit.unwrap_or(usize::MAX);
        let executions = match request.unfinished {
            true => unfinished(api, limit)?,
            false => api.runner.store().latest(limit)?,
        };
        let driven = api.runner.driven(executions.iter().map(|header| header.id.clone()).collect()).await;
        Ok(ListResponse { executions, driven })
    }
}

/// Reads the index of unfinished executions, so that ended ones cost nothing.
fn unfinished(api: &Api, limit: usize) -> Result<Vec<ExecutionHeader>, StoreError> {
    let store = api.runner.store();
    let active = store.active_after(None, limit)?;
    let headers = active.iter().filter_map(|active| store.summary(&active.id).transpose());
    let mut headers = headers.collect::<Result<Vec<_>, _>>()?;
    headers.sort_by_key(|header| std::cmp::Reverse(header.started_ms));
    Ok(headers)
}
