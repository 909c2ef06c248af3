//! Query languages: JSONata (the text between `{%` and `%}`), and JSONPath with the intrinsic functions, payload templates and
//! comparison operators of Step Functions.

mod budget;
mod choice;
mod compare;
mod cursor;
mod digest;
mod evaluation_time;
mod evaluator;
mod intrinsic;
mod java;
mod jsonata;
mod jsonpath;
mod payload;
mod random;
#[cfg(test)]
mod recordings;

pub(crate) use budget::Budget;
pub use choice::{Comparison, ComparisonError};
pub(crate) use choice::{NOT_A_TIMESTAMP, parse_timestamp};
pub(crate) use evaluation_time::EvaluationTime;
#[cfg(test)]
pub(crate) use evaluation_time::tests::Stopwatch;
pub use evaluator::{Evaluator, InThisThread};
pub use intrinsic::{Intrinsic, IntrinsicError, IntrinsicErrorKind};
pub use jsonata::{
    EVALUATION_MS_MAX, EvaluationError, Expression, Moment, ParseError, References, Sandbox, SandboxAnswer,
    SandboxRequest, Scope, names::JSONATA_FUNCTIONS,
};
pub use jsonpath::{Path, PathError, PathErrorKind, Roots};
pub use payload::{PayloadFailure, PayloadTemplate, Query, QueryError, QueryErrorKind, TemplateProblem};
