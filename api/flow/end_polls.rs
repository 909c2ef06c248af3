//! Ends the open polls of a worker that stops.

use serde::{Deserialize, Serialize};

use super::Empty;
use crate::{Api, Fault, Operation};

/// Ends the open polls of a worker: each is answered at once, with a task that it has received already or without one. If the worker closed
/// their connections instead, nobody would have a task whose response is on its way until its heartbeat is overdue.
pub struct EndPolls;

/// A request of [`EndPolls`]: that of GetActivityTask.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndPollsRequest {
    /// The activity.
    pub activity_arn: String,
    /// The worker, as its polls name it.
    pub worker_name: String,
}

impl Operation for EndPolls {
    const NAME: &'static str = "Flow.EndPolls";
    type Request = EndPollsRequest;
    type Response = Empty;

    async fn answer(api: &Api, request: EndPollsRequest) -> Result<Empty, Fault> {
        api.runner.end_polls(&request.activity_arn, &request.worker_name);
        Ok(Empty {})
    }
}
