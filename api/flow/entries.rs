//! The journal: in pages, and as it is written.

use engine::{
    journal::Entry,
    runner::{Follow, RunnerEvent},
};
use futures::{StreamExt, stream::BoxStream};
use serde::{Deserialize, Serialize};

use crate::{Api, Fault, Operation, StreamOperation};

/// The most entries of one response.
const ENTRIES_MAX: usize = 4_096;

/// Reads a part of an execution's journal, oldest first.
pub struct GetEntries;

/// A request of [`GetEntries`] and of [`FollowExecution`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EntriesRequest {
    /// The execution's id.
    pub id: String,
    /// The sequence of the first entry wanted, from 1.
    pub from_sequence: u64,
}

/// The response of [`GetEntries`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EntriesResponse {
    /// The entries; none where there are no more.
    pub entries: Vec<Entry>,
}

impl Operation for GetEntries {
    const NAME: &'static str = "Flow.GetEntries";
    type Request = EntriesRequest;
    type Response = EntriesResponse;

    async fn answer(api: &Api, EntriesRequest { id, from_sequence }: EntriesRequest) -> Result<EntriesResponse, Fault> {
        Ok(EntriesResponse { entries: api.runner.store().entries(&id, from_sequence, ENTRIES_MAX)? })
    }
}

/// Everything that happens in an execution from a sequence on; ends when the runner stops or forgets the execution.
pub struct FollowExecution;

impl StreamOperation for FollowExecution {
    const NAME: &'static str = "Flow.FollowExecution";
    type Request = EntriesRequest;
    type Item = RunnerEvent;

    fn answer(
        api: &Api,
        EntriesRequest { id, from_sequence }: EntriesRequest,
    ) -> BoxStream<'static, Result<RunnerEvent, Fault>> {
        // Followed first: what is forgotten after this check ends the stream.
        let follow = api.runner.follow(&id, from_sequence);
        let first = match api.runner.store().exists(&id) {
            Ok(true) => Ok(follow),
            Ok(false) => Err(Fault::no_execution(&id)),
            Err(error) => Err(error.into()),
        };
        futures::stream::unfold(Some(first), next).boxed()
    }
}

type Following = Option<Result<Follow, Fault>>;

async fn next(follow: Following) -> Option<(Result<RunnerEvent, Fault>, Following)> {
    let mut follow = match follow? {
        Ok(follow) => follow,
        Err(fault) => return Some((Err(fault), None)),
    };
    match follow.next().await {
        Ok(event) => Some((Ok(event?), Some(Ok(follow)))),
        Err(error) => Some((Err(error.into()), None)),
    }
}
