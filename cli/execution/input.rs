//! Reads the input of an execution from a file, text or standard input, and fits it to the schema beside its
//! definition.

use std::path::Path;

use serde_json::Value;
use workflows::{InputError, InputFormat, InputProblem};

use crate::exit::CliError;

/// Reads an input: JSON text, a file (JSON, YAML or TOML), or `-` for standard input.
///
/// # Errors
/// The input cannot be read or parsed.
pub fn read(given: &str) -> Result<Value, CliError> {
    let refused = |error: InputError| CliError::refused(error.to_string());
    if given.trim_start().starts_with('{') {
        return workflows::parse_input(given, None).map_err(refused);
    }
    if given == "-" {
        let text = workflows::read_text(std::io::stdin());
        let text = text.map_err(|error| CliError::refused(format!("standard input cannot be read: {error}")))?;
        return workflows::parse_input(&text, None).map_err(refused);
    }
    let text = workflows::read_text_file(given)
        .map_err(|error| CliError::refused(format!("the input file {given} cannot be read: {error}")))?;
    workflows::parse_input(&text, InputFormat::of_file(given)).map_err(refused)
}

/// The schema `NAME.input.schema.json` beside a definition file, as `flow new` writes it; `None` without one.
///
/// # Errors
/// The schema cannot be read.
pub fn schema(path: &Path) -> Result<Option<Value>, CliError> {
    let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.split('.').next());
    let schema_file = path.with_file_name(format!("{}.input.schema.json", name.unwrap_or_default()));
    if !schema_file.is_file() {
        return Ok(None);
    }
    let unreadable = |error: String| CliError::refused(format!("{}: {error}", schema_file.display()));
    let text = workflows::read_text_file(&schema_file).map_err(|error| unreadable(error.to_string()))?;
    serde_json::from_str(&text).map(Some).map_err(|error| unreadable(error.to_string()))
}

/// Adds the defaults of the schema beside a definition file. Without a schema the input is unchanged.
///
/// # Errors
/// The schema cannot be read, or the input does not fit it. All problems are reported at once.
pub fn fitted(definition_file: &Path, input: Value) -> Result<Value, CliError> {
    let Some(schema) = schema(definition_file)? else { return Ok(input) };
    workflows::prepare_input(&schema, input).map_err(|problems| wrong(&problems))
}

/// As [`fitted`], for a command that has `--input` only: its error names the option.
///
/// # Errors
/// As [`fitted`].
pub fn fitted_or_hint(definition_file: &str, input: Value) -> Result<Value, CliError> {
    fitted(Path::new(definition_file), input).map_err(|error| match error.hint {
        Some(_) => error,
        None => error.hint(format!(
            "give an input: --input FILE or --input '{{\"field\": \"value\"}}'; flow schema {definition_file} shows its fields"
        )),
    })
}

/// The error of an input that does not fit its schema.
pub fn wrong(problems: &[InputProblem]) -> CliError {
    let lines: Vec<_> = problems.iter().map(|problem| format!("  {problem}")).collect();
    CliError::refused(format!("the input is not right; nothing was changed\n{}", lines.join("\n")))
}
