//! The Amazon States Language as types: `parse` a JSON document, `check` it for every problem at once.
//! Source: states-language.net/spec.html and the Step Functions Developer Guide.

mod check;
mod evaluate;
mod parse;
mod types;

pub use check::{Diagnostic, Severity, check};
pub use evaluate::{EvaluationFailure, evaluate};
pub use parse::parse;
pub use types::{
    Catcher, ChoiceRule, Common, JitterStrategy, Map, QueryLanguage, Retrier, State, StateKind, StateMachine, Task,
    Template, Wait,
};
