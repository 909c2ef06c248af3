//! What an execution needs from outside, read from its frames.

use engine::{
    machine::{FrameRow, FrameState, Parked},
    step::Approval,
};
use serde::{Deserialize, Serialize};

use super::approval::approval_of;

/// What an execution needs from outside: the first of its Tasks that waits for an answer, those of people first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Needs {
    /// The execution's id.
    pub execution: String,
    /// The path of the state.
    pub state: String,
    /// Who must answer.
    pub answerer: Answerer,
    /// When something is due that needs no answer, in milliseconds since the Unix epoch. The repeated poll of an approval does not count.
    pub next_due_ms: Option<u64>,
}

/// Who must answer a Task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Answerer {
    /// A person, with an approval.
    Person(Box<Approval>),
    /// The holder of the task token.
    TokenHolder,
    /// A worker of the activity, which has not fetched the task yet.
    Worker,
}

impl Needs {
    /// The needs of an execution that has not ended; `None` if it needs no answer. `deadline_ms` is the execution's.
    pub fn of(execution: &str, frames: &[FrameRow], deadline_ms: Option<u64>) -> Option<Self> {
        let mut waiting: Vec<_> = frames.iter().filter_map(|row| Some((row, answerer_of(row)?))).collect();
        // The sort is stable: of one rank, the first frame stays first.
        waiting.sort_by_key(|(_, answerer)| rank(answerer));
        let (row, answerer) = waiting.into_iter().next()?;
        let next_due_ms = frames.iter().filter_map(due_ms).chain(deadline_ms).min();
        Some(Needs { execution: execution.to_owned(), state: row.state_path(), answerer, next_due_ms })
    }
}

fn answerer_of(row: &FrameRow) -> Option<Answerer> {
    match &row.frame_state {
        FrameState::Task { parked: Some(Parked::Token), .. } => Some(Answerer::TokenHolder),
        FrameState::Task { parked: Some(Parked::Offered), .. } => Some(Answerer::Worker),
        _ => approval_of(row).map(|approval| Answerer::Person(Box::new(approval.clone()))),
    }
}

fn rank(answerer: &Answerer) -> u8 {
    match answerer {
        Answerer::Person(_) => 0,
        Answerer::TokenHolder => 1,
        Answerer::Worker => 2,
    }
}

/// When something other than the poll of an approval is due in a frame. A frame that is about to enter its state is due at once.
fn due_ms(row: &FrameRow) -> Option<u64> {
    match &row.frame_state {
        FrameState::Entering => Some(0),
        FrameState::Waiting { due_ms } | FrameState::Backoff { due_ms, .. } => Some(*due_ms),
        FrameState::Task { deadline_ms, .. } if approval_of(row).is_some() => *deadline_ms,
        FrameState::Task { next_poll_ms, deadline_ms, heartbeat, .. } => {
            let heartbeat_ms = heartbeat.as_ref().and_then(|heartbeat| heartbeat.due_ms);
            next_poll_ms.iter().chain(deadline_ms).chain(&heartbeat_ms).copied().min()
        }
        _ => None,
    }
}
