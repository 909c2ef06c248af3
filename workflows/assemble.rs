//! Assembles a plain ASL document from a main definition and its sections.

use std::path::PathBuf;

use serde_json::{Map, Value};
use serde_saphyr::DuplicateKeyPolicy;

use crate::{keys::LostPart, plain_words::plain, template::TemplateMachine};

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
        /// Line and column, counted from 1.
        position: Option<(usize, usize)>,
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
    /// A parser would drop parts of the text: an object has a key twice, or a value has a tag.
    #[error("{name}: {}", listed(parts))]
    LostParts {
        /// The file.
        name: String,
        /// Every such part.
        parts: Vec<LostPart>,
        /// The definition without them, to find its other problems.
        definition: Option<Box<Value>>,
        /// Why the definition cannot be assembled, if it cannot.
        unassembled: Option<String>,
    },
    /// A template of AWS SAM or CloudFormation.
    #[error(
        "{name} is a template of AWS SAM or CloudFormation, not a state machine. State machines in it: {}",
        listed(machines)
    )]
    Template {
        /// The file.
        name: String,
        /// Its state machines.
        machines: Vec<TemplateMachine>,
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

/// Why a text is not JSON or YAML.
pub(crate) struct SyntaxProblem {
    /// The parser's message, with line and column.
    pub message: String,
    /// Line and column, counted from 1.
    pub position: Option<(usize, usize)>,
}

/// Parses JSON.
pub(crate) fn json(text: &str) -> Result<Value, SyntaxProblem> {
    serde_json::from_str(text).map_err(|error| {
        let (line, bytes) = (error.line(), error.column());
        let column = column_in_characters(text, line, bytes);
        let message = error.to_string();
        let message = match message.strip_suffix(&format!(" at line {line} column {bytes}")) {
            Some(reason) => format!("{reason} at line {line} column {column}"),
            None => message,
        };
        SyntaxProblem { message, position: Some((line, column)) }
    })
}

/// A column in characters, from 1. serde_json counts bytes.
fn column_in_characters(text: &str, line: usize, bytes: usize) -> usize {
    let line = text.split('\n').nth(line.saturating_sub(1)).unwrap_or_default();
    line.char_indices().take_while(|(at, _)| *at < bytes).count().max(1)
}

/// Parses YAML 1.2, in which `yes`, `No` and `on` are texts.
pub(crate) fn yaml(text: &str) -> Result<Value, SyntaxProblem> {
    yaml_with(text, DuplicateKeyPolicy::Error)
}

/// Parses YAML as [`yaml`] does. Of a key that an object has twice, the last value is kept.
pub(crate) fn yaml_with_last_of_repeated_keys(text: &str) -> Result<Value, SyntaxProblem> {
    yaml_with(text, DuplicateKeyPolicy::LastWins)
}

fn yaml_with(text: &str, duplicate_keys: DuplicateKeyPolicy) -> Result<Value, SyntaxProblem> {
    let options = serde_saphyr::options! { strict_booleans: true, duplicate_keys: duplicate_keys };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| syntax_problem(&error, text))
}

/// The first line of the parser's error, which shows the lines around it too, and names no file.
fn syntax_problem(error: &serde_saphyr::Error, text: &str) -> SyntaxProblem {
    let all = error.to_string();
    let first = all.lines().next().unwrap_or_default();
    let first = first.strip_prefix("error: ").unwrap_or(first);
    let number = |number: u64| usize::try_from(number).unwrap_or(1);
    let position = error.location().map(|location| (number(location.line()), number(location.column())));
    let Some((line, column)) = position.map(|position| tab_position(first, position, text)) else {
        return SyntaxProblem { message: plain(first).to_owned(), position: None };
    };
    let reason = first.strip_prefix("line ").and_then(|rest| rest.split_once(": ")).map_or(first, |(_, reason)| reason);
    let reason = plain(reason);
    SyntaxProblem { message: format!("line {line} column {column}: {reason}"), position: Some((line, column)) }
}

/// The position of a problem. For a tab in the indentation the parser may report the line above; only its text says that it is a tab.
fn tab_position(message: &str, (line, column): (usize, usize), text: &str) -> (usize, usize) {
    if !message.contains("tab") {
        return (line, column);
    }
    let tab_of = |line: &str| {
        let indentation = line.chars().take_while(|c| c.is_whitespace());
        indentation.enumerate().find(|(_, c)| *c == '\t').map(|(at, _)| at + 1)
    };
    let mut lines = text.lines().enumerate().skip(line.saturating_sub(1)).take(2);
    let found = lines.find_map(|(at, line)| Some((at + 1, tab_of(line)?)));
    found.unwrap_or((line, column))
}

/// Parses YAML into a state machine, without its anchors.
pub(crate) fn parse_yaml(name: &str, text: &str) -> Result<Value, WorkflowError> {
    yaml(text).map(without_anchors).map_err(|problem| problem.of(name))
}

impl SyntaxProblem {
    /// The error of a file.
    pub fn of(self, name: &str) -> WorkflowError {
        WorkflowError::Parse { name: name.to_owned(), message: self.message, position: self.position }
    }
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
