//! Forgetting executions that ended long ago.

use std::collections::VecDeque;

use engine::{
    machine::ExecutionStatus,
    runner::RunnerHandle,
    store::{ListFilter, ListPosition, Store, StoreError},
};
use futures::{StreamExt, stream::BoxStream};
use serde::{Deserialize, Serialize};

use crate::{Api, Fault, StreamOperation, documents_of};

/// How many executions are forgotten in one batch: so long the dispatcher does nothing else.
const AT_ONCE: usize = 100;
/// How many executions are counted between two answers of a plan.
const PLANNED_AT_ONCE: usize = 10_000;
/// The statuses of executions that have ended.
const ENDED: [ExecutionStatus; 4] =
    [ExecutionStatus::Succeeded, ExecutionStatus::Failed, ExecutionStatus::TimedOut, ExecutionStatus::Aborted];

/// Forgets executions that ended before a time; what has not ended is never forgotten. Definitions stay: beside a running engine an
/// execution that is just starting may need one. Answers after each batch; the last item says the total.
pub struct PruneExecutions;

/// A request of [`PruneExecutions`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PruneRequest {
    /// Only executions that ended before this time, in milliseconds since the Unix epoch.
    pub ended_before_ms: u64,
    /// Only counts them.
    pub plan: bool,
}

/// How far it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PruneResponse {
    /// How many executions are forgotten so far, or would be.
    pub executions: usize,
}

impl StreamOperation for PruneExecutions {
    const NAME: &'static str = "Flow.PruneExecutions";
    type Request = PruneRequest;
    type Item = PruneResponse;

    fn answer(api: &Api, request: PruneRequest) -> BoxStream<'static, Result<PruneResponse, Fault>> {
        let begin = Pruning { runner: api.runner.clone(), request, lists: None, executions: 0, finished: false };
        futures::stream::unfold(begin, |mut pruning| async move {
            if pruning.finished {
                return None;
            }
            let step = pruning.step().await;
            pruning.finished |= step.is_err();
            Some((step, pruning))
        })
        .boxed()
    }
}

struct Pruning {
    runner: RunnerHandle,
    request: PruneRequest,
    /// The lists that are left to read; `None` before the first step.
    lists: Option<Lists>,
    executions: usize,
    finished: bool,
}

impl Pruning {
    async fn step(&mut self) -> Result<PruneResponse, Fault> {
        let (store, request, lists) = (self.runner.shared_store(), self.request.clone(), self.lists.take());
        let limit = if request.plan { PLANNED_AT_ONCE } else { AT_ONCE };
        let (lists, old) = blocking(move || {
            let mut lists = lists.map_or_else(|| Lists::of(&store, request.ended_before_ms), Ok)?;
            let old = lists.next(&store, limit)?;
            Ok((lists, old))
        })
        .await?;
        self.lists = Some(lists);
        self.finished = old.is_empty();
        self.executions += match self.request.plan || old.is_empty() {
            true => old.len(),
            false => self.runner.forget(old, |id| documents_of(id).to_vec()).await?,
        };
        Ok(PruneResponse { executions: self.executions })
    }
}

/// The ended executions of every workflow that ended before a time, read from the index of lists: what ended later costs nothing.
struct Lists {
    /// Workflow and status of each list that is left.
    left: VecDeque<(String, ExecutionStatus)>,
    /// Where each list begins.
    first: ListPosition,
    /// Where the first of them is read on.
    next: ListPosition,
}

impl Lists {
    fn of(store: &Store, ended_before_ms: u64) -> Result<Self, StoreError> {
        let lists = store.workflows()?.into_iter().flat_map(|workflow| ENDED.map(|status| (workflow.clone(), status)));
        // Ids are not empty, so every id of that time comes after this position.
        let first = ListPosition { at_ms: ended_before_ms.saturating_sub(1), id: String::new() };
        let left = if ended_before_ms == 0 { VecDeque::new() } else { lists.collect() };
        Ok(Lists { left, next: first.clone(), first })
    }

    /// The next ids, at most `limit`; none at the end.
    fn next(&mut self, store: &Store, limit: usize) -> Result<Vec<String>, StoreError> {
        while let Some((workflow, status)) = self.left.front() {
            let filter = ListFilter { status: Some(*status), redriven: None };
            let found = store.list_page(workflow, filter, Some(&self.next), limit)?;
            if let Some(last) = found.last() {
                self.next = last.clone();
                return Ok(found.into_iter().map(|position| position.id).collect());
            }
            self.left.pop_front();
            self.next = self.first.clone();
        }
        Ok(Vec::new())
    }
}

/// Reads or writes much, on a thread where blocking is allowed.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Fault> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|error| Fault::new("InternalFailure", error.to_string()))??)
}
