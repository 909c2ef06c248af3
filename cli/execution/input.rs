//! Reads the input of an execution from a file, text or standard input, and fits it to the schema beside its
//! definition.

use std::{io::ErrorKind, path::Path};

use serde::de::IgnoredAny;
use serde_json::Value;
use workflows::{InputError, InputFormat, InputProblem};

use crate::exit::CliError;

/// Reads an input: JSON text, a file (JSON, YAML or TOML), or `-` for standard input. A text that is no object is JSON if no file has that
/// name.
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
    match workflows::read_text_file(given) {
        Ok(text) => workflows::parse_input(&text, InputFormat::of_file(given)).map_err(refused),
        // JSON of another type: the error names the type that an input has.
        Err(error) if error.kind() == ErrorKind::NotFound && serde_json::from_str::<IgnoredAny>(given).is_ok() => {
            workflows::parse_input(given, Some(InputFormat::Json)).map_err(refused)
        }
        Err(error) => Err(CliError::refused(format!("the input file {given} cannot be read: {error}"))),
    }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn json_of_every_type_is_an_input_unless_a_file_has_that_name() {
        for given in ["\"x\"", "[1]", "12", "true"] {
            let refused = read(given).unwrap_err().message;
            assert!(refused.contains("object") && !refused.contains("file"), "{given}: {refused}");
        }
        assert_eq!(read("null").unwrap(), serde_json::json!({}));
        assert!(read("nowhere.json").unwrap_err().message.starts_with("the input file nowhere.json cannot be read"));
        let file = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
        std::fs::write(file.path(), r#"{"a": 1}"#).unwrap();
        assert_eq!(read(file.path().to_str().unwrap()).unwrap(), serde_json::json!({ "a": 1 }));
    }
}
