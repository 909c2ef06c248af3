//! Validates a person's input and adds defaults. Reports every problem at once.

use jsonschema::error::{TypeKind, ValidationErrorKind};
use serde_json::Value;

use crate::{defaults, pointer::below, problem::InputProblem};

/// Checks `input` against `schema` and with `check`, which receives it with defaults.
pub(crate) fn prepare(
    schema: &Value,
    check: fn(&Value) -> Vec<InputProblem>,
    mut input: Value,
) -> Result<Value, Vec<InputProblem>> {
    if !input.is_object() {
        return Err(vec![InputProblem::new("", Some(&input), "is not an object", "fields with values")]);
    }
    defaults::numbers_to_text(schema, &mut input);
    let mut problems = schema_problems(schema, &input);
    let mut filled = input;
    defaults::fill(schema, &mut filled);
    for problem in check(&filled) {
        // One problem for each field is enough; the schema's has precedence.
        if !problems.iter().any(|known| known.pointer == problem.pointer) {
            problems.push(problem);
        }
    }
    if problems.is_empty() { Ok(filled) } else { Err(problems) }
}

/// Checks an input against a JSON schema only. Returns the input with its defaults.
///
/// # Errors
/// The input does not fit. All problems are reported.
pub fn prepare_input(schema: &Value, input: Value) -> Result<Value, Vec<InputProblem>> {
    prepare(schema, |_| Vec::new(), input)
}

/// The value with the defaults of a JSON schema, at every depth.
pub fn with_defaults(schema: &Value, mut value: Value) -> Value {
    defaults::fill(schema, &mut value);
    value
}

/// Why a value is not a JSON schema.
pub fn schema_error(schema: &Value) -> Option<String> {
    jsonschema::validator_for(schema).err().map(|error| error.to_string())
}

/// The problems of a value against a JSON schema, in plain words.
pub fn schema_problems(schema: &Value, input: &Value) -> Vec<InputProblem> {
    let validator = match jsonschema::validator_for(schema) {
        Ok(validator) => validator,
        Err(error) => {
            return vec![InputProblem::new("", None, format!("the schema itself is wrong: {error}"), "a valid schema")];
        }
    };
    let mut problems: Vec<InputProblem> = Vec::new();
    for error in validator.iter_errors(input) {
        for problem in in_plain_words(schema, &error) {
            if !problems.iter().any(|known| known.pointer == problem.pointer) {
                problems.push(problem);
            }
        }
    }
    problems
}

fn in_plain_words(schema: &Value, error: &jsonschema::ValidationError<'_>) -> Vec<InputProblem> {
    let pointer = error.instance_path().as_str();
    let rule = error.schema_path().as_str();
    let holder = schema.pointer(rule.rsplit_once('/').map_or("", |(holder, _)| holder)).unwrap_or(&Value::Null);
    let value = Some(error.instance().as_ref());
    let one = |problem: &str, allowed: String| vec![InputProblem::new(pointer, value, problem, allowed)];
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let known: Vec<&str> = holder["properties"]
                .as_object()
                .map(|known| known.keys().map(String::as_str).collect())
                .unwrap_or_default();
            let unknown = |name: &String| {
                let value = error.instance().get(name);
                InputProblem::new(&below(pointer, name), value, "is in a field that does not exist", known.join(", "))
            };
            unexpected.iter().map(unknown).collect()
        }
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            let property_schema = &holder["properties"][name];
            vec![InputProblem::new(&below(pointer, name), None, "is missing", allowed_by(property_schema))]
        }
        ValidationErrorKind::Type { kind } => {
            let hint = match value {
                Some(Value::Number(_) | Value::Bool(_)) if wants_text(kind) => " (write it in quotes)",
                _ => "",
            };
            let is = value.map_or("nothing", name_of_type);
            one(&format!("is {is}{hint}"), allowed_by(holder))
        }
        ValidationErrorKind::Enum { .. } => one("is not one of the allowed values", allowed_by(holder)),
        ValidationErrorKind::Pattern { .. } => one("is not of the right form", allowed_by(holder)),
        ValidationErrorKind::Minimum { .. } | ValidationErrorKind::ExclusiveMinimum { .. } => {
            one("is too small", allowed_by(holder))
        }
        ValidationErrorKind::Maximum { .. } | ValidationErrorKind::ExclusiveMaximum { .. } => {
            one("is too large", allowed_by(holder))
        }
        ValidationErrorKind::MinItems { .. } | ValidationErrorKind::MinLength { .. } => {
            one("is too short", allowed_by(holder))
        }
        ValidationErrorKind::MaxItems { .. } | ValidationErrorKind::MaxLength { .. } => {
            one("is too long", allowed_by(holder))
        }
        _ => one(&format!("is not allowed: {error}"), allowed_by(holder)),
    }
}

fn wants_text(kind: &TypeKind) -> bool {
    match kind {
        TypeKind::Single(single) => single.to_string() == "string",
        TypeKind::Multiple(several) => several.iter().any(|one| one.to_string() == "string"),
    }
}

fn name_of_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "empty",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a group of fields",
    }
}

/// The allowed values in plain words: the schema's `allowed`, else derived from its rules.
fn allowed_by(schema: &Value) -> String {
    if let Some(words) = schema["allowed"].as_str() {
        return words.to_owned();
    }
    if let Some(options) = schema["enum"].as_array() {
        let options: Vec<String> =
            options.iter().map(|option| option.as_str().map_or_else(|| option.to_string(), str::to_owned)).collect();
        return format!("one of {}", options.join(", "));
    }
    match (schema["type"].as_str(), &schema["minimum"], &schema["maximum"]) {
        (Some(kind @ ("integer" | "number")), minimum, maximum) => {
            let kind = if kind == "integer" { "a whole number" } else { "a number" };
            match (minimum, maximum) {
                (Value::Null, Value::Null) => kind.to_owned(),
                (minimum, Value::Null) => format!("{kind} from {minimum} on"),
                (Value::Null, maximum) => format!("{kind} of at most {maximum}"),
                (minimum, maximum) => format!("{kind} from {minimum} to {maximum}"),
            }
        }
        (Some("boolean"), ..) => "true or false".to_owned(),
        (Some("object"), ..) => match schema["properties"].as_object() {
            Some(fields) => format!("the fields {}", fields.keys().cloned().collect::<Vec<_>>().join(", ")),
            None => "names with texts".to_owned(),
        },
        (Some("array"), ..) => "a list".to_owned(),
        _ => {
            let form = schema["pattern"].as_str().map(|pattern| format!(" that matches {pattern}")).unwrap_or_default();
            let about = schema["description"].as_str().map(|text| format!(". {text}")).unwrap_or_default();
            format!("a text{form}{about}")
        }
    }
}
