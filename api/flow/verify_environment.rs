//! Verifies that the owner of a store can act in an environment.

use futures::{StreamExt, stream::BoxStream};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Empty;
use crate::{Api, Fault, StreamOperation};

/// Verifies that the owner can act in an environment with its own credentials. The only item of the stream is empty.
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
        let host = api.options.host.clone();
        let verify = async move { host.verify(&request.environment).await.map(|()| Empty {}) };
        futures::stream::once(verify).boxed()
    }
}
