//! Parts: the values of a frame that may be long. A long value is stored in a record of its own, which is written only when the value
//! changes. So the cost of a turn does not depend on the size of unchanged values.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Number, Value};

use super::{Frame, FrameRow, FrameState};

/// Values above this many bytes of JSON are stored in a record of their own.
const LONG_BYTES: usize = 1_024;

/// A value of a frame that may be long. The discriminant is the byte in the record's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Part {
    /// The state's input.
    Input = b'i',
    /// The variables of its scope.
    Variables = b'v',
    /// The item of its iteration.
    Item = b't',
    /// A Task's arguments.
    Arguments = b'a',
    /// A Map's items.
    Items = b'm',
    /// The output of an iteration or branch that has ended.
    Output = b'o',
}

/// A frame's row to be written, and which of its values have records of their own.
#[derive(Debug, Clone)]
pub struct FrameWrite {
    /// The row.
    pub row: FrameRow,
    /// The values that have records of their own.
    pub own_records: Vec<Part>,
    /// The values among them that must be written.
    pub changed: Vec<Part>,
    /// Values that had a record of their own and no longer need one: their records are deleted.
    pub removed: Vec<Part>,
}

impl FrameWrite {
    /// The write of a row of which the store has nothing yet.
    pub fn new(row: FrameRow) -> Self {
        Frame::from_row(row).write()
    }
}

/// A value of a frame, of any shape.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum PartValue {
    /// Any value.
    Value(Arc<Value>),
    /// Variables.
    Variables(Arc<Map<String, Value>>),
    /// Items.
    Items(Arc<Vec<Value>>),
}

impl PartValue {
    /// Whether both share one allocation: the value has not changed.
    pub(super) fn is(&self, other: &PartValue) -> bool {
        match (self, other) {
            (PartValue::Value(a), PartValue::Value(b)) => Arc::ptr_eq(a, b),
            (PartValue::Variables(a), PartValue::Variables(b)) => Arc::ptr_eq(a, b),
            (PartValue::Items(a), PartValue::Items(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }

    pub(super) fn is_long(&self) -> bool {
        let mut left = LONG_BYTES;
        match self {
            PartValue::Value(value) => !fits(value, &mut left),
            PartValue::Variables(variables) => !all_fit(variables.iter(), &mut left),
            PartValue::Items(items) => !items.iter().all(|item| take(1, &mut left) && fits(item, &mut left)),
        }
    }
}

/// Whether a value is long enough for a record of its own.
pub(crate) fn is_long(value: &Value) -> bool {
    !fits(value, &mut LONG_BYTES.clone())
}

fn take(bytes: usize, left: &mut usize) -> bool {
    let enough = *left >= bytes;
    *left = left.saturating_sub(bytes);
    enough
}

fn all_fit<'v>(fields: impl Iterator<Item = (&'v String, &'v Value)>, left: &mut usize) -> bool {
    fields.into_iter().all(|(name, value)| take(name.len() + 3, left) && fits(value, left))
}

/// Subtracts the bytes of a value's JSON from `left`; stops as soon as they do not fit.
pub(in crate::machine) fn fits(value: &Value, left: &mut usize) -> bool {
    match value {
        Value::Null | Value::Bool(true) => take(4, left),
        Value::Bool(false) => take(5, left),
        Value::Number(number) => take(length(number), left),
        Value::String(text) => take(text.len() + 2, left),
        Value::Array(items) => take(1 + items.len().max(1), left) && items.iter().all(|item| fits(item, left)),
        Value::Object(fields) => take(1 + fields.len().max(1), left) && all_fit(fields.iter(), left),
    }
}

/// The number of characters of a number's JSON. Integers, which are frequent, are counted without formatting them.
fn length(number: &Number) -> usize {
    let digits = |n: u64| n.checked_ilog10().map_or(1, |exponent| exponent as usize + 1);
    match (number.as_u64(), number.as_i64()) {
        (Some(integer), _) => digits(integer),
        (None, Some(below_zero)) => 1 + digits(below_zero.unsigned_abs()),
        (None, None) => number.to_string().len(),
    }
}

impl Part {
    /// All parts.
    pub const ALL: [Part; 6] = [Part::Input, Part::Variables, Part::Item, Part::Arguments, Part::Items, Part::Output];

    /// The part with this discriminant.
    pub fn of(byte: u8) -> Option<Part> {
        Part::ALL.into_iter().find(|part| *part as u8 == byte)
    }
}

impl FrameRow {
    /// The value of a part, if this frame has it.
    pub fn part(&self, part: Part) -> Option<PartValue> {
        match (part, &self.frame_state) {
            (Part::Input, _) => Some(PartValue::Value(self.input.clone())),
            (Part::Variables, _) => Some(PartValue::Variables(self.variables.clone())),
            (Part::Item, _) => self.item.clone().map(PartValue::Value),
            (Part::Arguments, FrameState::Task { arguments, .. }) => Some(PartValue::Value(arguments.clone())),
            (Part::Items, FrameState::Map { items, .. }) => Some(PartValue::Items(items.clone())),
            (Part::Output, FrameState::Ended { output }) => Some(PartValue::Value(output.clone())),
            _ => None,
        }
    }

    /// Sets the value of a part, or a short value that replaces it in the row.
    pub(crate) fn set_part(&mut self, part: Part, value: Value) {
        let (value, fields, array) = match value {
            Value::Object(fields) if part == Part::Variables => (Value::Null, fields, Vec::new()),
            Value::Array(items) if part == Part::Items => (Value::Null, Map::new(), items),
            value => (value, Map::new(), Vec::new()),
        };
        match (part, &mut self.frame_state) {
            (Part::Input, _) => self.input = Arc::new(value),
            (Part::Variables, _) => self.variables = Arc::new(fields),
            (Part::Item, _) => self.item = Some(Arc::new(value)),
            (Part::Arguments, FrameState::Task { arguments, .. }) => *arguments = Arc::new(value),
            (Part::Items, FrameState::Map { items, .. }) => *items = Arc::new(array),
            (Part::Output, FrameState::Ended { output }) => *output = Arc::new(value),
            _ => {}
        }
    }
}
