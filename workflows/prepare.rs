//! Validates a person's input and adds defaults. Reports every problem at once.

use jsonschema::{
    Draft, ValidationError, Validator,
    error::{TypeKind, ValidationErrorKind},
};
use serde_json::Value;

use crate::{
    defaults,
    pointer::{below, names},
    problem::InputProblem,
};

/// The most references that are followed from one schema to the next.
const REFERENCES_MAX: usize = 16;
/// The depth to which alternatives are named. A schema may contain itself.
const ALTERNATIVES_DEPTH_MAX: usize = 3;

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
    CompiledSchema::new(schema.clone()).problems(input)
}

/// A JSON schema that is compiled once and checks many values.
pub struct CompiledSchema {
    schema: Value,
    /// The problem of every value, if the schema itself is wrong.
    validator: Result<Validator, InputProblem>,
}

impl CompiledSchema {
    /// Compiles a schema of draft 2020-12.
    pub fn new(schema: Value) -> Self {
        CompiledSchema { validator: jsonschema::validator_for(&schema).map_err(|error| wrong(&error)), schema }
    }

    /// Compiles the schema of a step, by the rules of draft 7: its meta-schema is small, and loading the one of draft 2020-12 takes a tenth
    /// of the time of a short `flow run`. Both drafts mean the same by the keywords that steps use, which a test holds.
    pub fn of_step(schema: Value) -> Self {
        let validator = jsonschema::options().with_draft(Draft::Draft7).should_validate_formats(false).build(&schema);
        CompiledSchema { validator: validator.map_err(|error| wrong(&error)), schema }
    }

    /// The problems of a value, in plain words.
    pub fn problems(&self, input: &Value) -> Vec<InputProblem> {
        let validator = match &self.validator {
            Ok(validator) => validator,
            Err(problem) => return vec![problem.clone()],
        };
        let mut problems: Vec<InputProblem> = Vec::new();
        for error in validator.iter_errors(input) {
            for problem in in_plain_words(&self.schema, &error) {
                if !problems.iter().any(|known| known.pointer == problem.pointer) {
                    problems.push(problem);
                }
            }
        }
        problems
    }
}

/// The problem of every value at a schema that is wrong itself.
fn wrong(error: &ValidationError<'_>) -> InputProblem {
    InputProblem::new("", None, format!("the schema itself is wrong: {error}"), "a valid schema")
}

fn in_plain_words(schema: &Value, error: &ValidationError<'_>) -> Vec<InputProblem> {
    let pointer = error.instance_path().as_str();
    let rule = error.schema_path().as_str();
    let holder = part_at(schema, rule.rsplit_once('/').map_or("", |(holder, _)| holder));
    let value = Some(error.instance().as_ref());
    let allowed_by = |part: &Value| allowed_by(schema, part);
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

/// The allowed values in plain words: the schema's `allowed`, else derived from its rules. `root`: the schema that contains it.
fn allowed_by(root: &Value, schema: &Value) -> String {
    allowed_within(root, schema, 0)
}

/// As [`allowed_by`], for a schema inside this many alternatives.
fn allowed_within(root: &Value, schema: &Value, depth: usize) -> String {
    let schema = resolved(root, schema);
    if let Some(words) = schema["allowed"].as_str() {
        return words.to_owned();
    }
    let written = |option: &Value| option.as_str().map_or_else(|| option.to_string(), str::to_owned);
    if let Some(options) = schema["enum"].as_array() {
        return format!("one of {}", options.iter().map(written).collect::<Vec<_>>().join(", "));
    }
    if let Some(only) = schema.get("const") {
        return written(only);
    }
    for several in ["anyOf", "oneOf"] {
        if let Some(options) = schema[several].as_array().filter(|_| depth < ALTERNATIVES_DEPTH_MAX) {
            return either(options.iter().map(|option| allowed_within(root, option, depth + 1)));
        }
    }
    match &schema["type"] {
        Value::String(kind) => allowed_of_type(schema, kind),
        Value::Array(kinds) => either(kinds.iter().filter_map(Value::as_str).map(|kind| allowed_of_type(schema, kind))),
        _ if schema["properties"].is_object() => allowed_of_type(schema, "object"),
        _ if schema["pattern"].is_string() => allowed_of_type(schema, "string"),
        _ => format!("any value{}", about(schema)),
    }
}

fn allowed_of_type(schema: &Value, kind: &str) -> String {
    match kind {
        "integer" | "number" => {
            let kind = if kind == "integer" { "a whole number" } else { "a number" };
            match (&schema["minimum"], &schema["maximum"]) {
                (Value::Null, Value::Null) => kind.to_owned(),
                (minimum, Value::Null) => format!("{kind} from {minimum} on"),
                (Value::Null, maximum) => format!("{kind} of at most {maximum}"),
                (minimum, maximum) => format!("{kind} from {minimum} to {maximum}"),
            }
        }
        "boolean" => "true or false".to_owned(),
        "null" => "null".to_owned(),
        "object" => match schema["properties"].as_object() {
            Some(fields) => format!("the fields {}", fields.keys().cloned().collect::<Vec<_>>().join(", ")),
            None if schema["additionalProperties"]["type"] == "string" => "names with texts".to_owned(),
            None => "a group of fields".to_owned(),
        },
        "array" => "a list".to_owned(),
        _ => {
            let form = schema["pattern"].as_str().map(|pattern| format!(" that matches {pattern}")).unwrap_or_default();
            format!("a text{form}{}", about(schema))
        }
    }
}

fn about(schema: &Value) -> String {
    schema["description"].as_str().map(|text| format!(". {text}")).unwrap_or_default()
}

/// Alternatives, each once.
fn either(options: impl Iterator<Item = String>) -> String {
    let mut words: Vec<String> = Vec::new();
    for option in options {
        if !words.contains(&option) {
            words.push(option);
        }
    }
    words.join(" or ")
}

/// The schema that a `$ref` names.
fn resolved<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    let mut schema = schema;
    // A reference that leads back to itself names no schema.
    for _ in 0..REFERENCES_MAX {
        match schema["$ref"].as_str().and_then(|reference| root.pointer(reference.strip_prefix('#')?)) {
            Some(named) => schema = named,
            None => break,
        }
    }
    schema
}

/// The part of a schema at the path of a rule, which may go through `$ref`.
fn part_at<'s>(root: &'s Value, path: &str) -> &'s Value {
    let mut part = root;
    for name in names(path) {
        part = match (name.as_str(), part) {
            ("$ref", _) => resolved(root, part),
            (name, Value::Array(items)) => {
                name.parse().ok().and_then(|index: usize| items.get(index)).unwrap_or(&Value::Null)
            }
            (name, _) => &part[name],
        };
    }
    part
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problems(schema: &Value, value: &Value) -> Vec<String> {
        schema_problems(schema, value).iter().map(ToString::to_string).collect()
    }

    /// A value of each type, with its words.
    fn values() -> [(&'static str, Value, &'static str); 7] {
        [
            ("null", json!(null), "empty"),
            ("boolean", json!(true), "true or false"),
            ("integer", json!(7), "a number"),
            ("number", json!(1.5), "a number"),
            ("string", json!("7"), "a text"),
            ("array", json!([1]), "a list"),
            ("object", json!({ "a": 1 }), "a group of fields"),
        ]
    }

    fn allowed(kind: &str) -> &str {
        match kind {
            "null" => "null",
            "boolean" => "true or false",
            "integer" => "a whole number",
            "number" => "a number",
            "string" => "a text",
            "array" => "a list",
            _ => "a group of fields",
        }
    }

    #[test]
    fn a_value_of_another_type_is_named_with_its_type_and_the_one_that_is_allowed() {
        for (kind, ..) in values() {
            let plain = json!({ "properties": { "f": { "type": kind } } });
            let listed = json!({ "properties": { "f": { "type": [kind] } } });
            let referenced =
                json!({ "$defs": { "d": { "type": kind } }, "properties": { "f": { "$ref": "#/$defs/d" } } });
            for schema in [plain, listed, referenced] {
                for (other, value, words) in values() {
                    let fits = other == kind || (kind, other) == ("number", "integer");
                    let found = problems(&schema, &json!({ "f": value }));
                    assert_eq!(found.is_empty(), fits, "{schema} {value}: {found:?}");
                    if !fits {
                        let is = format!(" is {words}");
                        let end = format!("; allowed: {}", allowed(kind));
                        assert!(found[0].contains(&is) && found[0].ends_with(&end), "{schema} {value}: {found:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn alternatives_and_constants_are_named() {
        let of = |schema: Value| allowed_by(&schema, &schema);
        assert_eq!(of(json!({ "type": ["integer", "null"] })), "a whole number or null");
        assert_eq!(
            of(json!({ "anyOf": [{ "type": "string" }, { "type": "array" }, { "type": "array" }] })),
            "a text or a list"
        );
        assert_eq!(of(json!({ "const": "ISSUED" })), "ISSUED");
        assert_eq!(of(json!({ "description": "What the worker answers" })), "any value. What the worker answers");
        assert_eq!(of(json!({ "$ref": "#" })), "any value");
        let of_itself = of(json!({ "anyOf": [{ "type": "string" }, { "$ref": "#" }] }));
        assert!(of_itself.ends_with("any value"), "it contains itself: {of_itself}");
    }

    #[test]
    fn a_missing_field_is_named_with_the_type_of_the_schema_that_it_refers_to() {
        let schema = json!({ "$defs": { "count": { "type": "integer", "minimum": 1 } },
            "properties": { "count": { "$ref": "#/$defs/count" } }, "required": ["count"] });
        assert_eq!(problems(&schema, &json!({})), ["count: is missing; allowed: a whole number from 1 on"]);
    }
}
