//! Validates a request against its shape and reports every violation at once in AWS's words.

use serde_json::Value;

use super::shapes::{Member, Shape, Text};
use crate::Fault;

/// Validates every member of a request.
pub(super) fn check(members: &[Member], request: &Value) -> Result<(), Fault> {
    let mut found = Vec::new();
    check_members(members, request, "", &mut found)?;
    match found.len() {
        0 => Ok(()),
        1 => Err(Fault::validation(format!("1 validation error detected: {}", found[0]))),
        count => Err(Fault::validation(format!("{count} validation errors detected: {}", found.join("; ")))),
    }
}

fn check_members(members: &[Member], value: &Value, path: &str, found: &mut Vec<String>) -> Result<(), Fault> {
    let Value::Object(fields) = value else { return Err(unexpected(value, "Structure")) };
    for member in members {
        let at = if path.is_empty() { member.name.to_owned() } else { format!("{path}.{}", member.name) };
        match fields.get(member.name) {
            None | Some(Value::Null) if member.required => {
                found.push(format!("Value null at '{at}' failed to satisfy constraint: Member must not be null"));
            }
            None | Some(Value::Null) => {}
            Some(value) => check_value(&member.shape, value, &at, found)?,
        }
    }
    Ok(())
}

fn check_value(shape: &Shape, value: &Value, at: &str, found: &mut Vec<String>) -> Result<(), Fault> {
    match shape {
        Shape::Object { members, .. } => return check_members(members, value, at, found),
        Shape::Flag if !value.is_boolean() => return Err(unexpected(value, "Boolean")),
        Shape::Flag => {}
        Shape::Number { min, max } => {
            let number = value.as_f64().ok_or_else(|| unexpected(value, "Integer"))?;
            if number < *min as f64 {
                found.push(refused(shape, value, at, &format!("have value greater than or equal to {min}")));
            }
            if number > *max as f64 {
                found.push(refused(shape, value, at, &format!("have value less than or equal to {max}")));
            }
        }
        Shape::Choice(words) => {
            let word = value.as_str().ok_or_else(|| unexpected(value, "String"))?;
            if !words.contains(&word) {
                let must = format!("satisfy enum value set: [{}]", words.join(", "));
                found.push(refused(shape, value, at, &must));
            }
        }
        Shape::Text(text) => {
            let said = value.as_str().ok_or_else(|| unexpected(value, "String"))?;
            found.extend(check_text(text, said).iter().map(|must| refused(shape, value, at, must)));
        }
        Shape::List { item, min, max } => {
            let items = value.as_array().ok_or_else(|| unexpected(value, "List"))?;
            found.extend(check_length(items.len(), *min, *max).iter().map(|must| refused(shape, value, at, must)));
            for (number, value) in (1..).zip(items) {
                check_value(item, value, &format!("{at}.{number}.member"), found)?;
            }
        }
    }
    Ok(())
}

fn check_text(text: &Text, said: &str) -> Vec<String> {
    let mut broken: Vec<String> = check_length(said.chars().count(), text.min, text.max).into_iter().collect();
    if let Some(pattern) = text.pattern.as_ref().filter(|pattern| broken.is_empty() && !(pattern.matches)(said)) {
        broken.push(format!("satisfy regular expression pattern: {}", pattern.expression));
    }
    broken
}

fn check_length(length: usize, min: usize, max: usize) -> Option<String> {
    if length < min {
        return Some(format!("have length greater than or equal to {min}"));
    }
    (length > max).then(|| format!("have length less than or equal to {max}"))
}

fn refused(shape: &Shape, value: &Value, at: &str, must: &str) -> String {
    let said = match shape {
        Shape::Text(Text { is_secret: true, .. }) => String::new(),
        _ => format!(" '{}'", shown(shape, value)),
    };
    format!("Value{said} at '{at}' failed to satisfy constraint: Member must {must}")
}

/// A value as AWS repeats it in messages.
fn shown(shape: &Shape, value: &Value) -> String {
    match (shape, value) {
        (Shape::Text(Text { is_secret: true, .. }), _) => "***".to_owned(),
        (Shape::List { item, .. }, Value::Array(items)) => {
            let items: Vec<String> = items.iter().map(|value| shown(item, value)).collect();
            format!("[{}]", items.join(", "))
        }
        (Shape::Object { name, members }, Value::Object(fields)) => {
            let given = members.iter().filter_map(|member| Some((member, fields.get(member.name)?)));
            let parts = given.map(|(member, value)| format!("{}={}", member.name, shown(&member.shape, value)));
            format!("{name}({})", parts.collect::<Vec<_>>().join(", "))
        }
        (_, Value::String(text)) => text.clone(),
        (_, other) => other.to_string(),
    }
}

/// The fault for a value of another JSON type than its member: AWS cannot deserialize such a request.
fn unexpected(value: &Value, wanted: &str) -> Fault {
    let message = match value {
        Value::Object(_) => "Start of structure or map found where not expected.".to_owned(),
        Value::Array(_) => "Start of list found where not expected".to_owned(),
        Value::String(_) => format!("STRING_VALUE can not be converted to {wanted}"),
        Value::Number(_) => format!("NUMBER_VALUE can not be converted to {wanted}"),
        Value::Bool(_) => format!("{}_VALUE can not be converted to {wanted}", value.to_string().to_uppercase()),
        Value::Null => format!("NULL_VALUE can not be converted to {wanted}"),
    };
    Fault::new("SerializationException", message)
}
