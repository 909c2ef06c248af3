//! Comparisons that all of JSONPath shares: integers exactly, strings by UTF-16 units as Java does.

use std::cmp::Ordering;

use serde_json::Number;

/// The order of two numbers; never `None` for numbers that JSON can represent.
pub(super) fn compare_numbers(left: &Number, right: &Number) -> Option<Ordering> {
    if let (Some(left), Some(right)) = (left.as_i128(), right.as_i128()) {
        return Some(left.cmp(&right));
    }
    left.as_f64()?.partial_cmp(&right.as_f64()?)
}

/// The order of two strings.
pub(super) fn compare_texts(left: &str, right: &str) -> Ordering {
    left.encode_utf16().cmp(right.encode_utf16())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_too_long_for_a_double_stay_apart() {
        let (one, other) = (9_007_199_254_740_993_i64, 9_007_199_254_740_992_i64);
        assert_eq!(compare_numbers(&one.into(), &other.into()), Some(Ordering::Greater));
    }
}
