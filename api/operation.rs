//! What an operation is: a name, a request, a response, and the one function that answers it.

use std::future::Future;

use futures::stream::BoxStream;
use serde::{Serialize, de::DeserializeOwned};

use crate::{Api, Fault};

/// An operation with one response.
pub trait Operation: Send + Sync + 'static {
    /// The target on the wire, such as `Flow.CancelExecution`.
    const NAME: &'static str;
    /// What it takes.
    type Request: DeserializeOwned + Send + 'static;
    /// What it answers.
    type Response: Serialize + Send + 'static;

    /// Answers a request, over an idle store or a running engine.
    ///
    /// # Errors
    /// The fault of the operation.
    fn answer(api: &Api, request: Self::Request) -> impl Future<Output = Result<Self::Response, Fault>> + Send;
}

/// An operation that answers with any number of items, each sent when it is there.
pub trait StreamOperation: Send + Sync + 'static {
    /// The target on the wire, such as `Flow.FollowExecution`.
    const NAME: &'static str;
    /// What it takes.
    type Request: DeserializeOwned + Send + 'static;
    /// One item.
    type Item: Serialize + Send + 'static;

    /// Answers a request. A fault is the last item.
    fn answer(api: &Api, request: Self::Request) -> BoxStream<'static, Result<Self::Item, Fault>>;
}
