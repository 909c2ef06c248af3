//! Finds secrets that Step Functions would store in the definition or in a history, in clear text.

mod arguments;
mod forms;
mod services;
mod values;

use engine::asl::{
    Diagnostic, Severity, own_fields,
    pointer::{below, item},
};
use serde_json::{Map, Value};

use self::forms::{
    has_password, has_secret_line, has_token, is_literal, is_secret_field, is_secret_name, is_secret_text,
    is_secret_variable,
};
use crate::literals::{self, Literal};

/// Integrations whose output has the value of a secret.
const READERS: [&str; 2] = ["aws-sdk:secretsmanager:getSecretValue", "aws-sdk:secretsmanager:batchGetSecretValue"];
/// Integrations whose output has the value of a secret if `WithDecryption` is set.
const DECRYPTING_READERS: [&str; 3] =
    ["aws-sdk:ssm:getParameter", "aws-sdk:ssm:getParameters", "aws-sdk:ssm:getParametersByPath"];
/// Pairs of fields of AWS's requests: one field has a name, the other the value of that name, such as an environment variable of a
/// container.
const PAIRS: [(&str, &str); 6] = [
    ("Name", "Value"),
    ("name", "value"),
    ("Key", "Value"),
    ("key", "value"),
    ("ParameterKey", "ParameterValue"),
    ("ParameterName", "ParameterValue"),
];
/// The types of a value that is a reference to a secret (AWS CodeBuild API Reference, EnvironmentVariable).
const TYPES_OF_REFERENCES: [&str; 2] = ["SECRETS_MANAGER", "PARAMETER_STORE"];
/// The name of the field with what a program reads on its standard input.
const STANDARD_INPUT: &str = "Stdin";

/// The code of a secret that is written into a definition.
pub const SECRET_IN_DEFINITION: &str = "SECRET_IN_DEFINITION";

/// The field that contains a value, and its use.
#[derive(Clone, Copy)]
struct Place<'a> {
    /// The name of the field that has it.
    name: &'a str,
    /// Whether it is an argument of a Task.
    is_argument: bool,
    /// Whether it is an environment variable.
    is_variable: bool,
    /// The program that receives it, if it is a list of arguments.
    program: Option<&'a str>,
}

/// Refuses a secret that is written into a state. Warns of one that a run would write into its history.
pub(crate) fn problems(state: &Value, pointer: &str) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (field, value) in own_fields(state) {
        let is_argument = matches!(field.as_str(), "Arguments" | "Parameters");
        let place = Place { name: field, is_argument, is_variable: false, program: None };
        fields(value, &below(pointer, field), place, &mut found);
    }
    if reads_a_secret(state) {
        let message = "The output of this Task has the value of a secret, and Step Functions keeps it in the history. Let the \
                       step that needs the secret read it, by its ARN.";
        found.push(Diagnostic::warning("SECRET_IN_HISTORY", &below(pointer, "Resource"), message));
    }
    found
}

/// Refuses a secret in the comment of a machine.
pub(crate) fn of_comment(machine: &Value, pointer: &str) -> Vec<Diagnostic> {
    let comment = machine["Comment"].as_str().unwrap_or_default();
    let place = Place { name: "Comment", is_argument: false, is_variable: false, program: None };
    problem(comment, &below(pointer, "Comment"), place).into_iter().collect()
}

fn fields(value: &Value, pointer: &str, place: Place<'_>, found: &mut Vec<Diagnostic>) {
    match value {
        Value::Object(all) => {
            let pair = named_value(all);
            for (field, value) in all {
                // The value of a pair has the name that its other field gives.
                let name = pair.filter(|(_, value)| value == field).map_or(field.as_str(), |(name, _)| name);
                let is_variable = place.is_variable || field.eq_ignore_ascii_case("environment");
                let program = all.get("Program").and_then(Value::as_str);
                fields(value, &below(pointer, field), Place { name, is_variable, program, ..place }, found);
            }
        }
        Value::Array(all) => {
            let before = found.len();
            for (index, value) in all.iter().enumerate() {
                fields(value, &item(pointer, index), place, found);
            }
            let texts: Vec<Option<String>> = all.iter().map(|value| clear_text(value.as_str()?)).collect();
            let texts: Vec<Option<&str>> = texts.iter().map(Option::as_deref).collect();
            for index in arguments::positions(place.program, &texts) {
                let pointer = item(pointer, index);
                if !found[before..]
                    .iter()
                    .any(|problem| problem.location == pointer && problem.code == SECRET_IN_DEFINITION)
                {
                    found.push(in_definition(place.name, "has a secret", &pointer));
                }
            }
        }
        Value::String(text) => found.extend(problem(text, pointer, place).or_else(|| in_json(text, pointer, place))),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The name in an object that has a name and a value, and the field with the value.
fn named_value(object: &Map<String, Value>) -> Option<(&str, &'static str)> {
    let is_reference =
        |field: &str| object.get(field).and_then(Value::as_str).is_some_and(|kind| TYPES_OF_REFERENCES.contains(&kind));
    if is_reference("Type") || is_reference("type") {
        return None;
    }
    PAIRS.iter().find_map(|(name, value)| {
        let name = object.get(*name)?.as_str().filter(|name| !is_expression(name) && !name.starts_with('$'))?;
        object.contains_key(*value).then_some((name, *value))
    })
}

/// The text of an argument in clear text; `None` if it is computed.
fn clear_text(text: &str) -> Option<String> {
    if !is_expression(text) {
        return Some(text.to_owned());
    }
    literals::of(text).into_iter().find(|literal| literal.is_complete).map(|literal| literal.text)
}

/// The secret of a text that is JSON, such as the body of a message. Its location is that of the text.
fn in_json(text: &str, pointer: &str, place: Place<'_>) -> Option<Diagnostic> {
    if !text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    let value: Value = serde_json::from_str(text).ok()?;
    let mut found = Vec::new();
    fields(&value, pointer, Place { is_argument: false, ..place }, &mut found);
    let secret = found.into_iter().find(|problem| problem.severity == Severity::Error)?;
    Some(Diagnostic { location: pointer.to_owned(), ..secret })
}

fn is_expression(text: &str) -> bool {
    text.trim_start().starts_with("{%")
}

fn in_definition(name: &str, what: &str, pointer: &str) -> Diagnostic {
    let message = format!(
        "'{name}' {what} in clear text: Step Functions stores it in the definition and in every history. Store it in Secrets \
         Manager and pass its ARN."
    );
    Diagnostic::error(SECRET_IN_DEFINITION, pointer, message)
}

/// The problem of one text. The message never has the text.
fn problem(text: &str, pointer: &str, place: Place<'_>) -> Option<Diagnostic> {
    let name = place.name;
    let has_name = is_secret_name(name);
    let is_expression = name.ends_with(".$") || is_expression(text);
    let is_variable = place.is_variable && clear_text(text).is_some_and(|value| is_secret_variable(name, &value));
    let is_secret = match is_expression {
        true => is_variable || has_token(text) || has_secret_literal(text, place),
        false => {
            is_variable
                || is_secret_text(text)
                || is_secret_field(name, text)
                || (name == STANDARD_INPUT && has_secret_line(text))
        }
    };
    if is_secret {
        return Some(in_definition(
            name,
            if is_expression { "has an expression with a secret" } else { "is a secret" },
            pointer,
        ));
    }
    let message = || {
        format!(
            "'{name}' seems to be a secret: Step Functions keeps its value in the history of each run. Pass the ARN of a secret \
             in its place."
        )
    };
    (has_name && place.is_argument && is_expression)
        .then(|| Diagnostic::warning("SECRET_IN_HISTORY", pointer, message()))
}

/// Whether a text between quotation marks in an expression is a secret. It is in clear text, as the value of a field is. `place` is that
/// of the expression.
fn has_secret_literal(expression: &str, place: Place<'_>) -> bool {
    let all = literals::of(expression);
    // Texts that do not follow each other have something computed between them.
    let mut list = Vec::new();
    for literal in &all {
        if !literal.follows {
            list.push(None);
        }
        list.push(Some(literal.text.as_str()));
    }
    // A list whose items are joined, such as `['--password=', 'hunter2']`.
    let is_joined = |pair: &[Literal]| {
        let [first, second] = pair else { return false };
        second.follows && first.text.ends_with('=') && is_secret_text(&format!("{}{}", first.text, second.text))
    };
    let formatted = literals::formatted(expression);
    let mut texts = all.iter().map(|literal| &literal.text).chain(&formatted);
    all.iter().any(|literal| is_secret_literal(literal, place.name))
        || all.windows(2).any(|pair| is_joined(pair) || is_encoded_password(pair))
        || formatted.iter().any(|text| is_secret_text(text))
        || texts.any(|text| is_json_with_secret(text, place))
        || !arguments::positions(None, &list).is_empty()
}

/// Whether two texts of an expression are the header `'Basic ' & $base64encode('USER:PASSWORD')`.
fn is_encoded_password(pair: &[Literal]) -> bool {
    let [scheme, credentials] = pair else { return false };
    let is_basic = scheme.text.trim_end().to_ascii_lowercase().ends_with("basic");
    is_basic && credentials.is_encoded && has_password(&credentials.text)
}

/// Whether a text of an expression is JSON with a secret, such as the argument of `States.StringToJson`. Its escapes are those of the
/// expression.
fn is_json_with_secret(text: &str, place: Place<'_>) -> bool {
    let unescaped = ["\"", "'", "{", "}"].iter().fold(text.to_owned(), |text, c| text.replace(&format!("\\{c}"), c));
    [text, &unescaped].into_iter().any(|text| in_json(text, "", place).is_some())
}

/// Whether a text in an expression is a secret: by its form, or as the value of a field with a secret's name. If the text is the
/// complete expression or an alternative of a condition, it is the value of the definition's field, `name`.
fn is_secret_literal(literal: &Literal, name: &str) -> bool {
    let text = &literal.text;
    let is_secret_of = |name: &str| is_secret_field(name, text) && (!literal.is_alternative || is_literal(text));
    is_secret_text(text)
        || literal.field.as_deref().is_some_and(is_secret_of)
        || ((literal.is_complete || literal.is_alternative) && is_secret_of(name))
        || literal.head.as_ref().is_some_and(|head| is_secret_text(&format!("{head}{text}")))
}

fn reads_a_secret(state: &Value) -> bool {
    let resource = state["Resource"].as_str().filter(|_| state["Type"] == "Task").unwrap_or_default();
    let Some(integration) = resource.strip_prefix("arn:aws:states:::") else { return false };
    let decrypts = ["Arguments", "Parameters"].iter().any(|field| state[field]["WithDecryption"] == true);
    READERS.contains(&integration) || (decrypts && DECRYPTING_READERS.contains(&integration))
}

#[cfg(test)]
mod tests;
