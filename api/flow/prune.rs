//! Forgetting executions that ended long ago.

use engine::{
    runner::RunnerHandle,
    store::{Store, StoreError},
};
use futures::{StreamExt, stream::BoxStream};
use serde::{Deserialize, Serialize};

use crate::{Api, Fault, StreamOperation, documents_of};

/// How many executions are forgotten in one batch: so long the dispatcher does nothing else.
const AT_ONCE: usize = 100;

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
    /// Whether that is all.
    pub finished: bool,
}

impl StreamOperation for PruneExecutions {
    const NAME: &'static str = "Flow.PruneExecutions";
    type Request = PruneRequest;
    type Item = PruneResponse;

    fn answer(api: &Api, request: PruneRequest) -> BoxStream<'static, Result<PruneResponse, Fault>> {
        let begin = Pruning { runner: api.runner.clone(), request, old: None, executions: 0, finished: false };
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
    /// What is left to forget; `None` until the list was read.
    old: Option<Vec<String>>,
    executions: usize,
    finished: bool,
}

impl Pruning {
    async fn step(&mut self) -> Result<PruneResponse, Fault> {
        let Some(left) = &mut self.old else {
            let (store, before_ms) = (self.runner.shared_store(), self.request.ended_before_ms);
            let old = blocking(move || old(&store, before_ms)).await?;
            if self.request.plan {
                (self.executions, self.finished) = (old.len(), true);
            }
            self.old = Some(old);
            return Ok(self.so_far());
        };
        let batch: Vec<String> = left.drain(..left.len().min(AT_ONCE)).collect();
        if batch.is_empty() {
            self.finished = true;
        } else {
            self.executions += self.runner.forget(batch, |id| documents_of(id).to_vec()).await?;
        }
        Ok(self.so_far())
    }

    fn so_far(&self) -> PruneResponse {
        PruneResponse { executions: self.executions, finished: self.finished }
    }
}

/// Reads or writes much, on a thread where blocking is allowed.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Fault> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|error| Fault::new("InternalFailure", error.to_string()))??)
}

fn old(store: &Store, before_ms: u64) -> Result<Vec<String>, StoreError> {
    let mut old = Vec::new();
    for id in store.ids()? {
        let ended_ms = store.summary(&id)?.and_then(|header| header.stopped_ms);
        if ended_ms.is_some_and(|ended_ms| ended_ms < before_ms) {
            old.push(id);
        }
    }
    Ok(old)
}
