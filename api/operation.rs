//! The traits of an operation: a name, a request, a response, and the function that answers it.

use std::future::Future;

use futures::stream::BoxStream;
use serde::{Serialize, de::DeserializeOwned};

use crate::{Api, Fault};

/// An operation with one response.
pub trait Operation: Send + Sync + 'static {
    /// The target on the wire, such as `Flow.CancelExecution`.
    const NAME: &'static str;
    /// The request.
    type Request: DeserializeOwned + Send + 'static;
    /// The response.
    type Response: Serialize + Send + 'static;

    /// Answers a request, over a store that is only read or a running engine.
    ///
    /// # Errors
    /// The fault of the operation.
    fn answer(api: &Api, request: Self::Request) -> impl Future<Output = Result<Self::Response, Fault>> + Send;
}

/// An operation that streams items; each is sent as soon as it is available.
pub trait StreamOperation: Send + Sync + 'static {
    /// The target on the wire, such as `Flow.FollowExecution`.
    const NAME: &'static str;
    /// The request.
    type Request: DeserializeOwned + Send + 'static;
    /// An item of the stream.
    type Item: Serialize + Send + 'static;

    /// Answers a request. A fault ends the stream as its last item.
    fn answer(api: &Api, request: Self::Request) -> BoxStream<'static, Result<Self::Item, Fault>>;
}
