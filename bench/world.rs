//! A runner over a store in a folder, and steps that answer about 100 bytes.

use std::{path::Path, sync::Arc, time::Duration};

use engine::{
    machine::{ExecutionHeader, ExecutionStatus},
    runner::{Clock, NewExecution, RunnerHandle, RunnerOptions, SystemClock},
    step::{Answer, Registry, StepContext},
    store::{Definition, LoggedRecords, Store},
};
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;

use super::BenchError;

/// The name of the step in a `Resource`.
pub(crate) const STEP: &str = "flow:bench:step";

/// The time that calls in flight may take at the end of a workload. Its steps answer at once.
pub(crate) const DRAIN_MAX: Duration = Duration::from_secs(10);

/// The number of executions that may end before the workload has received the first of them.
const SETTLED_KEPT: usize = 16_384;

/// A runner over a store in a folder.
pub(crate) fn runner(folder: &Path) -> Result<RunnerHandle, BenchError> {
    let mut registry = Registry::new();
    registry.register("bench:step", "Answers about 100 bytes", &[], |context: StepContext, _: Value| async move {
        Ok(Answer::done(json!({
            "arn": "arn:aws:service:us-east-1:111111111111:resource/0123456789abcdef0",
            "state": "available",
            "visit": context.visit,
        })))
    });
    let store = Arc::new(Store::new(LoggedRecords::open(&folder.join("store"))?)?);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let options = RunnerOptions { settled_kept: SETTLED_KEPT, ..RunnerOptions::default() };
    Ok(engine::runner::start(store, Arc::new(registry), clock, options))
}

/// An execution of a definition.
pub(crate) fn new(id: &str, workflow: &str, definition: &Definition) -> NewExecution {
    NewExecution::new(id, workflow, definition.clone(), json!({ "shop": "example" }))
}

/// A definition of `count` Tasks in sequence.
pub(crate) fn tasks(count: usize) -> Value {
    let state = |index: usize| {
        let mut state = json!({ "Type": "Task", "Resource": STEP });
        match index + 1 < count {
            true => state["Next"] = format!("Step {}", index + 2).into(),
            false => state["End"] = true.into(),
        }
        (format!("Step {}", index + 1), state)
    };
    let states: serde_json::Map<String, Value> = (0..count).map(state).collect();
    json!({ "StartAt": "Step 1", "States": states })
}

/// Runs one execution until it ends.
pub(crate) async fn run(runner: &RunnerHandle, new: NewExecution) -> Result<(), BenchError> {
    let mut settled = runner.settled();
    runner.start_execution(new).await?;
    wait_for(&mut settled, 1).await
}

/// Waits until `count` executions have succeeded.
pub(crate) async fn wait_for(settled: &mut Receiver<Arc<ExecutionHeader>>, count: usize) -> Result<(), BenchError> {
    for _ in 0..count {
        let header = settled.recv().await.map_err(|error| BenchError::Failed(error.to_string()))?;
        if header.status != ExecutionStatus::Succeeded {
            return Err(BenchError::Failed(header.id.clone()));
        }
    }
    Ok(())
}
