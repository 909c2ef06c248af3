//! The values of `--substitute`.

use engine::spelling::{did_you_mean, nearest};
use serde_json::Value;

use super::placeholders;
use crate::exit::CliError;

/// Reads the values of placeholders in a text. Each argument is `NAME=VALUE`, or a file: an object of names with values
/// (JSON, YAML or TOML), or lines `NAME=VALUE` as in an env file. A file may have names that the text does not have.
///
/// # Errors
/// A file cannot be read, or a `NAME=VALUE` has no placeholder in the text.
pub(super) fn read(arguments: &[String], text: &str) -> Result<Vec<(String, String)>, CliError> {
    let mut values = Vec::new();
    for argument in arguments {
        match argument.split_once('=') {
            Some((name, value)) => {
                refuse_unknown(name, text)?;
                values.push((name.to_owned(), value.to_owned()));
            }
            None => values.extend(of_file(argument)?),
        }
    }
    Ok(values)
}

fn refuse_unknown(name: &str, text: &str) -> Result<(), CliError> {
    if text.contains(&format!("${{{name}}}")) {
        return Ok(());
    }
    let known = placeholders::names(&Value::String(text.to_owned()));
    let meant = did_you_mean(nearest(name, known.iter().map(String::as_str)));
    let message = format!("--substitute {name}: the definition has no placeholder ${{{name}}}{meant}");
    Err(CliError::refused(message.trim_end_matches('.')).hint(match known.as_slice() {
        [] => "it has no placeholders: run it without --substitute".to_owned(),
        names => format!("its placeholders are {}", names.join(", ")),
    }))
}

fn of_file(file: &str) -> Result<Vec<(String, String)>, CliError> {
    let wrong = |error: String| {
        CliError::refused(format!("--substitute {file}: {error}"))
            .hint("give NAME=VALUE, or a file with an object of names with values (JSON, YAML or TOML) or with lines NAME=VALUE")
    };
    let text = workflows::read_text_file(file).map_err(|error| wrong(error.to_string()))?;
    let format = workflows::InputFormat::of_file(file);
    match workflows::parse_input(&text, format) {
        Ok(Value::Object(fields)) => Ok(fields.iter().map(|(name, value)| (name.clone(), as_text(value))).collect()),
        Ok(_) => Err(wrong("it is not an object of names with values".to_owned())),
        Err(error) => match lines(&text).filter(|_| format.is_none()) {
            Some(values) => Ok(values),
            None => Err(wrong(error.to_string())),
        },
    }
}

/// The values of lines `NAME=VALUE`. Empty lines and lines that begin with `#` are comments. `None` if another line has
/// another form.
fn lines(text: &str) -> Option<Vec<(String, String)>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let value = |line: &str| {
        let (name, value) = line.strip_prefix("export ").unwrap_or(line).split_once('=')?;
        let unquoted = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.:-".contains(c));
        is_name.then(|| (name.to_owned(), unquoted.unwrap_or(value).to_owned()))
    };
    lines.map(value).collect()
}

fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_env_file_has_a_value_in_each_line() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let text = "# values\nFn=arn:aws:lambda:x\n\nexport Table='a b'\nEmpty=\n";
        assert_eq!(lines(text).unwrap(), [pair("Fn", "arn:aws:lambda:x"), pair("Table", "a b"), pair("Empty", "")]);
        assert_eq!(lines("Fn: x\n"), None);
    }

    #[test]
    fn a_name_without_a_placeholder_is_refused_with_the_one_that_was_meant() {
        let refused = read(&["Tabel=x".to_owned()], "a: ${Table}\nb: ${Fn}\n").unwrap_err();
        assert!(refused.message.ends_with("did you mean 'Table'?"), "{}", refused.message);
        assert_eq!(refused.hint.as_deref(), Some("its placeholders are Table, Fn"));
        assert_eq!(read(&["Fn=x".to_owned()], "b: ${Fn}\n").unwrap().len(), 1);
    }
}
