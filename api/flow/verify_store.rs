//! Verifies the records of a store.

use engine::store::Store;
use futures::{StreamExt, stream::BoxStream};
use serde::{Deserialize, Serialize};

use crate::{Api, Fault, StreamOperation};

/// Reads every record of the store. The only item of the stream has the findings.
pub struct VerifyStore;

/// A request of [`VerifyStore`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct VerifyStoreRequest {}

/// The findings of a verification.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StoreFindings {
    /// The number of records.
    pub records: usize,
    /// The number of executions.
    pub executions: usize,
    /// The number of executions that have not ended.
    pub active: usize,
    /// The problems, one line each.
    pub problems: Vec<String>,
    /// Whether a problem is in the index, which can be rebuilt from the mirror.
    pub index_is_damaged: bool,
    /// The start time of the newest execution, in milliseconds since the Unix epoch. A clock that shows an earlier time was set back.
    pub latest_start_ms: Option<u64>,
}

impl StoreFindings {
    /// Reads every record of a store and reports the findings.
    pub fn of(store: &Store) -> Self {
        let engine::store::Findings { records, executions, active, problems } = store.verify();
        let of_index = |problem: &engine::store::StoreError| matches!(problem, engine::store::StoreError::Index { .. });
        let index_is_damaged = problems.iter().any(of_index);
        let problems = problems.iter().map(ToString::to_string).collect();
        let latest_start_ms = store.latest_start_ms();
        StoreFindings { records, executions, active, problems, index_is_damaged, latest_start_ms }
    }
}

impl StreamOperation for VerifyStore {
    const NAME: &'static str = "Flow.VerifyStore";
    type Request = VerifyStoreRequest;
    type Item = StoreFindings;

    fn answer(api: &Api, _request: VerifyStoreRequest) -> BoxStream<'static, Result<StoreFindings, Fault>> {
        let store = api.runner.shared_store();
        let verify = tokio::task::spawn_blocking(move || StoreFindings::of(&store));
        futures::stream::once(async move { verify.await.map_err(Fault::internal) }).boxed()
    }
}
