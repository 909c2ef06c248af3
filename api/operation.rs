//! The traits of an operation: a name, a request, a response, and the function that answers it; and what the lists of operations
//! declare about each one to the transports.

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

/// An operation in the list of its API (`flow.rs`, `step_functions.rs`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OperationInfo {
    /// The target on the wire.
    pub target: &'static str,
    /// The clients that may call it.
    pub access: Access,
    /// How long it occupies a thread.
    pub cost: Cost,
}

/// The clients that may call an operation over TCP. Over the store's socket, processes of its user may call every operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Clients with the operator's secret; if the operator set none, programs of this machine.
    WithoutSecret,
    /// Clients with the operator's secret; if the operator set none, nobody.
    WithSecret,
    /// Nobody: it is answered over the store's socket only, for processes of the user of this machine. The operation acts for that user:
    /// a client of the network must not decide where an execution acts, who answered, what the user has been shown, or which executions
    /// are deleted.
    SocketOnly,
}

/// How long an operation occupies a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// Its work has a small limit, or it waits for the runner.
    Short,
    /// It changes nothing, and its work grows with what is stored or with a client's document: it may take milliseconds of a processor.
    /// A transport answers it apart from the others, which it would delay.
    LongRead,
}
