//! ARNs of this API's resources.

use crate::{Api, Fault};

/// What an ARN of Step Functions names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Resource {
    /// `stateMachine:NAME[:QUALIFIER]`; the qualifier is a version's number or an alias's name.
    StateMachine { name: String, qualifier: Option<String> },
    /// `execution:MACHINE:NAME` or `express:MACHINE:NAME:ID`: the id in the engine is what follows the kind.
    Execution { id: String },
    /// `activity:NAME`.
    Activity { name: String },
}

/// Reads an ARN.
pub(crate) fn parse(arn: &str) -> Result<Resource, Fault> {
    let invalid = || Fault::new("InvalidArn", format!("Invalid Arn: '{arn}'"));
    let parts: Vec<&str> = arn.splitn(7, ':').collect();
    let ["arn", _, "states", _, _, kind, rest] = parts.as_slice() else { return Err(invalid()) };
    let names: Vec<&str> = rest.split(':').collect();
    if !names.iter().all(|name| engine::store::is_name(name)) {
        return Err(invalid());
    }
    match (*kind, names.as_slice()) {
        ("stateMachine", [name]) => Ok(Resource::StateMachine { name: (*name).to_owned(), qualifier: None }),
        ("stateMachine", [name, qualifier]) => {
            Ok(Resource::StateMachine { name: (*name).to_owned(), qualifier: Some((*qualifier).to_owned()) })
        }
        ("execution", [_, _]) | ("express", [_, _, _]) => Ok(Resource::Execution { id: (*rest).to_owned() }),
        ("activity", [name]) => Ok(Resource::Activity { name: (*name).to_owned() }),
        _ => Err(invalid()),
    }
}

impl Api {
    fn arn(&self, rest: &str) -> String {
        format!("{}:{rest}", self.arn_prefix())
    }

    /// What all ARNs begin with.
    pub(crate) fn arn_prefix(&self) -> String {
        format!("arn:aws:states:{}:{}", self.options.region, self.options.account_id)
    }

    pub(crate) fn state_machine_arn(&self, name: &str) -> String {
        self.arn(&format!("stateMachine:{name}"))
    }

    pub(crate) fn qualified_arn(&self, name: &str, qualifier: &str) -> String {
        self.arn(&format!("stateMachine:{name}:{qualifier}"))
    }

    pub(crate) fn execution_arn(&self, id: &str) -> String {
        let kind = if id.split(':').count() > 2 { "express" } else { "execution" };
        self.arn(&format!("{kind}:{id}"))
    }

    pub(crate) fn activity_arn(&self, name: &str) -> String {
        self.arn(&format!("activity:{name}"))
    }
}

/// The name in the ARN of a state machine without a qualifier.
pub(crate) fn state_machine(arn: &str) -> Result<String, Fault> {
    match parse(arn)? {
        Resource::StateMachine { name, qualifier: None } => Ok(name),
        _ => Err(Fault::new("InvalidArn", format!("Invalid State Machine Arn: '{arn}'"))),
    }
}

/// Name and qualifier in the ARN of a version or an alias.
pub(crate) fn qualified(arn: &str) -> Result<(String, String), Fault> {
    match parse(arn)? {
        Resource::StateMachine { name, qualifier: Some(qualifier) } => Ok((name, qualifier)),
        _ => Err(Fault::new("InvalidArn", format!("Invalid Arn: '{arn}' names neither a version nor an alias"))),
    }
}

/// The engine's id in the ARN of an execution.
pub(crate) fn execution(arn: &str) -> Result<String, Fault> {
    match parse(arn)? {
        Resource::Execution { id } => Ok(id),
        _ => Err(Fault::new("InvalidArn", format!("Invalid Execution Arn: '{arn}'"))),
    }
}

/// The name in the ARN of an activity.
pub(crate) fn activity(arn: &str) -> Result<String, Fault> {
    match parse(arn)? {
        Resource::Activity { name } => Ok(name),
        _ => Err(Fault::new("InvalidArn", format!("Invalid Activity Arn: '{arn}'"))),
    }
}
