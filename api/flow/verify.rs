//! Verifying a store's records, and where this process can act.

use engine::store::Store;
use futures::{StreamExt, stream::BoxStream};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Empty;
use crate::{Api, Fault, StreamOperation};

/// Reads every record of the store; its one item says what was found.
pub struct VerifyStore;

/// A request of [`VerifyStore`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct VerifyStoreRequest {}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StoreFindings {
    /// How many records there are.
    pub records: usize,
    /// How many executions.
    pub executions: usize,
    /// How many of them have not ended.
    pub active: usize,
    /// What is wrong, one line for each.
    pub problems: Vec<String>,
    /// Whether a problem is of the index, which can be made again from its mirror.
    pub index_is_damaged: bool,
    /// When the latest execution was started, in milliseconds since the Unix epoch; a clock that is behind it went back.
    pub latest_start_ms: Option<u64>,
}

impl StoreFindings {
    /// Reads every record of a store.
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
        let failed = |error: tokio::task::JoinError| Fault::new("InternalFailure", error.to_string());
        futures::stream::once(async move { verify.await.map_err(failed) }).boxed()
    }
}

/// Verifies that the owner can act where an environment says, with credentials of its own; its one item is empty.
pub struct VerifyEnvironment;

/// A request of [`VerifyEnvironment`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct VerifyEnvironmentRequest {
    /// The environment.
    pub environment: Value,
}

impl StreamOperation for VerifyEnvironment {
    const NAME: &'static str = "Flow.VerifyEnvironment";
    type Request = VerifyEnvironmentRequest;
    type Item = Empty;

    fn answer(api: &Api, request: VerifyEnvironmentRequest) -> BoxStream<'static, Result<Empty, Fault>> {
        let surroundings = api.options.surroundings.clone();
        let verify = async move { surroundings.verify(&request.environment).await.map(|()| Empty {}) };
        futures::stream::once(verify).boxed()
    }
}
