//! Records the last journal entry of an execution that a person has seen, so that the next display prints only newer entries. Also tracks
//! executions whose end nobody has seen.

use engine::machine::ExecutionStatus;
use serde::{Deserialize, Serialize};

use super::Empty;
use crate::{
    Api, Fault, Operation,
    records::{received_key, shown_key},
};

/// Records what was shown.
pub struct MarkShown;

/// A request of [`MarkShown`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MarkShownRequest {
    /// The execution's id.
    pub id: String,
    /// The sequence of the last journal entry that was shown.
    pub sequence: u64,
    /// Whether the display continues: then only this is recorded, so that a resume after a crash prints no line again.
    #[serde(default)]
    pub continues: bool,
}

impl Api {
    /// Records that the parent of a nested execution has received its end. `flow resume --all` then does not report the end: the parent
    /// reports its consequence.
    pub(crate) async fn note_received(&self, id: &str) -> Result<(), Fault> {
        let header = self.header_of(id)?;
        // A success is reported only where the execution is tracked.
        if header.status != ExecutionStatus::Succeeded && self.received(id)? < header.last_sequence {
            self.put(&received_key(id), &header.last_sequence)?;
        }
        self.end_tracking(id).await
    }

    /// The sequence of the end that the parent of a nested execution received; 0 where it received none.
    pub(super) fn received(&self, id: &str) -> Result<u64, Fault> {
        Ok(self.runner.store().document(&received_key(id))?.unwrap_or_default())
    }

    /// The sequence of the last journal entry that was shown; 0 where none was.
    pub(crate) fn shown(&self, id: &str) -> Result<u64, Fault> {
        Ok(self.runner.store().document(&shown_key(id))?.unwrap_or_default())
    }
}

impl Operation for MarkShown {
    const NAME: &'static str = "Flow.MarkShown";
    type Request = MarkShownRequest;
    type Response = Empty;

    async fn answer(api: &Api, request: MarkShownRequest) -> Result<Empty, Fault> {
        let MarkShownRequest { id, sequence, continues } = request;
        let header = api.header_of(&id)?;
        if continues {
            if header.status == ExecutionStatus::Running && api.shown(&id)? < sequence {
                api.put(&shown_key(&id), &sequence)?;
            }
            return Ok(Empty {});
        }
        // Also of a successful execution: a `flow resume --all` that listed it before its end must not report that end again.
        if api.shown(&id)? < sequence {
            api.put(&shown_key(&id), &sequence)?;
        }
        match header.status {
            ExecutionStatus::Running => api.track(id).await?,
            _ => api.end_tracking(&id).await?,
        }
        Ok(Empty {})
    }
}
