//! Evaluates paths.

use std::{borrow::Cow, cell::Cell};

use serde_json::{Map, Value};

use super::{
    Roots,
    step::{FilterCondition, PathStep, Root, canonical},
};
use crate::query::java::java_text;

/// The most values that one evaluation may visit or copy.
const WORK_MAX: usize = 2_000_000;
/// The work of a visit, in units of about 1 ns.
const VISIT_WORK_UNITS: u64 = 50;

/// The reason why an evaluation has no values.
#[derive(Debug)]
pub(super) enum PathFailure {
    Missing(String),
    OutOfRange(String),
    Limit,
}

type Values<'v> = Vec<Cow<'v, Value>>;

/// One evaluation in one document.
pub(super) struct Walk<'d> {
    pub(super) document: &'d Value,
    pub(super) roots: Roots<'d>,
    work: Cell<usize>,
}

/// The position of a step in its path.
struct PathCursor<'s> {
    root: &'s Root,
    steps: &'s [PathStep],
    position: usize,
    /// Whether the steps before this one select a single value.
    is_definite: bool,
    scanned: bool,
}

impl PathCursor<'_> {
    fn is_last(&self) -> bool {
        self.position + 1 == self.steps.len()
    }

    fn path_up_to(&self, count: usize) -> String {
        canonical(self.root, self.steps.get(..count).unwrap_or(self.steps))
    }

    /// Handles a missing value: an error in a definite path, no values in an indefinite one.
    fn missing<'v>(&self, reason: impl FnOnce() -> String) -> Result<Values<'v>, PathFailure> {
        if self.is_definite { Err(PathFailure::Missing(reason())) } else { Ok(Vec::new()) }
    }
}

impl<'d> Walk<'d> {
    pub(super) fn new(document: &'d Value, roots: Roots<'d>) -> Self {
        Walk { document, roots, work: Cell::new(WORK_MAX) }
    }

    /// The work done so far, in units of about 1 ns.
    pub(super) fn work_units(&self) -> u64 {
        (WORK_MAX - self.work.get()) as u64 * VISIT_WORK_UNITS
    }

    pub(super) fn charge(&self, work: usize) -> Result<(), PathFailure> {
        self.work.set(self.work.get().checked_sub(work).ok_or(PathFailure::Limit)?);
        Ok(())
    }

    /// Charges for the copies of values that may overlap.
    pub(super) fn charge_copies(&self, values: &Values<'_>) -> Result<(), PathFailure> {
        values.iter().try_for_each(|value| self.charge_copy(value))
    }

    fn charge_copy(&self, value: &Value) -> Result<(), PathFailure> {
        let mut pending = vec![value];
        while let Some(value) = pending.pop() {
            self.charge(1)?;
            match value {
                Value::Array(items) => pending.extend(items),
                Value::Object(fields) => pending.extend(fields.values()),
                Value::String(text) => self.charge(text.len() / 64)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// The values that the steps select: one if the steps are definite, else any number.
    pub(super) fn run<'v>(&self, root: &Root, steps: &[PathStep], start: &'v Value) -> Result<Values<'v>, PathFailure> {
        let mut values: Values<'v> = vec![Cow::Borrowed(start)];
        let mut cursor = PathCursor { root, steps, position: 0, is_definite: true, scanned: false };
        for (position, step) in steps.iter().enumerate() {
            cursor.position = position;
            values = self.apply_to_all(&cursor, step, values)?;
            cursor.is_definite &= step.is_definite();
            cursor.scanned = matches!(step, PathStep::Scan);
        }
        if values.is_empty() && cursor.is_definite {
            return Err(PathFailure::Missing(no_results(&canonical(root, steps))));
        }
        Ok(values)
    }

    fn apply_to_all<'v>(
        &self,
        cursor: &PathCursor<'_>,
        step: &PathStep,
        values: Values<'v>,
    ) -> Result<Values<'v>, PathFailure> {
        let mut found = Vec::new();
        for value in values {
            self.charge(1)?;
            match value {
                Cow::Borrowed(value) => found.append(&mut self.apply(cursor, step, value)?),
                Cow::Owned(value) => {
                    let children = self.apply(cursor, step, &value)?;
                    self.charge_copies(&children)?;
                    found.extend(children.into_iter().map(|child| Cow::Owned(child.into_owned())));
                }
            }
        }
        self.charge(found.len())?;
        Ok(found)
    }

    fn apply<'v>(&self, cursor: &PathCursor<'_>, step: &PathStep, value: &'v Value) -> Result<Values<'v>, PathFailure> {
        match step {
            PathStep::Names(names) => self.names(cursor, names, value),
            PathStep::Indices(indices) => match array(cursor, value)? {
                Some(items) => indexed(cursor, items, indices),
                None => Ok(Vec::new()),
            },
            PathStep::FromEnd(back) => match array(cursor, value)? {
                Some(items) => {
                    let index = items.len() as i64 - i64::try_from(*back).unwrap_or(i64::MAX);
                    indexed(cursor, items, &[index])
                }
                None => Ok(Vec::new()),
            },
            PathStep::Slice { from, to } => Ok(match array(cursor, value)? {
                Some(items) => slice(items, *from, *to),
                None => Vec::new(),
            }),
            PathStep::Wildcard => Ok(children(value).map(Cow::Borrowed).collect()),
            PathStep::Scan => self.containers(value),
            PathStep::Filter(condition) => self.filter(cursor, condition, value),
        }
    }

    fn names<'v>(
        &self,
        cursor: &PathCursor<'_>,
        names: &[String],
        value: &'v Value,
    ) -> Result<Values<'v>, PathFailure> {
        let Value::Object(fields) = value else {
            return cursor.missing(|| {
                let property = canonical(cursor.root, &[PathStep::Names(names.to_vec())]);
                let property = property.trim_start_matches(['$', '@']);
                format!("Property {property} not found in path {}", cursor.path_up_to(cursor.position))
            });
        };
        if let [name] = names {
            return match fields.get(name) {
                Some(field) => Ok(vec![Cow::Borrowed(field)]),
                None if cursor.is_last() => Ok(Vec::new()),
                None => {
                    cursor.missing(|| format!("Missing property in path {}", cursor.path_up_to(cursor.position + 1)))
                }
            };
        }
        if !cursor.is_last() {
            let path = cursor.path_up_to(cursor.position + 1);
            return Err(PathFailure::Missing(format!("Multi properties can only be used as path leafs: {path}")));
        }
        let present = names.iter().filter_map(|name| fields.get(name).map(|field| (name, field)));
        let merged: Map<_, _> = present.map(|(name, field)| (name.clone(), field.clone())).collect();
        let merged = Value::Object(merged);
        self.charge_copy(&merged)?;
        Ok(vec![Cow::Owned(merged)])
    }

    fn filter<'v>(
        &self,
        cursor: &PathCursor<'_>,
        condition: &FilterCondition,
        value: &'v Value,
    ) -> Result<Values<'v>, PathFailure> {
        let candidates: Vec<&'v Value> = match value {
            // A deep scan visits the items of an array separately.
            Value::Array(_) if cursor.scanned => Vec::new(),
            // `@` matches objects only. Source: Developer Guide, "Using paths to access input for Step Functions workflows".
            Value::Array(items) => items.iter().filter(|item| item.is_object()).collect(),
            Value::Object(_) => vec![value],
            _ => {
                let context = || {
                    format!("Filter: [?] can not be applied to primitives. Current context is: {}", java_text(value))
                };
                return cursor.missing(context);
            }
        };
        let mut found = Vec::new();
        for candidate in candidates {
            if self.holds(condition, candidate)? {
                found.push(Cow::Borrowed(candidate));
            }
        }
        Ok(found)
    }

    /// Every object and array at or below a value, outermost first.
    fn containers<'v>(&self, value: &'v Value) -> Result<Values<'v>, PathFailure> {
        let mut found = Vec::new();
        let mut pending = vec![value];
        while let Some(value) = pending.pop() {
            self.charge(1)?;
            if value.is_array() || value.is_object() {
                found.push(Cow::Borrowed(value));
                let at = pending.len();
                pending.extend(children(value));
                pending.get_mut(at..).unwrap_or_default().reverse();
            }
        }
        Ok(found)
    }
}

fn children(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Array(items) => Box::new(items.iter()),
        Value::Object(fields) => Box::new(fields.values()),
        _ => Box::new(std::iter::empty()),
    }
}

/// The items of an array; `None` if another value may be skipped.
fn array<'v>(cursor: &PathCursor<'_>, value: &'v Value) -> Result<Option<&'v Vec<Value>>, PathFailure> {
    if let Value::Array(items) = value {
        return Ok(Some(items));
    }
    cursor.missing(|| {
        let current = cursor.path_up_to(cursor.position);
        if value.is_null() {
            return format!("The path {current} is null");
        }
        let step = canonical(cursor.root, cursor.steps.get(cursor.position..=cursor.position).unwrap_or_default());
        let step = step.trim_start_matches(['$', '@']);
        format!("Filter: {step} can only be applied to arrays. Current context is: {}", java_text(value))
    })?;
    Ok(None)
}

fn item(items: &[Value], index: i64) -> Option<&Value> {
    let length = i64::try_from(items.len()).ok()?;
    let index = if index < 0 { index + length } else { index };
    items.get(usize::try_from(index).ok()?)
}

fn no_results(path: &str) -> String {
    format!("No results for path: {path}")
}

fn indexed<'v>(cursor: &PathCursor<'_>, items: &'v [Value], indices: &[i64]) -> Result<Values<'v>, PathFailure> {
    // A negative index selects nothing (measured on AWS).
    let at = |index: &i64| usize::try_from(*index).ok().and_then(|index| items.get(index));
    let found: Values<'v> = indices.iter().filter_map(at).map(Cow::Borrowed).collect();
    if found.is_empty() && indices.len() == 1 && cursor.is_last() && cursor.is_definite {
        return Err(PathFailure::OutOfRange(no_results(&cursor.path_up_to(cursor.steps.len()))));
    }
    Ok(found)
}

/// A slice as Jayway computes it: a negative bound counts from the end only if the other bound is open.
fn slice(items: &[Value], from: Option<i64>, to: Option<i64>) -> Values<'_> {
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let (from, to) = match (from, to) {
        (Some(from), Some(to)) => (from.max(-length), to.min(length)),
        (Some(from), None) => (if from < 0 { (from + length).max(0) } else { from }, length),
        (None, Some(to)) => (0, if to < 0 { to + length } else { to.min(length) }),
        (None, None) => (0, length),
    };
    (from..to).filter_map(|index| item(items, index)).map(Cow::Borrowed).collect()
}
