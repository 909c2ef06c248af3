//! Converts the result of an expression to JSON. JSONata values share their parts, so a small one can represent more JSON than fits in
//! memory.

use jsonata_core::value::JValue;
use serde_json::{Map, Value};

use super::EvaluationError;

/// The deepest nesting of a result. The limit of a state's values is lower.
const NESTING_LEVELS_MAX: usize = 120;
/// The most bytes of a result, counted roughly.
const BYTES_MAX: usize = 32 << 20;

/// The result as JSON; `None` for *undefined*.
pub(super) fn to_json(value: &JValue) -> Result<Option<Value>, EvaluationError> {
    if value.is_function() || value.is_regex() {
        return Err(EvaluationError::NotJson);
    }
    if value.is_undefined() {
        return Ok(None);
    }
    Conversion { bytes_left: BYTES_MAX }.value(value, NESTING_LEVELS_MAX).map(Some)
}

struct Conversion {
    bytes_left: usize,
}

impl Conversion {
    fn value(&mut self, value: &JValue, levels_left: usize) -> Result<Value, EvaluationError> {
        self.spend(size_of::<Value>())?;
        let deeper = || {
            let message = format!("the result is nested deeper than {NESTING_LEVELS_MAX} levels");
            levels_left.checked_sub(1).ok_or(EvaluationError::Failed(message))
        };
        match value {
            JValue::String(text) => {
                self.spend(text.len())?;
                Ok(Value::String(text.to_string()))
            }
            // AWS writes a number that JSON cannot represent as a string, but refuses it as the expression's result (floci, issue 2737).
            JValue::Number(number) if !number.is_finite() && levels_left < NESTING_LEVELS_MAX => {
                let sign = if number.is_sign_negative() { "-" } else { "" };
                let text = if number.is_nan() { "NaN".to_owned() } else { format!("{sign}Infinity") };
                Ok(Value::String(text))
            }
            JValue::Number(number) if !number.is_finite() => {
                Err(EvaluationError::Failed(format!("D1001: Number out of range: {number}")))
            }
            JValue::Array(items) => {
                let levels_left = deeper()?;
                items.iter().map(|item| self.value(item, levels_left)).collect::<Result<_, _>>().map(Value::Array)
            }
            JValue::Object(fields) => {
                let levels_left = deeper()?;
                let mut object = Map::new();
                for (name, field) in fields.iter() {
                    self.spend(name.len())?;
                    object.insert(name.clone(), self.value(field, levels_left)?);
                }
                Ok(Value::Object(object))
            }
            other => serde_json::to_value(other).map_err(|error| EvaluationError::Failed(error.to_string())),
        }
    }

    fn spend(&mut self, bytes: usize) -> Result<(), EvaluationError> {
        let message = || format!("the result is larger than {BYTES_MAX} bytes");
        self.bytes_left = self.bytes_left.checked_sub(bytes).ok_or_else(|| EvaluationError::Failed(message()))?;
        Ok(())
    }
}
