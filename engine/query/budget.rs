//! How much an evaluation may build: a short text that names a large input many times must not fill the memory.

use std::cell::Cell;

use serde_json::Value;

use super::evaluation_time::EvaluationTime;

/// The most bytes one evaluation may hold, counted roughly. A payload has at most 256 KiB, so this is never near.
const BYTES_MAX: usize = 64 << 20;

/// What is left to an evaluation.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes_left: Cell<usize>,
    time: EvaluationTime,
    work_units: Cell<u64>,
}

impl Budget {
    /// A whole budget.
    pub(crate) fn new() -> Self {
        Budget { bytes_left: Cell::new(BYTES_MAX), time: EvaluationTime::new(), work_units: Cell::new(0) }
    }

    /// Records work that was done, in units of about a nanosecond.
    pub(crate) fn charge_work(&self, units: u64) {
        self.work_units.set(self.work_units.get().saturating_add(units));
    }

    /// The work that was recorded, values that were paid for included.
    pub(crate) fn work_units(&self) -> u64 {
        self.work_units.get()
    }

    /// Pays for a value, if enough is left of it and of time.
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
        !self.time.is_over()
    }
}
