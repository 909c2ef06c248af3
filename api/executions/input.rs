//! Inputs and outputs: JSON texts of limited length.

use engine::machine::{NESTING_LEVELS_MAX, PAYLOAD_BYTES_MAX, too_deep};
use serde_json::Value;

use crate::{Fault, malformed};

/// The longest input and output, in bytes of UTF-8 (API Reference, StartExecution).
pub(crate) const BYTES_MAX: usize = PAYLOAD_BYTES_MAX;

/// Reads an execution's input.
pub(crate) fn read(text: &str) -> Result<Value, Fault> {
    if text.trim().is_empty() {
        return Err(invalid("Invalid execution input."));
    }
    if text.len() > BYTES_MAX {
        return Err(invalid(&format!("The input is longer than {BYTES_MAX} bytes")));
    }
    let input = serde_json::from_str(text).map_err(|error| invalid(&malformed::complaint(text, &error)))?;
    refuse_deep(&input)?;
    Ok(input)
}

/// Refuses an input that the store could write and not read again: each record adds levels, and the parser has a limit.
pub(crate) fn refuse_deep(input: &Value) -> Result<(), Fault> {
    match too_deep(input) {
        true => Err(invalid(&format!("The input is nested deeper than {NESTING_LEVELS_MAX} levels"))),
        false => Ok(()),
    }
}

/// Reads a task's output.
pub(crate) fn read_output(text: &str) -> Result<Value, Fault> {
    let invalid = |what: &str| Fault::new("InvalidOutput", format!("Invalid Output: '{what}'"));
    if text.len() > BYTES_MAX {
        return Err(invalid(&format!("The output is longer than {BYTES_MAX} bytes")));
    }
    let output = serde_json::from_str(text).map_err(|error| invalid(&malformed::complaint(text, &error)))?;
    if too_deep(&output) {
        return Err(invalid(&format!("The output is nested deeper than {NESTING_LEVELS_MAX} levels")));
    }
    Ok(output)
}

fn invalid(what: &str) -> Fault {
    Fault::new("InvalidExecutionInput", format!("Invalid State Machine Execution Input: '{what}'"))
}
