//! Runs a definition against mocked answers, in memory, without calls and without waiting.

pub mod mocks;

use std::sync::Arc;

use engine::{
    journal::JournalEntry,
    machine::{ExecutionHeader, Reentry},
    runner::{ManualClock, NewExecution, RunnerOptions},
    store::{MemoryRecords, Store},
};
use serde_json::Value;

use crate::{
    exit::CliError,
    trial::mocks::{MockedSteps, Mocks},
};

/// The execution's id: it is the only one in its store.
const ID: &str = "test";

/// The result of a run.
pub struct Trial {
    /// The header.
    pub header: ExecutionHeader,
    /// The journal.
    pub entries: Vec<JournalEntry>,
}

/// Runs a definition to its end. [`crate::trial::mocks::mocked`] must have replaced its calls. `from` is the state at which it
/// starts; empty for `StartAt`.
///
/// # Errors
/// The definition cannot run.
pub async fn run(mocks: Mocks, definition: &Value, input: Value, from: Vec<Reentry>) -> Result<Trial, CliError> {
    let refused = |error: String| CliError::refused(error);
    let store = Arc::new(Store::new(MemoryRecords::new()).map_err(|error| refused(error.to_string()))?);
    let steps = Arc::new(MockedSteps(Arc::new(mocks)));
    let runner = engine::runner::start(store.clone(), steps, Arc::new(ManualClock::new(0)), RunnerOptions::default());
    let new = NewExecution { from, ..NewExecution::new(ID, ID, definition, input) };
    let mut follow = runner.follow(ID, 1);
    runner.start_execution(new).await.map_err(|error| refused(error.to_string()))?;
    let header = follow.settled().await.map_err(|error| refused(error.to_string()))?;
    let header = Arc::unwrap_or_clone(header);
    let limit = usize::try_from(header.last_sequence).unwrap_or(usize::MAX);
    let entries = store.entries(ID, 1, limit).map_err(|error| refused(error.to_string()))?;
    Ok(Trial { header, entries })
}
