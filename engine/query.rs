//! Query languages: JSONata (what stands between `{%` and `%}`), and JSONPath with the intrinsic functions, payload
//! templates and comparison operators that Step Functions builds on it.

mod choice;
mod compare;
mod cursor;
mod digest;
mod intrinsic;
mod java;
mod jsonata;
mod jsonpath;
mod payload;
mod random;
#[cfg(test)]
mod recordings;

pub use choice::{Comparison, ComparisonError, parse_timestamp};
pub use intrinsic::{Intrinsic, IntrinsicError, IntrinsicErrorKind};
pub use jsonata::{EvaluationError, Expression, Moment, ParseError, Scope};
pub use jsonpath::{Path, PathError, PathErrorKind, Roots};
pub use payload::{PayloadFailure, PayloadTemplate, Query, QueryError, QueryErrorKind, TemplateProblem};
