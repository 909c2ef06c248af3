//! Parses inputs in three formats, and single values of `--set`.

use std::path::Path;

use serde_json::{Map, Value};

use crate::keys::{LostPart, repeated_key};

/// The format of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputFormat {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// TOML.
    Toml,
}

impl InputFormat {
    /// The format that a file's extension names.
    pub fn of_file(path: impl AsRef<Path>) -> Option<Self> {
        match path.as_ref().extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "json" => Some(InputFormat::Json),
            "yaml" | "yml" => Some(InputFormat::Yaml),
            "toml" => Some(InputFormat::Toml),
            _ => None,
        }
    }
}

/// Why an input cannot be parsed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InputError {
    /// The text is not valid in its format.
    #[error("the input is not valid {format}: {message}")]
    Syntax {
        /// The format's name.
        format: &'static str,
        /// The parser's message, with line and column.
        message: String,
    },
    /// The input is a list or a scalar.
    #[error("the input is not an object: it needs fields with values, such as deployment: my-endpoints")]
    NotAnObject,
    /// An object of JSON has a key twice.
    #[error("{part}")]
    RepeatedKey {
        /// The key.
        part: LostPart,
    },
    /// `--set` without a field or without `=`.
    #[error("{assignment}: a single value is given as field=value, such as database.multiAz=true")]
    Assignment {
        /// The argument.
        assignment: String,
    },
    /// `--set a.b=…` where `a` is not an object.
    #[error("{field} cannot be set: {holder} is not a group of fields")]
    NotAGroup {
        /// The field to set.
        field: String,
        /// The part of the input that is not an object.
        holder: String,
    },
}

/// Parses an input. Without `format`, the format is detected.
pub fn parse_input(text: &str, format: Option<InputFormat>) -> Result<Value, InputError> {
    let value = match format {
        Some(InputFormat::Json) => json(text)?,
        Some(InputFormat::Yaml) => yaml(text)?,
        Some(InputFormat::Toml) => toml(text)?,
        None => guess(text)?,
    };
    match value {
        // The value of an empty YAML file.
        Value::Null => Ok(Value::Object(Map::new())),
        Value::Object(_) => Ok(value),
        _ => Err(InputError::NotAnObject),
    }
}

fn guess(text: &str) -> Result<Value, InputError> {
    if text.trim_start().starts_with(['{', '[']) {
        // A TOML [table] starts like a JSON list, and a YAML {a: b} like a JSON object.
        return json(text).or_else(|error| toml(text).or_else(|_| yaml(text)).map_err(|_| error));
    }
    match toml(text) {
        Ok(value) => Ok(value),
        Err(error) if text.lines().any(looks_like_toml) => yaml(text).ok().filter(Value::is_object).ok_or(error),
        Err(_) => yaml(text),
    }
}

fn looks_like_toml(line: &str) -> bool {
    let name = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "_-.\"".contains(c));
    line.split_once('=').is_some_and(|(left, _)| !left.trim().is_empty() && name(left.trim()))
}

fn json(text: &str) -> Result<Value, InputError> {
    let parsed = serde_json::from_str(text);
    let value = parsed.map_err(|error| InputError::Syntax { format: "JSON", message: error.to_string() })?;
    refuse_repeated_key(text)?;
    Ok(value)
}

/// Refuses JSON of which a parser would keep only the last value of a key.
fn refuse_repeated_key(text: &str) -> Result<(), InputError> {
    match repeated_key(text) {
        Some(part) => Err(InputError::RepeatedKey { part }),
        None => Ok(()),
    }
}

fn yaml(text: &str) -> Result<Value, InputError> {
    crate::assemble::yaml(text).map_err(|problem| InputError::Syntax { format: "YAML", message: problem.message })
}

fn toml(text: &str) -> Result<Value, InputError> {
    toml::from_str(text).map_err(|error| InputError::Syntax { format: "TOML", message: error.to_string() })
}

/// Sets a value from `field=value`, such as `database.multiAz=true`. Missing objects on the path are created.
///
/// `true`, `false`, `null`, whole numbers and other JSON (`["a"]`, `{"a": 1}`, `"14"`) are parsed as JSON. Any other
/// value is text, so `24.04` stays unchanged. If the schema says that the field is a text, `5` and `true` are text too.
pub fn set_key(input: &mut Value, schema: Option<&Value>, assignment: &str) -> Result<(), InputError> {
    let bad = || InputError::Assignment { assignment: assignment.to_owned() };
    let (field, text) = assignment.split_once('=').ok_or_else(bad)?;
    let (groups, name) = field.rsplit_once('.').map_or((None, field), |(groups, name)| (Some(groups), name));
    if field.split('.').any(|part| part.trim().is_empty()) {
        return Err(bad());
    }
    let mut holder_name = String::from("the input");
    let mut holder = input;
    for group in groups.into_iter().flat_map(|groups| groups.split('.')) {
        let fields = as_group(holder, field, &holder_name)?;
        holder = fields.entry(group).or_insert_with(|| Value::Object(Map::new()));
        holder_name = group.to_owned();
    }
    let is_text = schema.is_some_and(|schema| is_text(schema, field));
    let value = if is_text { text_of(text) } else { value_of(text) };
    if value.is_object() || value.is_array() {
        refuse_repeated_key(text)?;
    }
    as_group(holder, field, &holder_name)?.insert(name.to_owned(), value);
    Ok(())
}

fn as_group<'a>(holder: &'a mut Value, field: &str, name: &str) -> Result<&'a mut Map<String, Value>, InputError> {
    if holder.is_null() {
        *holder = Value::Object(Map::new());
    }
    holder.as_object_mut().ok_or_else(|| InputError::NotAGroup { field: field.to_owned(), holder: name.to_owned() })
}

/// Whether a schema allows only texts for a field, such as `database.version`.
fn is_text(schema: &Value, field: &str) -> bool {
    let properties = field.split('.').try_fold(schema, |group, name| referenced(schema, group)["properties"].get(name));
    properties.is_some_and(|property| referenced(schema, property)["type"] == "string")
}

/// The schema that a reference within the same document names, or the schema itself.
fn referenced<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    let pointer = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    pointer.and_then(|pointer| root.pointer(pointer)).unwrap_or(schema)
}

/// The value of a field that is a text. A text in JSON's quotes is parsed, so that both ways of writing it are the same.
fn text_of(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(Value::String(quoted)) => Value::String(quoted),
        _ => Value::String(text.to_owned()),
    }
}

fn value_of(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(Value::Number(number)) if number.is_f64() => Value::String(text.to_owned()),
        Ok(value) => value,
        Err(_) => Value::String(text.to_owned()),
    }
}
