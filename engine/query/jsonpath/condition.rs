//! Evaluates filter conditions. Source: Jayway JsonPath 2.0.0, `Criteria`.

use std::{borrow::Cow, cmp::Ordering};

use regex::Regex;
use serde_json::{Number, Value};

use super::{
    evaluate::{PathFailure, Walk},
    step::{FilterCondition, FilterOperator, Operand, PathStep, Root},
};
use crate::query::compare::{compare_numbers, compare_texts};

/// One side of a comparison, evaluated.
enum Side<'v> {
    Value(Cow<'v, Value>),
    Pattern(&'v Regex),
}

impl<'d> Walk<'d> {
    /// Whether a value satisfies a condition.
    pub(super) fn holds(&self, condition: &FilterCondition, current: &Value) -> Result<bool, PathFailure> {
        self.charge(1)?;
        match condition {
            FilterCondition::All(conditions) => {
                for condition in conditions {
                    if !self.holds(condition, current)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            FilterCondition::Any(conditions) => {
                for condition in conditions {
                    if self.holds(condition, current)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            // A null value counts as not existing.
            FilterCondition::Exists { root, steps, wanted } => {
                let found = self.value(root, steps, current)?;
                Ok(found.is_some_and(|value| !value.is_null()) == *wanted)
            }
            FilterCondition::Compare(left, operator, right) => {
                let (left, right) = (self.side(left, current)?, self.side(right, current)?);
                match (left, right) {
                    (Some(left), Some(right)) => self.compare(&left, *operator, &right),
                    // A comparison with a missing value is false, also `!=`.
                    _ => Ok(false),
                }
            }
        }
    }

    /// The value of a definite path in a filter; `None` if it is missing.
    fn value<'v>(
        &self,
        root: &Root,
        steps: &[PathStep],
        current: &'v Value,
    ) -> Result<Option<Cow<'v, Value>>, PathFailure>
    where
        'd: 'v,
    {
        let start = match root {
            Root::Current => current,
            Root::Input => self.document,
            Root::Context => self.roots.context,
            Root::Variable(name) => match self.roots.variable(name) {
                Some(variable) => variable,
                None => return Ok(None),
            },
        };
        match self.run(root, steps, start) {
            Ok(values) => Ok(values.into_iter().next()),
            Err(PathFailure::Missing(_) | PathFailure::OutOfRange(_)) => Ok(None),
            Err(PathFailure::Limit) => Err(PathFailure::Limit),
        }
    }

    fn side<'v>(&self, operand: &'v Operand, current: &'v Value) -> Result<Option<Side<'v>>, PathFailure>
    where
        'd: 'v,
    {
        Ok(match operand {
            Operand::Text(text) => Some(Side::Value(Cow::Borrowed(text))),
            Operand::Pattern(pattern) => Some(Side::Pattern(pattern)),
            Operand::Path(root, steps) => self.value(root, steps, current)?.map(Side::Value),
        })
    }

    fn compare(&self, left: &Side<'_>, operator: FilterOperator, right: &Side<'_>) -> Result<bool, PathFailure> {
        let (model, expected) = match (left, right) {
            (Side::Value(left), Side::Value(right)) => (left, right),
            (Side::Value(value), Side::Pattern(pattern)) | (Side::Pattern(pattern), Side::Value(value)) => {
                return if operator == FilterOperator::Matches { self.matches(pattern, value) } else { Ok(false) };
            }
            (Side::Pattern(_), Side::Pattern(_)) => return Ok(false),
        };
        self.charge(weight(model) + weight(expected))?;
        let Some(order) = order(expected, model) else { return Ok(false) };
        let one_is_null = model.is_null() != expected.is_null();
        Ok(match operator {
            FilterOperator::Equal => order == Ordering::Equal,
            FilterOperator::NotEqual => order != Ordering::Equal,
            FilterOperator::Matches => false,
            _ if one_is_null => false,
            FilterOperator::Greater => order == Ordering::Less,
            FilterOperator::GreaterOrEqual => order != Ordering::Greater,
            FilterOperator::Less => order == Ordering::Greater,
            FilterOperator::LessOrEqual => order != Ordering::Less,
        })
    }

    fn matches(&self, pattern: &Regex, value: &Value) -> Result<bool, PathFailure> {
        let text = match value {
            Value::Null => return Ok(false),
            Value::String(text) => Cow::Borrowed(text.as_str()),
            other => Cow::Owned(other.to_string()),
        };
        self.charge(1 + text.len() / 16)?;
        Ok(pattern.is_match(&text))
    }
}

/// The work of comparing a value: long strings take long.
fn weight(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() / 64,
        _ => 0,
    }
}

/// Whether a value is null. The string `null` counts as null.
fn is_nullish(value: &Value) -> bool {
    value.is_null() || value == "null"
}

/// The order of the expected and the actual value; `None` if they cannot be compared.
fn order(expected: &Value, model: &Value) -> Option<Ordering> {
    match (is_nullish(expected), is_nullish(model)) {
        (true, true) => return Some(Ordering::Equal),
        (true, false) => return Some(Ordering::Less),
        (false, true) => return Some(Ordering::Greater),
        (false, false) => {}
    }
    match (expected, model) {
        (Value::String(expected), Value::String(model)) => Some(compare_texts(&expected.replace("\\'", "'"), model)),
        (Value::Number(expected), Value::Number(model)) => compare_numbers(expected, model),
        // A number that is written in a filter is a string.
        (Value::String(expected), Value::Number(model)) => {
            compare_numbers(&serde_json::from_str::<Number>(expected).ok()?, model)
        }
        (Value::String(expected), Value::Bool(model)) => Some(expected.eq_ignore_ascii_case("true").cmp(model)),
        (Value::Bool(expected), Value::Bool(model)) => Some(expected.cmp(model)),
        _ => None,
    }
}
