//! ARNs of this API's resources.

use crate::{Api, Fault, records::StartedExecution};

/// The kinds of ARNs of Step Functions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Resource {
    /// `stateMachine:NAME[:QUALIFIER]`; the qualifier is a version's number or an alias's name.
    StateMachine { name: String, qualifier: Option<String> },
    /// `execution:MACHINE:NAME` or `express:MACHINE:NAME:ID`. The id is what follows the kind; for an execution that
    /// `flow run` started it is NAME alone.
    Execution { id: String },
    /// `activity:NAME`.
    Activity { name: String },
    /// `mapRun:MACHINE/LABEL:ID`.
    MapRun(MapRunName),
    /// `execution:MACHINE/LABEL:NAME` or `express:MACHINE/LABEL:NAME`: a child execution of a map run.
    Child(MapRunName),
}

/// The name of a map run or of one of its child executions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MapRunName {
    pub machine: String,
    pub label: String,
    /// The UUID of the map run or of the child execution.
    pub id: String,
    /// Whether the ARN names an EXPRESS child execution.
    pub is_express: bool,
}

/// Reads an ARN.
pub(crate) fn parse(arn: &str) -> Result<Resource, Fault> {
    let invalid = || Fault::new("InvalidArn", format!("Invalid Arn: '{arn}'"));
    if !arn.starts_with("arn:") {
        return Err(Fault::new("InvalidArn", format!("Invalid Arn: 'Invalid ARN prefix: {arn}'")));
    }
    let parts: Vec<&str> = arn.splitn(7, ':').collect();
    let ["arn", _, "states", _, _, kind, rest] = parts.as_slice() else { return Err(invalid()) };
    if rest.contains('/') {
        return below_machine(kind, rest).ok_or_else(invalid);
    }
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

/// Parses the rest of an ARN that has a label after the state machine's name.
fn below_machine(kind: &str, rest: &str) -> Option<Resource> {
    let (machine, label_and_id) = rest.split_once('/')?;
    let (label, id) = label_and_id.split_once(':')?;
    if ![machine, label, id].iter().all(|name| engine::store::is_name(name)) {
        return None;
    }
    let [machine, label, id] = [machine, label, id].map(str::to_owned);
    let name = MapRunName { machine, label, id, is_express: kind == "express" };
    match kind {
        "mapRun" => Some(Resource::MapRun(name)),
        "execution" | "express" => Some(Resource::Child(name)),
        _ => None,
    }
}

impl Api {
    fn arn(&self, rest: &str) -> String {
        format!("{}:{rest}", self.arn_prefix())
    }

    /// The common prefix of all ARNs.
    pub(crate) fn arn_prefix(&self) -> String {
        format!("arn:aws:states:{}:{}", self.options.region, self.options.account_id)
    }

    pub(crate) fn state_machine_arn(&self, name: &str) -> String {
        self.arn(&format!("stateMachine:{name}"))
    }

    pub(crate) fn qualified_arn(&self, name: &str, qualifier: &str) -> String {
        self.arn(&format!("stateMachine:{name}:{qualifier}"))
    }

    /// The ARN of an execution with its API document.
    pub(crate) fn arn_of(&self, id: &str, started: &StartedExecution) -> String {
        match id.contains(':') {
            true => self.execution_arn(id),
            false => self.execution_arn(&started.qualified_name()),
        }
    }

    /// The ARN of an execution, from an id or a qualified name of the form `MACHINE:NAME`.
    pub(crate) fn execution_arn(&self, id: &str) -> String {
        let kind = if id.split(':').count() > 2 { "express" } else { "execution" };
        self.arn(&format!("{kind}:{id}"))
    }

    pub(crate) fn activity_arn(&self, name: &str) -> String {
        self.arn(&format!("activity:{name}"))
    }
}

/// The fault for an ARN that names another kind of resource than the operation expects.
pub(crate) fn wrong_kind(arn: &str) -> Fault {
    let kind = arn.split(':').nth(5).unwrap_or_default();
    Fault::new("InvalidArn", format!("Invalid Arn: 'Resource type not valid in this context: {kind}'"))
}

/// The state machine's name in an unqualified ARN. AWS reports no state machine for a qualified one.
pub(crate) fn state_machine(arn: &str) -> Result<String, Fault> {
    match parse(arn)? {
        Resource::StateMachine { name, qualifier: None } => Ok(name),
        Resource::StateMachine { .. } => Err(Fault::no_state_machine_with(arn)),
        _ => Err(wrong_kind(arn)),
    }
}

/// The name and the qualifier in the ARN of a version or an alias.
pub(crate) fn qualified(arn: &str) -> Result<(String, String), Fault> {
    match parse(arn)? {
        Resource::StateMachine { name, qualifier: Some(qualifier) } => Ok((name, qualifier)),
        Resource::StateMachine { .. } => Err(Fault::new("InvalidArn", format!("Invalid Arn: '{arn}'"))),
        _ => Err(wrong_kind(arn)),
    }
}

/// The engine's id of the execution that an ARN names.
pub(crate) fn execution(arn: &str) -> Result<String, Fault> {
    match parse(arn)? {
        Resource::Execution { id } => Ok(id),
        _ => Err(wrong_kind(arn)),
    }
}

/// Like [`execution`], for operations that AWS supports for STANDARD executions only.
pub(crate) fn standard_execution(arn: &str) -> Result<String, Fault> {
    match execution(arn)? {
        id if id.split(':').count() == 2 => Ok(id),
        _ => Err(wrong_kind(arn)),
    }
}

/// The activity's name in an ARN.
pub(crate) fn activity(arn: &str) -> Result<String, Fault> {
    match parse(arn)? {
        Resource::Activity { name } => Ok(name),
        _ => Err(wrong_kind(arn)),
    }
}
