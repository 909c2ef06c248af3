//! Prunes executions that ended before a given time.

use std::collections::VecDeque;

use engine::{
    machine::ExecutionStatus,
    runner::RunnerHandle,
    store::{ListFilter, ListPosition, Store, StoreError},
};
use futures::{StreamExt, stream::BoxStream};
use serde::{Deserialize, Serialize};

use crate::{Api, Fault, StreamOperation, documents_of};

/// The most executions that are deleted in one batch. The dispatcher does nothing else meanwhile.
const AT_ONCE: usize = 100;
/// The most executions that are counted between two responses of a plan.
const PLANNED_AT_ONCE: usize = 10_000;
/// The statuses of executions that have ended.
const ENDED: [ExecutionStatus; 4] =
    [ExecutionStatus::Succeeded, ExecutionStatus::Failed, ExecutionStatus::TimedOut, ExecutionStatus::Aborted];

/// Deletes executions that ended before a time, never unfinished ones. Definitions stay, because an execution that is
/// starting on the running engine may need one. Responds after each batch; the last response has the total.
pub struct PruneExecutions;

/// A request of [`PruneExecutions`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PruneRequest {
    /// Only executions that ended before this time, in milliseconds since the Unix epoch.
    pub ended_before_ms: u64,
    /// Only count the executions.
    pub plan: bool,
}

/// The progress of a prune.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PruneResponse {
    /// The executions that are deleted so far, or counted by a plan.
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
    /// The lists that remain to be read; `None` until the first step.
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
            false => self.runner.delete_ended(old, |id| documents_of(id).to_vec()).await?,
        };
        Ok(PruneResponse { executions: self.executions })
    }
}

/// Iterates over the ended executions of every workflow, read from the list records: executions that ended later are not
/// read.
struct Lists {
    /// The workflow and the status of each list that remains.
    left: VecDeque<(String, ExecutionStatus)>,
    /// The position at which each list starts.
    first: ListPosition,
    /// The position at which the current list continues.
    next: ListPosition,
}

impl Lists {
    fn of(store: &Store, ended_before_ms: u64) -> Result<Self, StoreError> {
        let lists = store.workflows()?.into_iter().flat_map(|workflow| ENDED.map(|status| (workflow.clone(), status)));
        // Ids are not empty, so every id of that time sorts after this position.
        let first = ListPosition { at_ms: ended_before_ms.saturating_sub(1), id: String::new() };
        let left = if ended_before_ms == 0 { VecDeque::new() } else { lists.collect() };
        Ok(Lists { left, next: first.clone(), first })
    }

    /// The next ids, at most `limit`; empty at the end.
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

/// Runs store work on a thread that may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Fault> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(Fault::internal)??)
}
