//! The budget of an evaluation: a short text that names a large input many times must not exhaust the memory.

use std::cell::Cell;

use serde_json::Value;

use super::{Evaluator, evaluation_time::EvaluationTime};

/// The maximum number of bytes that one evaluation may allocate, counted roughly. A payload has at most 256 KiB, so no valid evaluation
/// comes near this number.
const BYTES_MAX: usize = 64 << 20;

/// The bytes and time left to an evaluation, the work it has done, and the evaluator that it uses.
pub(crate) struct Budget<'e> {
    pub(crate) evaluator: &'e dyn Evaluator,
    bytes_left: Cell<usize>,
    time: EvaluationTime,
    work_units: Cell<u64>,
}

impl<'e> Budget<'e> {
    /// A full budget.
    pub(crate) fn new(evaluator: &'e dyn Evaluator) -> Self {
        Budget { evaluator, bytes_left: Cell::new(BYTES_MAX), time: EvaluationTime::new(), work_units: Cell::new(0) }
    }

    /// Records work, in units of about 1 ns.
    pub(crate) fn charge_work(&self, units: u64) {
        self.work_units.set(self.work_units.get().saturating_add(units));
    }

    /// The recorded work, including that for values charged with `spend`.
    pub(crate) fn work_units(&self) -> u64 {
        self.work_units.get()
    }

    /// Charges for a value. Returns whether enough bytes and time are left.
    pub(crate) fn spend(&self, value: &Value) -> bool {
        let before = self.bytes_left.get();
        let mut left = before;
        let mut pending = vec![value];
        while let Some(value) = pending.pop() {
            let bytes = match value {
                Value::String(text) => text.len(),
                Value::Array(items) => {
                    pending.extend(items);
                    0
                }
                Value::Object(fields) => {
                    pending.extend(fields.values());
                    fields.keys().map(String::len).sum()
                }
                Value::Null | Value::Bool(_) | Value::Number(_) => 0,
            };
            match left.checked_sub(bytes + size_of::<Value>()) {
                Some(rest) => left = rest,
                None => return false,
            }
        }
        self.bytes_left.set(left);
        self.charge_work((before - left) as u64);
        !self.time.is_over(self.evaluator)
    }
}
