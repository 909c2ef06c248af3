//! The Amazon States Language as types: `parse` reads a JSON document, `check` reports every problem of it at once.
//! Source: states-language.net/spec.html and the Step Functions Developer Guide.

mod check;
mod cost;
mod evaluate;
mod parse;
pub mod pointer;
mod raw;
mod references;
mod task_token;
mod types;

pub use check::{Diagnostic, ProblemKind, Severity, check, check_as, read, repeated_keys, unknown_names, without_step};
pub use evaluate::{EvaluationFailure, TemplateData, evaluate};
pub(crate) use evaluate::{evaluate_within, insert_at_result_path, select};
pub use parse::{parse, retriers};
pub use raw::{
    InnerKind, InnerMachine, RawMachine, RawState, each_machine, each_state, find_state, has_express_children,
    is_distributed, machines_inside, next_states, own_fields, states_of, states_of_mut,
};
pub use references::ScopeReferences;
pub use task_token::{beside_task_token, is_task_token};
pub(crate) use types::LABEL_CHARACTERS_MAX;
pub use types::{
    Catcher, ChoiceRule, Common, Condition, InputType, ItemBatcher, ItemReader, JitterStrategy, Map, Paths,
    QueryLanguage, ResultWriter, Retrier, STATE_NAME_CHARACTERS_MAX, Selection, State, StateKind, StateMachine, Task,
    Template, Through, Transformation, Wait,
};
