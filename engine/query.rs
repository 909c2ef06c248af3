//! Expressions: what stands between `{%` and `%}` in a definition. Other query languages join here.

mod jsonata;

pub use jsonata::{EvaluationError, Expression, Moment, ParseError, Scope};
