//! Finds every problem of a definition that is detectable without running it: what Step Functions reports, and what
//! only the steps' schemas and this machine show.

mod arguments;
mod inside;
mod placeholders;
mod suggestions;

use std::{fs, path::Path};

use engine::{
    asl::{self, Diagnostic, Severity},
    step::Registry,
};
use serde_json::Value;
use workflows::{DefinitionText, RepeatedKey, WorkflowError};

use crate::{environments, exit::CliError};

pub use inside::{Inside, inside, payload_field};
pub use placeholders::{is_placeholder, names as placeholder_names};

/// A definition from a file or from standard input, with its text.
pub struct DefinitionFile {
    /// The file's name without its extensions.
    pub name: String,
    /// The text, after substitution.
    pub text: String,
    /// The definition, or every repeated key of the text.
    pub definition: Result<Value, Vec<RepeatedKey>>,
}

impl DefinitionFile {
    /// Reads the file at `path` (`-` for standard input). Each of `substitutions` is `NAME=VALUE` or a file of names
    /// with values.
    ///
    /// # Errors
    /// The file does not exist, or its text is not a definition.
    pub fn read(path: &str, substitutions: &[String]) -> Result<Self, CliError> {
        if path != "-" && !Path::new(path).exists() {
            return Err(CliError::not_found(format!("neither a workflow nor a file is named '{path}'"))
                .hint("flow workflows lists what is shipped; flow new NAME writes a workflow of your own"));
        }
        let mut text = DefinitionText::read(path).map_err(refused)?;
        text.substitute(&read_substitutions(substitutions)?);
        let definition = match text.definition() {
            Ok(definition) => Ok(definition),
            Err(WorkflowError::RepeatedKeys { keys, name }) if name == path => Err(keys),
            Err(error) => return Err(with_hint(error, text.text())),
        };
        let file = Path::new(path).file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let name = file.split('.').next().filter(|name| !name.is_empty() && *name != "-").unwrap_or("workflow");
        Ok(DefinitionFile { name: name.to_owned(), text: text.text().to_owned(), definition })
    }

    /// Returns the definition.
    ///
    /// # Errors
    /// The text repeats keys.
    pub fn definition(self) -> Result<Value, CliError> {
        self.definition.map_err(|keys| {
            let lines: Vec<_> = keys.iter().map(|key| format!("  {}: {key}", key.pointer)).collect();
            CliError::refused(format!("the definition cannot run; nothing was changed\n{}", lines.join("\n")))
        })
    }
}

fn refused(error: WorkflowError) -> CliError {
    CliError::refused(error.to_string())
}

fn with_hint(error: WorkflowError, text: &str) -> CliError {
    let placeholders = placeholder_names(&Value::String(text.to_owned()));
    let is_parse = matches!(error, WorkflowError::Parse { .. });
    match (&error, placeholders.as_slice()) {
        (WorkflowError::Template { .. }, _) => {
            let hint = "run the file that holds the definition: flow run FILE --substitute NAME=VALUE";
            refused(error).hint(hint)
        }
        (_, [_, ..]) if is_parse => {
            let hint = format!("the text has placeholders; give their values: {}", flags(&placeholders));
            refused(error).hint(hint)
        }
        _ => refused(error),
    }
}

/// The options that replace these placeholders.
fn flags(names: &[String]) -> String {
    names.iter().map(|name| format!("--substitute {name}=VALUE")).collect::<Vec<_>>().join(" ")
}

fn read_substitutions(arguments: &[String]) -> Result<Vec<(String, String)>, CliError> {
    let mut values = Vec::new();
    for argument in arguments {
        if let Some((name, value)) = argument.split_once('=') {
            values.push((name.to_owned(), value.to_owned()));
            continue;
        }
        let wrong = |error: String| CliError::refused(format!("--substitute {argument}: {error}"));
        let text = fs::read_to_string(argument).map_err(|error| wrong(error.to_string()))?;
        let read = workflows::parse_input(&text, workflows::InputFormat::of_file(argument));
        let read = read.map_err(|error| wrong(error.to_string()))?;
        let fields = read.as_object().ok_or_else(|| wrong("it is not an object of names with values".to_owned()))?;
        values.extend(fields.iter().map(|(name, value)| (name.clone(), as_text(value))));
    }
    Ok(values)
}

fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Finds every problem of a definition, errors first. A Task without a step or integration is an error: the workflow
/// could not finish.
pub fn problems(definition: &Value, steps: &Registry) -> Vec<Diagnostic> {
    let known = |resource: &str| is_placeholder(resource) || environments::is_known(steps, resource);
    let mut found = asl::check(definition, &known);
    found.extend(beyond_step_functions(definition, steps));
    suggestions::add(&mut found, definition, steps);
    found.sort_by_key(|problem| problem.severity);
    found
}

/// Finds the problems that Step Functions does not report.
pub fn beyond_step_functions(definition: &Value, steps: &Registry) -> Vec<Diagnostic> {
    let mut found = without_step(definition, steps);
    found.extend(arguments::problems(definition, steps));
    found.extend(placeholders::problems(definition));
    found.extend(asl::unknown_names(definition));
    found
}

fn without_step(definition: &Value, steps: &Registry) -> Vec<Diagnostic> {
    let mut found = asl::without_step(definition, &|resource| environments::has_step(steps, resource));
    for problem in &mut found {
        problem.severity = Severity::Error;
        problem.message = format!(
            "{} There are steps for {}. A Resource has the prefix arn:aws:states:::, and `flow steps NAME` shows each.",
            problem.message,
            integrations(steps)
        );
    }
    found
}

fn integrations(steps: &Registry) -> String {
    let names = steps.descriptions().map(|step| step.name);
    let mut names: Vec<String> = names.filter_map(|name| name.strip_prefix("aws:").map(str::to_owned)).collect();
    names.extend(api::INTEGRATIONS.map(str::to_owned));
    names.sort();
    names.join(", ")
}
