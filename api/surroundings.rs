//! What the process around the API knows and the API does not: where executions act, and what steps answer.

use async_trait::async_trait;
use futures::{StreamExt, stream::BoxStream};
use serde_json::Value;

use crate::{Fault, flow::ProgramLine};

/// The process around an API.
#[async_trait]
pub trait Surroundings: Send + Sync + 'static {
    /// Where an execution acts that a client of the API starts; pinned in its header. `needs_account`: whether its definition calls
    /// AWS.
    async fn environment(&self, needs_account: bool) -> Value;

    /// Verifies that this process can act where an environment says, in that account and region.
    ///
    /// # Errors
    /// It cannot: the fault names what is pinned and what is in use.
    async fn verify(&self, environment: &Value) -> Result<(), Fault>;

    /// Whether a Task's `Resource` acts on an AWS account.
    fn needs_account(&self, resource: &str) -> bool;

    /// Whether there is a step for a Task's `Resource`.
    fn has_step(&self, resource: &str) -> bool;

    /// What keeps a value from being the output of the step behind a `Resource`, one line for each problem; empty where the step has
    /// no schema.
    fn problems_of_output(&self, resource: &str, output: &Value) -> Vec<String>;

    /// The lines that the programs of this process print from now on. None where it runs no programs.
    fn follow_program_lines(&self) -> BoxStream<'static, ProgramLine> {
        futures::stream::pending().boxed()
    }

    /// What keeps a value from fitting a JSON schema, one line for each problem.
    fn problems_of_value(&self, schema: &Value, value: &Value) -> Vec<String>;

    /// What this process calls itself, for messages of other processes.
    fn owner(&self) -> OwnerDescription;
}

/// The process that owns a store.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OwnerDescription {
    /// The program's version.
    pub version: String,
    /// The process.
    pub pid: u32,
    /// Its command, without arguments.
    pub command: String,
}
