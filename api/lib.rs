//! The AWS Step Functions API over the engine, and operations of our own beside it (`flow`). Every operation is typed once
//! ([`Operation`]) and answered once, for a caller in this process and for one at the other end of a wire. Transport, credentials
//! and addresses are the caller's. Source of the shapes: Step Functions API Reference, version 2016-11-23.

mod activities;
mod adoption;
mod aliases;
mod arn;
mod checked_definition;
mod definition;
mod definition_cache;
mod deletion;
mod executions;
mod fault;
pub mod flow;
mod history;
mod integrations;
mod locks;
mod machine_cache;
mod malformed;
mod map_runs;
mod operation;
mod paging;
mod records;
mod request;
mod state_machines;
mod states;
mod step_functions;
mod surroundings;
mod tags;
mod tasks;
mod test_state;
#[cfg(test)]
mod tests;
mod variables;
mod versions;
pub mod view;

use std::sync::Arc;

use engine::runner::RunnerHandle;
use serde_json::Value;
use tokio::sync::Mutex;

pub use checked_definition::CheckedDefinition;
pub use fault::Fault;
pub use flow::state_machine_name;
pub use integrations::INTEGRATIONS;
pub use operation::{Operation, StreamOperation};
pub use records::documents_of;
pub use surroundings::{OwnerDescription, Surroundings};

/// What the names of Step Functions' targets (`X-Amz-Target`) begin with.
pub const TARGET_PREFIX: &str = "AWSStepFunctions.";

/// The kind of the fault of an environment whose credentials are missing, expired or refused: new ones help.
pub const CREDENTIALS_UNUSABLE: &str = "CredentialsUnusable";

/// What an API needs to know of the process around it.
#[derive(Clone)]
pub struct ApiOptions {
    /// The region in ARNs, such as `us-east-1`.
    pub region: String,
    /// The account in ARNs, 12 digits.
    pub account_id: String,
    /// Where executions act and what steps answer.
    pub surroundings: Arc<dyn Surroundings>,
}

/// The operations.
pub struct Api {
    runner: RunnerHandle,
    options: ApiOptions,
    definitions: definition_cache::DefinitionCache,
    machines: machine_cache::MachineCache,
    /// Held by whoever reads documents in order to change them.
    changing: Mutex<()>,
    /// Held by whoever starts or redrives the execution of a name.
    starting: locks::Locks,
}

type Answer = Result<Value, Fault>;

impl Api {
    /// The API over a runner and its store; over an idle store with [`RunnerHandle::idle`].
    pub fn new(runner: RunnerHandle, options: ApiOptions) -> Self {
        let store = runner.shared_store();
        runner.know_activities(move |arn| activities::exists(&store, arn));
        Api {
            runner,
            options,
            definitions: definition_cache::DefinitionCache::default(),
            machines: machine_cache::MachineCache::default(),
            changing: Mutex::default(),
            starting: locks::Locks::default(),
        }
    }

    /// Answers an operation of Step Functions, named without the prefix of its target.
    ///
    /// # Errors
    /// The fault that AWS would answer with.
    pub async fn call(&self, operation: &str, input: &[u8]) -> Answer {
        step_functions::answer(self, operation, input).await
    }

    /// The store.
    pub fn shared_store(&self) -> Arc<engine::store::Store> {
        self.runner.shared_store()
    }

    /// Returns when the engine has answered a message: never while it is blocked.
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
