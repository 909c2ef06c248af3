//! Loads users' definitions from files and from standard input.

use std::{
    io, iter,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    assemble::{WorkflowError, assemble, json, without_anchors, yaml_with_last_of_repeated_keys},
    keys::{LostPart, lost_parts},
    template,
    text::{read_text, read_text_file},
};

/// The path that means standard input.
const STANDARD_INPUT: &str = "-";

/// The endings of definition files, in the order in which they are tried.
pub const DEFINITION_ENDINGS: [&str; 7] = [".asl.yaml", ".asl.yml", ".asl.json", ".asl", ".yaml", ".yml", ".json"];

/// The text of a definition, with its path.
#[derive(Debug, Clone)]
pub struct DefinitionText {
    name: String,
    folder: PathBuf,
    text: String,
    /// The state machine to read from a template.
    machine: Option<String>,
}

impl DefinitionText {
    /// Reads the file at `path`, or standard input if `path` is `-`. Drops a byte order mark.
    ///
    /// # Errors
    /// The file cannot be read, is too large, or is not UTF-8.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, WorkflowError> {
        let path = path.as_ref();
        let text = match path.to_str() {
            Some(STANDARD_INPUT) => read_text(io::stdin()),
            _ => read_text_file(path),
        };
        let text = text.map_err(|source| WorkflowError::Read { path: path.to_owned(), source })?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Ok(DefinitionText { name: path.display().to_string(), folder, text, machine: None })
    }

    /// A text that is in no file yet.
    pub fn of(name: &str, text: &str) -> Self {
        DefinitionText { name: name.to_owned(), folder: Default::default(), text: text.to_owned(), machine: None }
    }

    /// The text, without its byte order mark.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Replaces placeholders such as `${Name}`, as `DefinitionSubstitutions` of AWS SAM does: in the text, before it is parsed.
    pub fn substitute(&mut self, values: &[(String, String)]) {
        for (name, value) in values {
            self.text = self.text.replace(&format!("${{{name}}}"), value);
        }
    }

    /// Selects a state machine inside a template of AWS SAM or CloudFormation.
    pub fn select(&mut self, machine: &str) {
        self.machine = Some(machine.to_owned());
    }

    /// The JSON pointer of the selected state machine's definition in the text; empty if the text is the definition.
    pub fn pointer(&self) -> String {
        let Some(machine) = &self.machine else { return String::new() };
        let template = self.parse_with_last_of_repeated_keys().ok();
        let inside = template.as_ref().and_then(|template| template::inside(template, machine));
        inside.map(|(pointer, _)| pointer).unwrap_or_default()
    }

    /// Parses the definition. A string in `Branches` is the path of another such file, relative to this one and without
    /// its extension, and is replaced by the machine in it. In YAML the top-level key `Anchors` is dropped; it can
    /// define values for reuse.
    ///
    /// # Errors
    /// The text is neither JSON nor YAML, repeats a key, has tags, is a template of another tool, or a section is missing.
    pub fn definition(&self) -> Result<Value, WorkflowError> {
        let name = &self.name;
        let parsed = self.parse_with_last_of_repeated_keys()?;
        let (pointer, machine) = match template::state_machines(&parsed) {
            None => (String::new(), parsed),
            Some(machines) => {
                let selected = self.machine.as_ref().and_then(|machine| template::inside(&parsed, machine));
                let Some((pointer, machine)) = selected else {
                    return Err(WorkflowError::Template { name: name.clone(), machines });
                };
                let selected = self.machine.as_deref().unwrap_or_default();
                let values = template::literal_substitutions(&parsed, selected, &self.lost_parts());
                (pointer, read_inside(name, &template::substituted(machine, &values))?)
            }
        };
        let assembled = assemble(name, machine, &|reference| read_section(name, &self.folder, reference));
        let below = format!("{pointer}/");
        let parts: Vec<_> =
            lost_parts(&self.text).into_iter().filter(|part| part.pointer.starts_with(&below)).collect();
        if parts.is_empty() {
            return assembled;
        }
        let (definition, unassembled) = match assembled {
            Ok(definition) => (Some(Box::new(definition)), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Err(WorkflowError::LostParts { name: name.clone(), parts, definition, unassembled })
    }

    /// The parts that a parser would drop of the text, up to its first syntax error.
    pub fn lost_parts(&self) -> Vec<LostPart> {
        lost_parts(&self.text)
    }

    fn parse(&self) -> Result<Value, WorkflowError> {
        let parts = lost_parts(&self.text);
        if !parts.is_empty() {
            return Err(WorkflowError::LostParts {
                name: self.name.clone(),
                parts,
                definition: None,
                unassembled: None,
            });
        }
        self.parse_with_last_of_repeated_keys()
    }

    fn parse_with_last_of_repeated_keys(&self) -> Result<Value, WorkflowError> {
        let parsed = match self.is_json() {
            true => json(&self.text),
            false => yaml_with_last_of_repeated_keys(&self.text).map(without_anchors),
        };
        parsed.map_err(|problem| problem.of(&self.name))
    }

    /// Decides by the file's extension. A text with another extension is JSON if it starts with a brace.
    fn is_json(&self) -> bool {
        match Path::new(&self.name).extension().and_then(|extension| extension.to_str()) {
            Some("json") => true,
            Some("yaml" | "yml") => false,
            _ => self.text.trim_start().starts_with('{'),
        }
    }
}

/// Loads the definition in the file at `path`: see [`DefinitionText`].
///
/// # Errors
/// As [`DefinitionText::read`] and [`DefinitionText::definition`].
pub fn load_definition(path: impl AsRef<Path>) -> Result<Value, WorkflowError> {
    DefinitionText::read(path)?.definition()
}

/// Reads a definition inside a template: an object, or a text of JSON.
fn read_inside(name: &str, machine: &Value) -> Result<Value, WorkflowError> {
    match machine {
        Value::String(text) => json(text).map_err(|problem| {
            let message = format!("DefinitionString: {}", problem.message);
            WorkflowError::Parse { name: name.to_owned(), message, position: None }
        }),
        _ => Ok(machine.clone()),
    }
}

fn read_section(name: &str, folder: &Path, reference: &str) -> Result<Value, WorkflowError> {
    let mut named = iter::once("").chain(DEFINITION_ENDINGS).map(|ending| folder.join(format!("{reference}{ending}")));
    match named.find(|path| path.is_file()) {
        Some(path) => DefinitionText::read(&path)?.parse(),
        None => Err(WorkflowError::MissingSection { name: name.to_owned(), section: reference.to_owned() }),
    }
}
