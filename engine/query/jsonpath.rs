//! Step Functions' JSONPath: the dialect of Jayway JsonPath (com.jayway.jsonpath) with the additional roots `$$` (Context Object) and
//! `$name` (variable). Crates for RFC 9535 implement another dialect: they lack Jayway's filters, definite paths and error texts,
//! which AWS's causes contain.
//!
//! The version is 2.0.0 (2015). AWS's texts and values match no other: `[(@.length-1)]` works, which later versions refuse; `length()`
//! and `sum()` are names of fields ("Property ['length()'] not found in path $['list']"), which later versions call; an index past
//! the end is null. Sources: recordings; awsdocs/aws-step-functions-developer-guide, pull request 5; AWS re:Post, "sum() function
//! returns error about not finding path"; Developer Guide, "Using paths", which lists what is not supported.

mod condition;
mod evaluate;
mod parse;
mod parse_condition;
mod set;
mod step;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{InThisThread, budget::Budget};
use evaluate::{PathFailure, Walk};
pub(super) use parse::parse_embedded;
use step::{PathStep, Root};

/// The values that a path can start from.
#[derive(Debug, Clone, Copy)]
pub struct Roots<'a> {
    /// The value of `$`.
    pub input: &'a Value,
    /// The value of `$$`.
    pub context: &'a Value,
    /// Variables, innermost scope first.
    pub variables: &'a [&'a Map<String, Value>],
}

impl<'a> Roots<'a> {
    fn variable(&self, name: &str) -> Option<&'a Value> {
        self.variables.iter().find_map(|variables| variables.get(name))
    }
}

/// A path, parsed.
#[derive(Debug, Clone)]
pub struct Path {
    source: String,
    root: Root,
    steps: Vec<PathStep>,
}

/// The reason why a path failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathErrorKind {
    /// The text is not a path.
    Invalid,
    /// The path has no value.
    Missing,
    /// The last step is an index past the end of an array. In a payload template AWS treats this as null.
    OutOfRange,
    /// The path cannot be applied as a `ResultPath` (States.ResultPathMatchFailure).
    NotApplicable,
    /// The evaluation would take too long or allocate too much.
    Limit,
}

/// A path that cannot be parsed or applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PathError {
    /// Why it failed.
    pub kind: PathErrorKind,
    /// AWS's full text, such as `Invalid path '$.a' : No results for path: $['a']`.
    pub message: String,
}

impl PathError {
    fn new(kind: PathErrorKind, source: &str, reason: &str) -> Self {
        PathError { kind, message: format!("Invalid path '{source}' : {reason}") }
    }

    /// Whether the path is valid and only the value is missing.
    pub fn is_missing(&self) -> bool {
        matches!(self.kind, PathErrorKind::Missing | PathErrorKind::OutOfRange)
    }
}

impl Path {
    /// Parses a path.
    ///
    /// # Errors
    /// The text is not a path.
    pub fn parse(source: &str) -> Result<Self, PathError> {
        parse::parse(source).map_err(|reason| PathError::new(PathErrorKind::Invalid, source, &reason))
    }

    /// The text of a path without the white space around it. Jayway 2.0.0 calls Java's `String.trim` before it parses
    /// (`PathCompiler.compile`): every character up to U+0020 is removed.
    pub(crate) fn trimmed(source: &str) -> &str {
        source.trim_matches(|c: char| c <= ' ')
    }

    /// The text it was parsed from, without the white space around it.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether the path selects a single value, which is then not wrapped in an array.
    pub(crate) fn is_definite(&self) -> bool {
        step::is_definite(&self.steps)
    }

    /// Whether this is a Reference Path: only names and indices that are not negative.
    pub fn is_reference(&self) -> bool {
        self.steps.iter().all(|step| match step {
            PathStep::Names(names) => names.len() == 1,
            PathStep::Indices(indices) => indices.len() == 1 && indices.iter().all(|index| *index >= 0),
            _ => false,
        })
    }

    /// Whether it visits no value more than once: it has no scan, filter or function.
    pub(crate) fn is_cheap(&self) -> bool {
        self.steps.iter().all(|step| match step {
            PathStep::Names(_) | PathStep::FromEnd(_) | PathStep::Wildcard => true,
            PathStep::Indices(indices) => indices.len() == 1,
            PathStep::Slice { .. } | PathStep::Scan | PathStep::Filter(_) => false,
        })
    }

    /// Whether the path starts at `$`, as a `ResultPath` must.
    pub(crate) fn starts_at_input(&self) -> bool {
        self.root == Root::Input
    }

    /// Whether the path starts at `$$`.
    pub(crate) fn starts_at_context(&self) -> bool {
        self.root == Root::Context
    }

    /// The name of the variable at which the path starts.
    pub fn variable(&self) -> Option<&str> {
        match &self.root {
            Root::Variable(name) => Some(name),
            Root::Input | Root::Context | Root::Current => None,
        }
    }

    /// The value of a definite path, or an array of the values of an indefinite one.
    ///
    /// # Errors
    /// A definite path has no value, or a limit was reached.
    pub fn evaluate(&self, roots: &Roots<'_>) -> Result<Value, PathError> {
        self.evaluate_within(roots, &Budget::new(&InThisThread))
    }

    /// Like `evaluate`, with the work recorded in a budget.
    pub(crate) fn evaluate_within(&self, roots: &Roots<'_>, budget: &Budget) -> Result<Value, PathError> {
        let document = self.document(roots)?;
        let walk = Walk::new(document, *roots);
        let found = walk.run(&self.root, &self.steps, document).and_then(|values| {
            if self.is_definite() {
                return Ok(values.into_iter().next().map(Cow::into_owned).unwrap_or_default());
            }
            walk.charge_copies(&values)?;
            Ok(Value::Array(values.into_iter().map(Cow::into_owned).collect()))
        });
        budget.charge_work(walk.work_units());
        let error = |kind, reason: &str| Err(PathError::new(kind, &self.source, reason));
        match found {
            Ok(value) => Ok(value),
            Err(PathFailure::Limit) => error(PathErrorKind::Limit, "The evaluation of the path takes too long"),
            // AWS returns an empty array where Jayway fails.
            Err(PathFailure::Missing(_) | PathFailure::OutOfRange(_)) if !self.is_definite() => {
                Ok(Value::Array(Vec::new()))
            }
            Err(PathFailure::Missing(reason)) => error(PathErrorKind::Missing, &reason),
            Err(PathFailure::OutOfRange(reason)) => error(PathErrorKind::OutOfRange, &reason),
        }
    }

    /// A copy of the input with a value inserted at this path, as by a `ResultPath`. Missing objects are created.
    ///
    /// # Errors
    /// The path is no Reference Path into the input, or does not fit the input.
    pub fn set(&self, input: &Value, value: Value) -> Result<Value, PathError> {
        if !(self.starts_at_input() && self.is_reference()) {
            let reason = "A ResultPath must be a Reference Path into the input";
            return Err(PathError::new(PathErrorKind::NotApplicable, &self.source, reason));
        }
        set::set(&self.steps, input, value).map_err(|message| PathError { kind: PathErrorKind::NotApplicable, message })
    }

    /// The path's text as if it started at `$`: AWS's messages omit the second `$` of a path into the Context Object.
    pub(in crate::query) fn source_from_input(&self) -> &str {
        if self.starts_at_context() { self.source.get(1..).unwrap_or_default() } else { &self.source }
    }

    fn document<'a>(&self, roots: &Roots<'a>) -> Result<&'a Value, PathError> {
        match &self.root {
            Root::Input | Root::Current => Ok(roots.input),
            Root::Context => Ok(roots.context),
            Root::Variable(name) => roots.variable(name).ok_or_else(|| {
                let reason = format!("The variable '${name}' has no value");
                PathError::new(PathErrorKind::Missing, &self.source, &reason)
            }),
        }
    }
}
