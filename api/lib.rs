//! The AWS Step Functions API over the engine, and flow's own operations (`flow`). Every operation is typed once ([`Operation`]). One
//! function answers it, for callers in this process and over the wire. The caller provides transport, credentials and addresses. Source of
//! the shapes: Step Functions API Reference, version 2016-11-23.

mod activities;
mod adoption;
mod aliases;
mod arn;
mod checked_definition;
mod definition;
mod definition_cache;
mod executions;
mod fault;
pub mod flow;
mod history;
mod host;
mod integrations;
mod locks;
mod machine_cache;
mod machine_deletion;
mod malformed;
mod map_runs;
mod operation;
mod paging;
mod records;
mod rejection;
mod request;
mod state_machines;
mod step_functions;
mod tags;
mod tasks;
mod test_state;
#[cfg(test)]
mod tests;
mod uuid;
mod variables;
mod versions;
pub mod view;

use std::sync::Arc;

use engine::runner::RunnerHandle;
use serde_json::Value;
use tokio::sync::Mutex;

pub use checked_definition::CheckedDefinition;
pub use fault::{
    ALREADY_ANSWERED, APPROVAL_DOES_NOT_WAIT, CALL_RUNS, CREDENTIALS_UNUSABLE, ENVIRONMENT_REFUSED,
    ENVIRONMENT_UNREACHABLE, Fault, HAS_ENDED, INTERNAL_FAILURE, IS_APPROVAL, IS_OF_ACTIVITY, MALFORMED_QUESTION,
    REFUSED, RUNBOOK_NOT_COMPLETED, STATE_DOES_NOT_EXIST, SUBJECT_BUSY, TASK_TIMED_OUT, UNAVAILABLE,
};
pub use flow::{NAME_CHARACTERS_MAX, id_problem, state_machine_name};
pub use host::{Host, OwnerDescription, OwnerKind, ProgramLine};
pub use integrations::INTEGRATIONS;
pub use operation::{Access, Cost, Operation, OperationInfo, StreamOperation};
pub use records::documents_of;
pub use rejection::REJECTED;

/// The prefix of Step Functions' targets (`X-Amz-Target`).
pub const TARGET_PREFIX: &str = "AWSStepFunctions.";

/// The settings of an API.
#[derive(Clone)]
pub struct ApiOptions {
    /// The region in ARNs, such as `us-east-1`.
    pub region: String,
    /// The account in ARNs, 12 digits.
    pub account_id: String,
    /// The environments and the steps of this process.
    pub host: Arc<dyn Host>,
}

/// The operations.
pub struct Api {
    runner: RunnerHandle,
    options: ApiOptions,
    definitions: definition_cache::DefinitionCache,
    machines: machine_cache::MachineCache,
    /// Held while documents are read, changed and written.
    changing: Mutex<()>,
    /// Held while the execution of a name is started or redriven.
    starting: locks::Locks,
}

type Answer = Result<Value, Fault>;

/// The operation of a target, which may be one of Step Functions or of flow.
pub fn operation_info(target: &str) -> Option<&'static OperationInfo> {
    let mut operations = step_functions::OPERATIONS.iter().chain(flow::OPERATIONS);
    operations.find(|operation| operation.target == target)
}

impl Api {
    /// Creates the API over a runner and its store; over a store that is only read with [`RunnerHandle::without_runner`].
    pub fn new(runner: RunnerHandle, options: ApiOptions) -> Self {
        let store = runner.shared_store();
        runner.set_activities(move |arn| activities::exists(&store, arn));
        Api {
            runner,
            options,
            definitions: definition_cache::DefinitionCache::default(),
            machines: machine_cache::MachineCache::default(),
            changing: Mutex::default(),
            starting: locks::Locks::default(),
        }
    }

    /// Answers an operation of Step Functions, named without [`TARGET_PREFIX`].
    ///
    /// # Errors
    /// The fault that AWS would return.
    pub async fn call(&self, operation: &str, input: &[u8]) -> Answer {
        step_functions::answer(self, operation, input).await
    }

    /// The store.
    pub fn shared_store(&self) -> Arc<engine::store::Store> {
        self.runner.shared_store()
    }

    /// Returns once the engine has answered a message. Does not return while the engine is blocked.
    pub async fn engine_answers(&self) {
        self.runner.ping().await;
    }

    /// Answers an operation for a caller in this process.
    ///
    /// # Errors
    /// The operation's fault.
    pub async fn respond<O: Operation>(&self, request: O::Request) -> Result<O::Response, Fault> {
        O::answer(self, request).await
    }
}
