//! Values in Java's notation: Step Functions runs on Java, and its messages and orders show it.

use std::collections::HashMap;

use serde_json::Value;

/// The text of a value as `String.valueOf` writes it: `{a=1, b=[x, null]}`.
pub(super) fn java_text(value: &Value) -> String {
    let mut text = String::new();
    write_java(&mut text, value);
    text
}

fn write_java(text: &mut String, value: &Value) {
    match value {
        Value::String(string) => text.push_str(string),
        Value::Array(items) => {
            text.push('[');
            for (position, item) in items.iter().enumerate() {
                text.push_str(if position == 0 { "" } else { ", " });
                write_java(text, item);
            }
            text.push(']');
        }
        Value::Object(fields) => {
            text.push('{');
            for (position, (name, field)) in fields.iter().enumerate() {
                text.push_str(if position == 0 { "" } else { ", " });
                text.push_str(name);
                text.push('=');
                write_java(text, field);
            }
            text.push('}');
        }
        Value::Number(number) if number.is_f64() => text.push_str(&java_double(number.as_f64().unwrap_or_default())),
        Value::Null | Value::Bool(_) | Value::Number(_) => text.push_str(&value.to_string()),
    }
}

/// A number as `Double.toString` writes it: with an exponent below 0.001 and from 10,000,000 on.
fn java_double(number: f64) -> String {
    if number == 0.0 || (1e-3..1e7).contains(&number.abs()) {
        return format!("{number:?}");
    }
    let text = format!("{number:E}");
    match text.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        _ => text,
    }
}

/// The hash of a value as `hashCode` computes it, which determines the order of a Java set.
fn java_hash(value: &Value) -> i32 {
    match value {
        Value::Null => 0,
        Value::Bool(true) => 1231,
        Value::Bool(false) => 1237,
        Value::Number(number) => match number.as_i64() {
            Some(number) => i32::try_from(number).unwrap_or((number ^ ((number as u64) >> 32) as i64) as i32),
            None => {
                let bits = number.as_f64().unwrap_or_default().to_bits();
                (bits ^ (bits >> 32)) as i32
            }
        },
        Value::String(text) => {
            text.encode_utf16().fold(0, |hash: i32, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
        }
        Value::Array(items) => {
            items.iter().fold(1, |hash: i32, item| hash.wrapping_mul(31).wrapping_add(java_hash(item)))
        }
        Value::Object(fields) => fields.iter().fold(0, |hash: i32, (name, field)| {
            hash.wrapping_add(java_hash(&Value::String(name.clone())) ^ java_hash(field))
        }),
    }
}

/// The distinct values in the order of a `java.util.HashSet`, which is the order of `States.ArrayUnique` on AWS.
pub(super) fn java_set(items: &[Value]) -> Vec<Value> {
    let mut by_hash: HashMap<u32, Vec<&Value>> = HashMap::new();
    let mut unique: Vec<(u32, &Value)> = Vec::new();
    for item in items {
        let hash = java_hash(item) as u32;
        let alike = by_hash.entry(hash).or_default();
        if !alike.contains(&item) {
            alike.push(item);
            unique.push((hash ^ (hash >> 16), item));
        }
    }
    // The table grows when it is more than three quarters full.
    let mut buckets = 16_usize;
    while unique.len() * 4 > buckets * 3 {
        buckets *= 2;
    }
    unique.sort_by_key(|(hash, _)| *hash as usize & (buckets - 1));
    unique.into_iter().map(|(_, item)| item.clone()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_reads_as_a_java_map() {
        assert_eq!(
            java_text(&json!({ "Id": "arn", "Name": "n", "l": [1, null, 1.5] })),
            "{Id=arn, Name=n, l=[1, null, 1.5]}"
        );
    }

    #[test]
    fn a_number_reads_as_a_java_number() {
        let numbers = json!([1, 1.0, 0.001, 0.0001, 1e7, 1.5e300]);
        assert_eq!(java_text(&numbers), "[1, 1.0, 0.001, 1.0E-4, 1.0E7, 1.5E300]");
    }

    #[test]
    fn a_set_has_the_order_that_was_measured_on_aws() {
        let cases = [
            (json!([true, false, true, false]), json!([false, true])),
            (json!([[1, 2], [1, 2], [2, 1]]), json!([[2, 1], [1, 2]])),
            (json!([1, 2, 1, 3, 2, 4]), json!([1, 2, 3, 4])),
            (json!([1, "1", 1, "01"]), json!([1, "1", "01"])),
            (json!([null, null, 1, null]), json!([null, 1])),
            (json!([{ "a": 1, "b": 2 }, { "b": 2, "a": 1 }]), json!([{ "a": 1, "b": 2 }])),
        ];
        for (items, expected) in cases {
            assert_eq!(json!(java_set(items.as_array().map_or(&[], Vec::as_slice))), expected, "{items}");
        }
    }
}
