//! Reads the journal in pages, and follows it as it is written.

use engine::{
    journal::JournalEntry,
    runner::{Follow, RunnerEvent},
    store::RECORD_ENTRIES_MAX,
};
use futures::{StreamExt, stream::BoxStream};
use serde::{Deserialize, Serialize};

use crate::{Api, Fault, Operation, StreamOperation};

/// The most entries of one response.
const ENTRIES_MAX: usize = 4_096;
/// The length of a response, in bytes, from which on it has no more entries: thousands with the longest inputs are a gigabyte.
const RESPONSE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Reads a part of an execution's journal, oldest first.
pub struct GetEntries;

/// A request of [`GetEntries`] and of [`FollowExecution`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EntriesRequest {
    /// The execution's id.
    pub id: String,
    /// The sequence of the first entry to return, from 1.
    pub from_sequence: u64,
}

/// The response of [`GetEntries`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EntriesResponse {
    /// The entries; empty at the end of the journal.
    pub entries: Vec<JournalEntry>,
}

impl Operation for GetEntries {
    const NAME: &'static str = "Flow.GetEntries";
    type Request = EntriesRequest;
    type Response = EntriesResponse;

    async fn answer(api: &Api, EntriesRequest { id, from_sequence }: EntriesRequest) -> Result<EntriesResponse, Fault> {
        let (mut entries, mut bytes, mut from): (Vec<JournalEntry>, _, _) = (Vec::new(), 0, from_sequence);
        while entries.len() < ENTRIES_MAX && bytes < RESPONSE_BYTES_MAX {
            let read = api.runner.store().entries(&id, from, RECORD_ENTRIES_MAX)?;
            let Some(last) = read.last() else { break };
            from = last.sequence + 1;
            bytes += json_bytes(&read)?;
            entries.extend(read);
        }
        Ok(EntriesResponse { entries })
    }
}

/// The length of entries as JSON.
fn json_bytes(entries: &[JournalEntry]) -> Result<usize, Fault> {
    struct Length(usize);
    impl std::io::Write for Length {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut length = Length(0);
    serde_json::to_writer(&mut length, entries).map_err(Fault::internal)?;
    Ok(length.0)
}

/// Streams every event of an execution from a sequence on. Ends when the runner stops or the execution is pruned.
pub struct FollowExecution;

impl StreamOperation for FollowExecution {
    const NAME: &'static str = "Flow.FollowExecution";
    type Request = EntriesRequest;
    type Item = RunnerEvent;

    fn answer(
        api: &Api,
        EntriesRequest { id, from_sequence }: EntriesRequest,
    ) -> BoxStream<'static, Result<RunnerEvent, Fault>> {
        // Follow first: if the execution is pruned after this check, the stream ends.
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
