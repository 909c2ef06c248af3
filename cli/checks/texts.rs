//! The texts in a part of a definition.

use engine::asl::pointer::{below, item};
use serde_json::Value;

/// Calls `visit` with every text in a value and its JSON pointer; `pointer` is that of the value itself.
pub fn each_text<'v>(value: &'v Value, pointer: &str, visit: &mut dyn FnMut(&'v str, &str)) {
    match value {
        Value::String(text) => visit(text, pointer),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, part)| each_text(part, &item(pointer, index), visit));
        }
        Value::Object(fields) => fields.iter().for_each(|(name, field)| {
            each_text(field, &below(pointer, name), visit);
        }),
        _ => {}
    }
}
