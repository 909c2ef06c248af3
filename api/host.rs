//! What the API needs from the process that contains it: environments of executions, and steps.

use async_trait::async_trait;
use futures::{StreamExt, stream::BoxStream};
use serde_json::Value;

use crate::{Fault, flow::ProgramLine};

/// The host of an API: the process that contains it.
#[async_trait]
pub trait Host: Send + Sync + 'static {
    /// The environment of an execution that a client of the API starts; pinned in its header. `needs_account` says
    /// whether its definition calls AWS.
    async fn environment(&self, needs_account: bool) -> Value;

    /// Verifies that this process can act in an environment, with the same account and region.
    ///
    /// # Errors
    /// It cannot. The fault names the pinned account and the one in use.
    async fn verify(&self, environment: &Value) -> Result<(), Fault>;

    /// Whether a Task's `Resource` acts in an AWS account.
    fn needs_account(&self, resource: &str) -> bool;

    /// Whether a step exists for a Task's `Resource`.
    fn has_step(&self, resource: &str) -> bool;

    /// The problems of a value as the output of the step of a `Resource`, one line each. Empty if the step has no
    /// schema.
    fn problems_of_output(&self, resource: &str, output: &Value) -> Vec<String>;

    /// Streams the lines that the programs of this process print from now on. Never yields if it runs no programs.
    fn follow_program_lines(&self) -> BoxStream<'static, ProgramLine> {
        futures::stream::pending().boxed()
    }

    /// The problems of a value against a JSON schema, one line each.
    fn problems_of_value(&self, schema: &Value, value: &Value) -> Vec<String>;

    /// The description of this process for messages of other processes.
    fn owner(&self) -> OwnerDescription;
}

/// The process that owns a store.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OwnerDescription {
    /// The program's version.
    pub version: String,
    /// The process id.
    pub pid: u32,
    /// Its command, without arguments.
    pub command: String,
    /// The AWS profile with which it was started. An owner of an earlier version does not say.
    pub profile: Option<String>,
    /// Whether it only reads, and drives nothing.
    pub only_reads: bool,
}
