//! Whether a value fits a filter.

use std::{borrow::Cow, cmp::Ordering};

use regex::Regex;
use serde_json::Value;

use super::{
    evaluate::{Failure, Walk},
    step::{Condition, Operand, Operator, Root, Step, is_definite},
};
use crate::query::compare::{compare_numbers, compare_texts, same};

/// One side of a comparison, once evaluated.
enum Side<'v> {
    Undefined,
    Value(Cow<'v, Value>),
    Pattern(&'v Regex),
}

impl<'d> Walk<'d> {
    /// Whether a value fits.
    pub(super) fn holds(&self, condition: &Condition, current: &Value) -> Result<bool, Failure> {
        self.charge(1)?;
        match condition {
            Condition::All(conditions) => {
                for condition in conditions {
                    if !self.holds(condition, current)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Condition::Any(conditions) => {
                for condition in conditions {
                    if self.holds(condition, current)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Condition::Not(condition) => Ok(!self.holds(condition, current)?),
            Condition::Exists(operand) => self.exists(operand, current),
            Condition::Compare(left, operator, right) => {
                let left = self.side(left, current)?;
                let right = self.side(right, current)?;
                self.compare(&left, *operator, &right)
            }
        }
    }

    fn exists(&self, operand: &Operand, current: &Value) -> Result<bool, Failure> {
        match operand {
            Operand::Path(root, steps) => Ok(self.values(root, steps, current)?.is_some_and(|found| !found.is_empty())),
            Operand::Literal(_) | Operand::Pattern(_) => Ok(true),
        }
    }

    /// The values of a path in a filter or an argument; `None` where nothing is there.
    pub(super) fn values<'v>(
        &self,
        root: &Root,
        steps: &[Step],
        current: &'v Value,
    ) -> Result<Option<Vec<Cow<'v, Value>>>, Failure>
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
        let found = self.run(root, steps, start);
        match found {
            Ok(values) => Ok(Some(values)),
            Err(Failure::Missing(_) | Failure::OutOfRange(_)) => Ok(None),
            Err(Failure::Limit) => Err(Failure::Limit),
        }
    }

    fn side<'v>(&self, operand: &'v Operand, current: &'v Value) -> Result<Side<'v>, Failure>
    where
        'd: 'v,
    {
        Ok(match operand {
            Operand::Literal(value) => Side::Value(Cow::Borrowed(value)),
            Operand::Pattern(pattern) => Side::Pattern(pattern),
            Operand::Path(root, steps) => match self.values(root, steps, current)? {
                None => Side::Undefined,
                Some(values) if is_definite(steps) => match values.into_iter().next() {
                    Some(value) => Side::Value(value),
                    None => Side::Undefined,
                },
                Some(values) => {
                    self.charge_copies(&values)?;
                    Side::Value(Cow::Owned(Value::Array(values.into_iter().map(Cow::into_owned).collect())))
                }
            },
        })
    }

    fn compare(&self, left: &Side<'_>, operator: Operator, right: &Side<'_>) -> Result<bool, Failure> {
        let (left, right) = match (left, right) {
            (Side::Value(left), Side::Value(right)) => (left, right),
            (Side::Value(value), Side::Pattern(pattern)) | (Side::Pattern(pattern), Side::Value(value)) => {
                return if operator == Operator::Matches {
                    self.matches(pattern, value)
                } else {
                    Ok(negates(operator))
                };
            }
            // What is not there equals nothing, and is in nothing.
            _ => return Ok(negates(operator)),
        };
        self.charge(weight(left) + weight(right))?;
        let ordering = || order(left, right);
        Ok(match operator {
            Operator::Equal => equal(left, right),
            Operator::NotEqual => !equal(left, right),
            Operator::SameTypeAndEqual => same_type(left, right) && equal(left, right),
            Operator::NotSameTypeAndEqual => !(same_type(left, right) && equal(left, right)),
            Operator::Less => ordering() == Some(Ordering::Less),
            Operator::LessOrEqual => matches!(ordering(), Some(Ordering::Less | Ordering::Equal)),
            Operator::Greater => ordering() == Some(Ordering::Greater),
            Operator::GreaterOrEqual => matches!(ordering(), Some(Ordering::Greater | Ordering::Equal)),
            Operator::Matches => false,
            Operator::In => self.contains(right, left)?,
            Operator::NotIn => !self.contains(right, left)?,
            Operator::All => self.all_in(right, left)?,
            Operator::SubsetOf => self.all_in(left, right)?,
            Operator::AnyOf => self.any_in(left, right)?,
            Operator::NoneOf => left.is_array() && right.is_array() && !self.any_in(left, right)?,
            Operator::Size => {
                length(left).is_some_and(|length| right.as_f64().is_some_and(|size| size.trunc() == length as f64))
            }
            Operator::Empty => length(left).is_some_and(|length| right.as_bool() == Some(length == 0)),
            Operator::Contains => match (&**left, &**right) {
                (Value::String(left), Value::String(right)) => left.contains(right.as_str()),
                _ => self.contains(left, right)?,
            },
        })
    }

    fn matches(&self, pattern: &Regex, value: &Value) -> Result<bool, Failure> {
        let text = match value {
            Value::Array(items) => {
                for item in items {
                    if !item.is_array() && self.matches(pattern, item)? {
                        return Ok(true);
                    }
                }
                return Ok(false);
            }
            Value::String(text) => Cow::Borrowed(text.as_str()),
            Value::Number(_) | Value::Bool(_) => Cow::Owned(value.to_string()),
            Value::Null | Value::Object(_) => Cow::Borrowed(""),
        };
        self.charge(1 + text.len() / 16)?;
        Ok(pattern.is_match(&text))
    }

    fn contains(&self, list: &Value, wanted: &Value) -> Result<bool, Failure> {
        let Value::Array(items) = list else { return Ok(false) };
        self.charge(items.len())?;
        Ok(items.iter().any(|item| equal(wanted, item)))
    }

    fn all_in(&self, wanted: &Value, list: &Value) -> Result<bool, Failure> {
        let (Value::Array(wanted), Value::Array(_)) = (wanted, list) else { return Ok(false) };
        for item in wanted {
            if !self.contains(list, item)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn any_in(&self, wanted: &Value, list: &Value) -> Result<bool, Failure> {
        let Value::Array(wanted) = wanted else { return Ok(false) };
        for item in wanted {
            if self.contains(list, item)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn negates(operator: Operator) -> bool {
    matches!(operator, Operator::NotEqual | Operator::NotSameTypeAndEqual | Operator::NotIn)
}

/// Long values take long to compare.
fn weight(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() / 64,
        Value::Array(items) => items.len(),
        Value::Object(fields) => fields.len(),
        _ => 0,
    }
}

fn length(value: &Value) -> Option<usize> {
    match value {
        Value::String(text) => Some(text.encode_utf16().count()),
        Value::Array(items) => Some(items.len()),
        Value::Object(fields) => Some(fields.len()),
        _ => None,
    }
}

fn same_type(left: &Value, right: &Value) -> bool {
    let container = |value: &Value| value.is_array() || value.is_object();
    std::mem::discriminant(left) == std::mem::discriminant(right) || (container(left) && container(right))
}

/// As in Jayway, a number equals a text that reads as it.
fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::String(right)) => {
            left.as_f64().is_some_and(|left| right.parse::<f64>().is_ok_and(|right| left == right))
        }
        (Value::String(left), Value::Number(right)) => *left == right.to_string(),
        _ => same(left, right),
    }
}

fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => compare_numbers(left, right),
        (Value::String(left), Value::String(right)) => Some(compare_texts(left, right)),
        (Value::String(left), Value::Number(right)) => Some(compare_texts(left, &right.to_string())),
        (Value::Number(left), Value::String(right)) => Some(compare_texts(&left.to_string(), right)),
        _ => None,
    }
}
