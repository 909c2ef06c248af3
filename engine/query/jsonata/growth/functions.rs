//! The growth of the built-in functions. A function without a row has no bound. `engine/tests/growth.rs` measures every row.

use super::bound::VALUE_UNITS;

/// The size of a result as a function of the sizes of the arguments.
#[derive(Debug, Clone, Copy)]
pub(super) enum Size {
    /// A number, a boolean, or a string of at most 128 bytes.
    Constant,
    /// A multiple of the sum of the arguments.
    Times(f64),
    /// The items of the first argument, with the second one between them.
    Joined,
}

/// The work as a function of the sizes of the arguments.
#[derive(Debug, Clone, Copy)]
pub(super) enum Work {
    /// This many units for each unit of the arguments.
    Times(f64),
    /// This many units for the square of the arguments' units.
    Squared(f64),
    /// The size of the result.
    Result,
}

/// The growth of one function.
#[derive(Debug, Clone, Copy)]
pub(super) struct Growth {
    pub size: Size,
    pub work: Work,
    /// Whether the result is a string: writing it into another string adds no escapes.
    pub text: bool,
    /// Whether the result is a number or a boolean.
    pub scalar: bool,
    /// The most arguments for which the row is valid.
    pub arguments_max: usize,
}

/// Rows are `name, arguments, size, work`.
const fn scalar(arguments_max: usize, work: f64) -> Growth {
    Growth { size: Size::Constant, work: Work::Times(work), text: false, scalar: true, arguments_max }
}

const fn text(arguments_max: usize, size: f64, work: f64) -> Growth {
    Growth { size: Size::Times(size), work: Work::Times(work), text: true, scalar: false, arguments_max }
}

const fn short_text(arguments_max: usize, work: f64) -> Growth {
    Growth { size: Size::Constant, work: Work::Times(work), text: true, scalar: false, arguments_max }
}

const fn value(arguments_max: usize, size: f64, work: Work) -> Growth {
    Growth { size: Size::Times(size), work, text: false, scalar: false, arguments_max }
}

/// The factor for writing a value as text: a control character becomes six bytes.
pub(super) const TEXT_OF_VALUE: f64 = 6.0;
/// The factor for parsing JSON: `[0,0]` has a value in every two bytes.
const VALUE_OF_TEXT: f64 = 1.0 + VALUE_UNITS / 2.0;
/// The factor for splitting: every byte may become a value.
const VALUES_OF_TEXT: f64 = 1.0 + VALUE_UNITS;

/// The growth of a function with this many arguments.
pub(super) fn growth(name: &str, arguments: usize) -> Option<Growth> {
    let growth = match name {
        "abs" | "ceil" | "floor" | "sqrt" | "number" | "boolean" | "not" | "exists" | "count" | "length" | "sum"
        | "max" | "min" | "average" => scalar(1, 2.0),
        "power" | "round" | "contains" => scalar(2, 4.0),
        "millis" | "random" => scalar(1, 1.0),
        "now" => short_text(0, 1.0),
        "uuid" => short_text(0, 1.0),
        "type" => short_text(1, 1.0),
        "hash" => short_text(2, 32.0),
        "lowercase" | "uppercase" => text(1, 3.0, 16.0),
        "trim" => text(1, 1.0, 16.0),
        "substring" => text(3, 1.0, 16.0),
        "substringBefore" | "substringAfter" => text(2, 1.0, 8.0),
        "base64encode" => text(1, 1.5, 8.0),
        // Each byte of invalid UTF-8 becomes three bytes.
        "base64decode" => text(1, 3.0, 8.0),
        "string" => text(1, TEXT_OF_VALUE, 8.0),
        "join" => Growth { size: Size::Joined, work: Work::Result, text: true, scalar: false, arguments_max: 2 },
        "split" => value(2, VALUES_OF_TEXT, Work::Times(4.0 * VALUES_OF_TEXT)),
        "parse" => value(1, VALUE_OF_TEXT, Work::Times(4.0 * VALUE_OF_TEXT)),
        "append" => value(2, 1.0, Work::Times(2.0)),
        "reverse" => value(1, 1.0, Work::Times(2.0)),
        "lookup" => value(2, 1.0, Work::Times(4.0)),
        "merge" => value(1, 1.0, Work::Times(8.0)),
        "spread" => value(1, 2.0, Work::Times(8.0)),
        "partition" => value(2, 2.0, Work::Times(4.0)),
        // Each name is compared with all names found earlier.
        "keys" => value(1, 1.0, Work::Squared(1.0 / 512.0)),
        "distinct" => value(1, 1.0, Work::Squared(1.0 / 64.0)),
        _ => return None,
    };
    (arguments <= growth.arguments_max).then_some(growth)
}
