//! A problem of an input, in words for the person who wrote it.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::pointer::names;

/// A field of an input with a problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InputProblem {
    /// The field as a JSON Pointer, such as `/database/version`; empty for the input itself.
    pub pointer: String,
    /// The field as written with `--set`, such as `database.version`; empty for the input itself.
    pub field: String,
    /// The value; `None` if the field is missing.
    pub value: Option<Value>,
    /// The problem, such as `is not one of the allowed values`.
    pub problem: String,
    /// The allowed values, such as `one of DNS, EMAIL, EXISTING`.
    pub allowed: String,
}

impl InputProblem {
    /// A problem of `value` at `pointer`.
    pub fn new(pointer: &str, value: Option<&Value>, problem: impl Into<String>, allowed: impl Into<String>) -> Self {
        InputProblem {
            pointer: pointer.to_owned(),
            field: field_of(pointer),
            value: value.cloned(),
            problem: problem.into(),
            allowed: allowed.into(),
        }
    }

    /// The problem in a sentence. `complete` names the value that contains the field, such as `the output`.
    pub fn sentence(&self, complete: &str) -> String {
        let field = if self.field.is_empty() { complete } else { &self.field };
        let problem = match &self.value {
            Some(value) if !value.is_object() => format!("{} {}", shortened(value), self.problem),
            _ => self.problem.clone(),
        };
        format!("{field}: {problem}; allowed: {}", self.allowed)
    }

    /// A problem of the value at `pointer` in `input`.
    pub(crate) fn at(input: &Value, pointer: &str, problem: impl Into<String>, allowed: impl Into<String>) -> Self {
        InputProblem::new(pointer, input.pointer(pointer), problem, allowed)
    }
}

impl fmt::Display for InputProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence("the input"))
    }
}

const SHOWN_CHARACTERS_MAX: usize = 120;

fn shortened(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= SHOWN_CHARACTERS_MAX {
        return text;
    }
    text.chars().take(SHOWN_CHARACTERS_MAX).chain(['…']).collect()
}

fn field_of(pointer: &str) -> String {
    names(pointer).collect::<Vec<_>>().join(".")
}
