//! The interface that the API needs from its process: environments of executions, and steps.

use async_trait::async_trait;
use futures::{StreamExt, stream::BoxStream};
use serde_json::Value;

use crate::Fault;

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

/// A line that a running program printed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProgramLine {
    /// The execution's id.
    pub execution: String,
    /// The path of the Task.
    pub state_path: String,
    /// The attempt within the visit, from 1.
    pub attempt: u32,
    /// Whether it was printed on standard error.
    pub is_error: bool,
    /// The line without its end.
    pub text: String,
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
    /// The AWS profile with which it was started; `None` without one, and from an owner of an earlier version.
    pub profile: Option<String>,
    /// Whether it only reads, and drives nothing.
    pub only_reads: bool,
    /// The kind of the owner; `None` from an owner of an earlier version: [`OwnerDescription::kind`] derives it.
    pub kind: Option<OwnerKind>,
}

/// The relation of an owner's command to the executions of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OwnerKind {
    /// Drives executions until a signal ends it.
    Server,
    /// Drives executions, and ends after its own execution has ended.
    Driver,
    /// Drives no executions of its own, and ends soon. A kind that a later version adds is read as this one.
    #[serde(other)]
    Other,
}

impl OwnerKind {
    /// The kind of an owner of an earlier version, which describes only its command.
    fn of_command(command: &str) -> Self {
        match command.split(' ').nth(1) {
            Some("serve") => OwnerKind::Server,
            Some("run" | "resume") => OwnerKind::Driver,
            _ => OwnerKind::Other,
        }
    }
}

impl OwnerDescription {
    /// The kind of the owner.
    pub fn kind(&self) -> OwnerKind {
        self.kind.unwrap_or_else(|| OwnerKind::of_command(&self.command))
    }

    /// Whether it drives executions.
    pub fn drives(&self) -> bool {
        !self.only_reads && matches!(self.kind(), OwnerKind::Server | OwnerKind::Driver)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

    use super::{OwnerDescription, OwnerKind};

    fn read(description: Value) -> OwnerDescription {
        serde_json::from_value(description).unwrap()
    }

    #[test]
    fn the_kind_of_an_owner_is_what_it_says() {
        let server = OwnerDescription { kind: Some(OwnerKind::Server), ..OwnerDescription::default() };
        assert_eq!(serde_json::to_value(&server).unwrap()["kind"], "server");
        let described = read(json!({ "command": "flow run", "kind": "server" }));
        assert_eq!((described.kind(), described.drives()), (OwnerKind::Server, true));
        let described = read(json!({ "command": "flow serve", "kind": "other" }));
        assert_eq!((described.kind(), described.drives()), (OwnerKind::Other, false));
        let described = read(json!({ "command": "flow run", "kind": "driver", "onlyReads": true }));
        assert!(!described.drives());
    }

    #[test]
    fn the_kind_of_an_owner_of_another_version_is_known() {
        for (command, kind) in [
            ("flow serve", OwnerKind::Server),
            ("flow run", OwnerKind::Driver),
            ("flow resume", OwnerKind::Driver),
            ("flow approve", OwnerKind::Other),
            ("flow", OwnerKind::Other),
        ] {
            assert_eq!(read(json!({ "command": command })).kind(), kind, "{command}");
        }
        assert_eq!(read(json!({ "command": "flow serve", "kind": "replica" })).kind(), OwnerKind::Other);
    }
}
