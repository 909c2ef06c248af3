//! The time that an execution has left, from earlier executions of its workflow.

use engine::{
    machine::ExecutionStatus,
    store::{ListFilter, RECORD_ENTRIES_MAX, Store, StoreError},
};
use serde::{Deserialize, Serialize};

use super::{DescribeExecution, DescribeExecutionRequest, ExecutionIdRequest};
use crate::{
    Api, Fault, Operation,
    view::{Durations, TimeLeft, Typical},
};

/// The most earlier executions that are read, the latest first.
const EXECUTIONS_MAX: usize = 5;
/// The most journal entries that are read of all of them: reading must not delay the owner of the store.
const ENTRIES_MAX: usize = 20_000;

/// Estimates the time that an execution has left. A display that follows the execution estimates again from the same durations:
/// [`crate::view::View::time_left`].
pub struct EstimateTimeLeft;

/// The response of [`EstimateTimeLeft`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EstimateTimeLeftResponse {
    /// The time left now; `None` if the execution has ended or is paused, or the workflow has not succeeded yet.
    pub time_left: Option<TimeLeft>,
    /// The times that the states took in earlier executions.
    pub typical: Typical,
}

impl Operation for EstimateTimeLeft {
    const NAME: &'static str = "Flow.EstimateTimeLeft";
    type Request = ExecutionIdRequest;
    type Response = EstimateTimeLeftResponse;

    async fn answer(api: &Api, ExecutionIdRequest { id }: ExecutionIdRequest) -> Result<Self::Response, Fault> {
        let request = DescribeExecutionRequest { id, as_shown: false };
        let described = DescribeExecution::answer(api, request).await?;
        let typical = typical(api.runner.store(), &described.execution.workflow, &described.execution.id)?;
        let time_left = described.view.time_left(&typical, api.runner.clock().now_ms());
        Ok(EstimateTimeLeftResponse { time_left, typical })
    }
}

fn typical(store: &Store, workflow: &str, id: &str) -> Result<Typical, StoreError> {
    let filter = ListFilter { status: Some(ExecutionStatus::Succeeded), ..ListFilter::default() };
    let (mut executions, mut left) = (Vec::new(), ENTRIES_MAX);
    for position in store.list_page(workflow, filter, None, EXECUTIONS_MAX)? {
        if position.id != id
            && let Some(durations) = durations(store, &position.id, &mut left)?
        {
            executions.push(durations);
        }
    }
    Ok(Typical::of(&executions))
}

/// The durations of an execution; `None` where its journal has more entries than are left to be read.
fn durations(store: &Store, id: &str, left: &mut usize) -> Result<Option<Durations>, StoreError> {
    let (mut durations, mut next) = (Durations::default(), 1);
    loop {
        let entries = store.entries(id, next, RECORD_ENTRIES_MAX)?;
        let Some(last) = entries.last() else { return Ok(Some(durations)) };
        next = last.sequence + 1;
        let Some(rest) = left.checked_sub(entries.len()) else { return Ok(None) };
        *left = rest;
        entries.iter().for_each(|entry| durations.fold(entry));
    }
}
