//! Assembles a plain ASL document from a main definition and its sections.

use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::keys::RepeatedKey;

/// Why a definition cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum WorkflowError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// The text is not JSON or YAML.
    #[error("{name} cannot be parsed: {message}")]
    Parse {
        /// The file, or the part of a shipped workflow.
        name: String,
        /// The parser's message, with line and column.
        message: String,
    },
    /// A `Branches` entry names a section that does not exist.
    #[error("{name} names the section {section}, which does not exist")]
    MissingSection {
        /// The part that names it.
        name: String,
        /// The name of the missing section.
        section: String,
    },
    /// Sections refer to each other in a cycle, or are nested too deeply.
    #[error("{name}: sections are nested more than {NESTING_MAX} deep; does one name itself?")]
    TooDeep {
        /// The part at which the limit was reached.
        name: String,
    },
    /// An object has a key twice: one of the two values would be lost.
    #[error("{name}: {}", listed(keys))]
    RepeatedKeys {
        /// The file.
        name: String,
        /// Every repeated key.
        keys: Vec<RepeatedKey>,
    },
    /// A template of AWS SAM or CloudFormation.
    #[error(
        "{name} is a template of AWS SAM or CloudFormation, not a state machine. State machines in it: {}",
        listed(machines)
    )]
    Template {
        /// The file.
        name: String,
        /// Its state machines, each with the location of its definition.
        machines: Vec<String>,
    },
    /// The definition is not an object with `States`.
    #[error("{name} is not a state machine: it is not an object")]
    NotAnObject {
        /// The file, or the part of a shipped workflow.
        name: String,
    },
}

fn listed<T: ToString>(items: &[T]) -> String {
    match items {
        [] => "none".to_owned(),
        _ => items.iter().map(T::to_string).collect::<Vec<_>>().join("; "),
    }
}

/// The deepest nesting of sections. Deeper nesting is taken for a cycle.
pub(crate) const NESTING_MAX: usize = 16;

/// The key under which YAML files define values for reuse. It is not part of the language.
const ANCHORS: &str = "Anchors";

/// Parses YAML 1.2, in which `yes`, `No` and `on` are texts. The error is the parser's message, with line and column.
pub(crate) fn yaml(text: &str) -> Result<Value, String> {
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| error.to_string())
}

/// Parses YAML into a state machine, without its anchors.
pub(crate) fn parse_yaml(name: &str, text: &str) -> Result<Value, WorkflowError> {
    yaml(text).map(without_anchors).map_err(|message| WorkflowError::Parse { name: name.to_owned(), message })
}

/// Removes the key with the anchors.
pub(crate) fn without_anchors(mut value: Value) -> Value {
    if let Value::Object(machine) = &mut value {
        machine.shift_remove(ANCHORS);
    }
    value
}

/// Replaces every `Branches` entry that is a string by the machine that `section` returns for it, at any depth.
pub(crate) fn assemble<F>(name: &str, machine: Value, section: &F) -> Result<Value, WorkflowError>
where
    F: Fn(&str) -> Result<Value, WorkflowError>,
{
    machine_with_sections(name, machine, section, 0)
}

fn machine_with_sections<F>(name: &str, machine: Value, section: &F, depth: usize) -> Result<Value, WorkflowError>
where
    F: Fn(&str) -> Result<Value, WorkflowError>,
{
    if depth > NESTING_MAX {
        return Err(WorkflowError::TooDeep { name: name.to_owned() });
    }
    let Value::Object(mut machine) = machine else {
        return Err(WorkflowError::NotAnObject { name: name.to_owned() });
    };
    if let Some(Value::Object(states)) = machine.get_mut("States") {
        for state in states.values_mut() {
            if let Value::Object(state) = state {
                state_with_sections(name, state, section, depth)?;
            }
        }
    }
    Ok(Value::Object(machine))
}

fn state_with_sections<F>(
    name: &str,
    state: &mut Map<String, Value>,
    section: &F,
    depth: usize,
) -> Result<(), WorkflowError>
where
    F: Fn(&str) -> Result<Value, WorkflowError>,
{
    if let Some(Value::Array(branches)) = state.get_mut("Branches") {
        for branch in branches {
            *branch = match branch.take() {
                Value::String(reference) => {
                    machine_with_sections(&reference, section(&reference)?, section, depth + 1)?
                }
                inline => machine_with_sections(name, inline, section, depth + 1)?,
            };
        }
    }
    for key in ["ItemProcessor", "Iterator"] {
        if let Some(processor) = state.get_mut(key) {
            *processor = machine_with_sections(name, processor.take(), section, depth + 1)?;
        }
    }
    Ok(())
}
