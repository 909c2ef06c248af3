//! How values compare, in every part of JSONPath alike: whole numbers exactly, texts by UTF-16 units as Java does.

use std::cmp::Ordering;

use serde_json::{Number, Value};

/// The order of two numbers; `None` never happens for numbers that JSON can hold.
pub(super) fn compare_numbers(left: &Number, right: &Number) -> Option<Ordering> {
    if let (Some(left), Some(right)) = (left.as_i128(), right.as_i128()) {
        return Some(left.cmp(&right));
    }
    left.as_f64()?.partial_cmp(&right.as_f64()?)
}

/// The order of two texts.
pub(super) fn compare_texts(left: &str, right: &str) -> Ordering {
    left.encode_utf16().cmp(right.encode_utf16())
}

/// Whether two values are the same, where 1 and 1.0 are.
pub(super) fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => compare_numbers(left, right) == Some(Ordering::Equal),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(name, field)| right.get(name).is_some_and(|other| same(field, other)))
        }
        _ => left == right,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_too_long_for_a_double_stay_apart() {
        assert!(!same(&json!(9_007_199_254_740_993_i64), &json!(9_007_199_254_740_992_i64)));
        assert!(same(&json!({ "a": [1.0] }), &json!({ "a": [1] })));
        assert!(!same(&json!("1"), &json!(1)));
    }
}
