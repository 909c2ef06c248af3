//! Describing an execution: its header, its frames, and the view that displays show.

use engine::{
    machine::{ExecutionHeader, FrameRow},
    store::{RECORD_ENTRIES_MAX, StoredExecution},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Api, Fault, Operation, view::View};

/// The most map runs that are read for a view: the latest. Distributed Maps inside others may have thousands.
const MAP_RUNS_MAX: usize = 1_000;

/// Describes an execution.
pub struct DescribeExecution;

/// A request of [`DescribeExecution`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeExecutionRequest {
    /// The execution's id.
    pub id: String,
    /// Fold only the entries that were shown already, so that a display can print the later ones.
    #[serde(default)]
    pub as_shown: bool,
}

/// The response of [`DescribeExecution`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeExecutionResponse {
    /// The header.
    pub execution: ExecutionHeader,
    /// Its frames.
    pub frames: Vec<FrameRow>,
    /// The pinned definition.
    pub definition: Value,
    /// The view that displays show.
    pub view: View,
    /// Whether the owner runs it now.
    pub driven: bool,
}

impl Operation for DescribeExecution {
    const NAME: &'static str = "Flow.DescribeExecution";
    type Request = DescribeExecutionRequest;
    type Response = DescribeExecutionResponse;

    async fn answer(api: &Api, request: DescribeExecutionRequest) -> Result<DescribeExecutionResponse, Fault> {
        let DescribeExecutionRequest { id, as_shown } = request;
        let store = api.runner.store();
        let missing = || Fault::no_execution(&id);
        // Asked for first: an execution that ends between the two reads is described by its end, never as one that nobody drives.
        let driven = !api.runner.driven(vec![id.clone()]).await.is_empty();
        // The frames match the header. Later changes are in the journal.
        let StoredExecution { header: execution, frames, .. } = store.load_consistent(&id)?.ok_or_else(missing)?;
        let (_, definition) = store.definition(&id)?.ok_or_else(missing)?;
        let mut view = View::new(&execution, &definition);
        let last = if as_shown { api.shown(&id)?.min(execution.last_sequence) } else { execution.last_sequence };
        fold(api, &mut view, last)?;
        if !as_shown {
            view.paused = execution.paused;
            view.apply_frames(&frames, execution.deadline_ms);
            if view.lacks_map_runs() {
                view.apply_map_runs(&store.map_runs_before(&id, execution.next_frame_id, MAP_RUNS_MAX)?);
            }
        }
        Ok(DescribeExecutionResponse { execution, frames, definition, view, driven })
    }
}

/// Folds the journal up to a sequence into a view, page by page: a history has up to 25,000 events.
fn fold(api: &Api, view: &mut View, last: u64) -> Result<(), Fault> {
    while view.last_sequence < last {
        let entries = api.runner.store().entries(&view.id, view.last_sequence + 1, RECORD_ENTRIES_MAX)?;
        if entries.is_empty() {
            break;
        }
        entries.iter().take_while(|entry| entry.sequence <= last).for_each(|entry| view.fold(entry));
    }
    Ok(())
}
