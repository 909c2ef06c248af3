//! Query languages: JSONata (what stands between `{%` and `%}`), and JSONPath with the intrinsic functions, payload
//! templates and comparison operators that Step Functions builds on it.

mod budget;
mod choice;
mod compare;
mod cursor;
mod digest;
mod intrinsic;
mod java;
mod jsonata;
mod jsonpath;
mod patience;
mod payload;
mod random;
#[cfg(test)]
mod recordings;

pub(crate) use budget::Budget;
pub use choice::{Comparison, ComparisonError, parse_timestamp};
pub use intrinsic::{Intrinsic, IntrinsicError, IntrinsicErrorKind};
pub use jsonata::{
    EVALUATION_MS_MAX, Elsewhere, ElsewhereAnswer, ElsewhereRequest, EvaluationError, Expression, Moment, ParseError,
    References, Scope, evaluate_elsewhere,
};
pub use jsonpath::{Path, PathError, PathErrorKind, Roots};
pub(crate) use patience::Patience;
pub use payload::{PayloadFailure, PayloadTemplate, Query, QueryError, QueryErrorKind, TemplateProblem};
