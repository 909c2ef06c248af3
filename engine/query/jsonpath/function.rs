//! The functions at the end of a path.

use std::borrow::Cow;

use serde_json::{Number, Value};

use super::{
    evaluate::{Failure, Walk},
    step::{Argument, Function, is_definite},
};

const NOTHING_TO_AGGREGATE: &str = "Aggregation function attempted to calculate value using empty array";

impl Walk<'_> {
    /// The value of a function.
    pub(super) fn call(&self, function: Function, arguments: &[Argument], value: &Value) -> Result<Value, Failure> {
        let arguments =
            arguments.iter().map(|argument| self.argument(argument, value)).collect::<Result<Vec<_>, _>>()?;
        self.charge_copies(&vec![Cow::Borrowed(value)])?;
        match function {
            Function::Length => Ok(length(arguments.first().unwrap_or(value))),
            Function::Minimum | Function::Maximum | Function::Average | Function::StandardDeviation | Function::Sum => {
                aggregate(function, &numbers(value, &arguments))
            }
            Function::Keys => Ok(match value {
                Value::Object(fields) => fields.keys().cloned().map(Value::String).collect(),
                _ => Value::Null,
            }),
            Function::Concat => Ok(Value::String(concat(value, &arguments))),
            Function::Append => Ok(match value {
                Value::Array(items) => Value::Array(items.iter().cloned().chain(arguments).collect()),
                _ => value.clone(),
            }),
            Function::First => item(value, 0),
            Function::Last => item(value, -1),
            Function::Index => {
                let index = arguments.first().and_then(Value::as_i64);
                item(value, index.ok_or_else(|| failed("Arguments of index() must be a number"))?)
            }
        }
    }

    fn argument(&self, argument: &Argument, current: &Value) -> Result<Value, Failure> {
        match argument {
            Argument::Literal(value) => Ok(value.clone()),
            Argument::Path(root, steps) => {
                let values = self.values(root, steps, current)?.ok_or_else(|| failed("An argument has no value"))?;
                self.charge_copies(&values)?;
                let mut values = values.into_iter().map(Cow::into_owned);
                Ok(if is_definite(steps) { values.next().unwrap_or_default() } else { values.collect() })
            }
        }
    }
}

fn failed(reason: &str) -> Failure {
    Failure::Missing(reason.to_owned())
}

fn length(value: &Value) -> Value {
    match value {
        Value::Array(items) => Value::from(items.len()),
        Value::Object(fields) => Value::from(fields.len()),
        _ => Value::Null,
    }
}

fn numbers(value: &Value, arguments: &[Value]) -> Vec<f64> {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    let given = arguments.iter().flat_map(|argument| match argument {
        Value::Array(items) => items.as_slice(),
        _ => std::slice::from_ref(argument),
    });
    items.iter().chain(given).filter_map(Value::as_f64).collect()
}

fn aggregate(function: Function, numbers: &[f64]) -> Result<Value, Failure> {
    if numbers.is_empty() {
        return Err(failed(NOTHING_TO_AGGREGATE));
    }
    let count = numbers.len() as f64;
    let sum: f64 = numbers.iter().sum();
    let result = match function {
        Function::Minimum => numbers.iter().copied().fold(f64::INFINITY, f64::min),
        Function::Maximum => numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        Function::Average => sum / count,
        Function::StandardDeviation => {
            let squares: f64 = numbers.iter().map(|number| number * number).sum();
            (squares / count - sum * sum / count / count).max(0.0).sqrt()
        }
        _ => sum,
    };
    Number::from_f64(result).map(Value::Number).ok_or_else(|| failed("The result is not a number that JSON can hold"))
}

fn concat(value: &Value, arguments: &[Value]) -> String {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default().iter().filter(|item| item.is_string());
    items
        .chain(arguments)
        .map(|part| match part {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
        .collect()
}

fn item(value: &Value, index: i64) -> Result<Value, Failure> {
    let Value::Array(items) = value else { return Err(failed(NOTHING_TO_AGGREGATE)) };
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let from_start = if index < 0 { index.saturating_add(length) } else { index };
    let found = usize::try_from(from_start).ok().and_then(|position| items.get(position));
    found.cloned().ok_or_else(|| match items.len() {
        0 => failed(NOTHING_TO_AGGREGATE),
        count => failed(&format!("Target index:{index} larger than object count:{count}")),
    })
}
