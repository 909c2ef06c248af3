//! Inserts a value at a path.

use serde_json::{Map, Value};

use super::step::PathStep;

/// A copy of the input with a value inserted at the steps' path; the error is AWS's text.
pub(super) fn set(steps: &[PathStep], input: &Value, value: Value) -> Result<Value, String> {
    if steps.is_empty() {
        return Ok(value);
    }
    let mut output = input.clone();
    let mut target = &mut output;
    for step in steps {
        target = match step {
            PathStep::Names(names) => child(target, names.first().map(String::as_str).unwrap_or_default())?,
            PathStep::Indices(indices) => item(target, indices.first().copied().unwrap_or_default())?,
            _ => return Err("A ResultPath must be a Reference Path".to_owned()),
        };
    }
    *target = value;
    Ok(output)
}

fn child<'v>(target: &'v mut Value, name: &str) -> Result<&'v mut Value, String> {
    match target {
        // A missing object is created empty.
        Value::Object(fields) => Ok(fields.entry(name).or_insert_with(|| Value::Object(Map::new()))),
        _ => Err(format!("Unable to apply step \"{name}\" to input {target}")),
    }
}

fn item(target: &mut Value, index: i64) -> Result<&mut Value, String> {
    let position = usize::try_from(index).unwrap_or(usize::MAX);
    // Checked separately: the borrow of the found item would otherwise outlive the message.
    if target.get(position).is_none() {
        return Err(format!("Unable to apply step \"{index}\" to input {target}"));
    }
    target.get_mut(position).ok_or_else(|| format!("Unable to apply step \"{index}\""))
}
