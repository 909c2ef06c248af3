//! Finds definitions whose evaluations may take long. Their executions run in lanes, outside of the dispatcher, so that an evaluation
//! delays no other execution.

use super::{Catcher, Condition, Map, Selection, State, StateKind, Task, Template, Wait};
use crate::query::{Path, Query};

impl State {
    /// Whether the cost of each of its evaluations is at most a small constant times the size of the scope.
    pub(super) fn is_cheap(&self) -> bool {
        let common = &self.common;
        let paths = &common.paths;
        let selections = [&paths.input, &paths.result, &paths.output];
        let templates = [&common.assign, &common.output, &paths.result_selector];
        selections.into_iter().all(Selection::is_cheap)
            && all_cheap(templates)
            && common.catch.iter().all(Catcher::is_cheap)
            && self.kind.is_cheap()
    }
}

impl StateKind {
    fn is_cheap(&self) -> bool {
        match self {
            StateKind::Pass { parameters, .. } => all_cheap([parameters]),
            StateKind::Task(Task { arguments, timeout_seconds, heartbeat_seconds, credentials, .. }) => {
                all_cheap([arguments, timeout_seconds, heartbeat_seconds, credentials])
            }
            StateKind::Choice { rules, .. } => {
                rules.iter().all(|rule| rule.condition.is_cheap() && all_cheap([&rule.assign, &rule.output]))
            }
            StateKind::Wait(Wait::Seconds(template) | Wait::Timestamp(template)) => template.is_cheap(),
            StateKind::Succeed => true,
            StateKind::Fail { error, cause } => all_cheap([error, cause]),
            StateKind::Parallel { arguments, branches } => {
                all_cheap([arguments]) && branches.iter().all(|branch| branch.is_cheap)
            }
            StateKind::Map(map) => map.is_cheap(),
        }
    }
}

impl Map {
    fn is_cheap(&self) -> bool {
        let batcher = self
            .item_batcher
            .iter()
            .all(|batcher| all_cheap([&batcher.max_items, &batcher.max_input_bytes, &batcher.batch_input]));
        let reader =
            self.item_reader.iter().all(|reader| reader.arguments.is_cheap() && all_cheap([&reader.max_items]));
        let writer = self.result_writer.iter().all(|writer| writer.arguments.is_cheap());
        let limits = [&self.max_concurrency, &self.tolerated_failure_count, &self.tolerated_failure_percentage];
        let items = [&self.items, &self.item_selector];
        batcher && reader && writer && all_cheap(limits) && all_cheap(items) && self.processor.is_cheap
    }
}

impl Catcher {
    fn is_cheap(&self) -> bool {
        self.result.is_cheap() && all_cheap([&self.assign, &self.output])
    }
}

impl Condition {
    fn is_cheap(&self) -> bool {
        match self {
            Condition::Expression(template) => template.is_cheap(),
            Condition::And(conditions) | Condition::Or(conditions) => conditions.iter().all(Condition::is_cheap),
            Condition::Not(condition) => condition.is_cheap(),
            Condition::Comparison(comparison) => comparison.paths().into_iter().all(Path::is_cheap),
        }
    }
}

impl Selection {
    fn is_cheap(&self) -> bool {
        match self {
            Selection::Whole | Selection::Nothing => true,
            Selection::Path(path) => path.is_cheap(),
        }
    }
}

impl Template {
    fn is_cheap(&self) -> bool {
        match self {
            Template::Literal(_) => true,
            Template::Expression { expression, .. } => expression.is_cheap(),
            Template::Array(items) => items.iter().all(Template::is_cheap),
            Template::Object(fields) => fields.iter().all(|(_, field)| field.is_cheap()),
            Template::Payload(template) => template.queries().into_iter().all(is_cheap),
            Template::Query { query, .. } => is_cheap(query),
        }
    }
}

fn all_cheap<const COUNT: usize>(templates: [&Option<Template>; COUNT]) -> bool {
    templates.into_iter().flatten().all(Template::is_cheap)
}

/// Whether a query is cheap. An intrinsic call is not: calls may be nested, and each may copy the entire input.
fn is_cheap(query: &Query) -> bool {
    match query {
        Query::Path(path) => path.is_cheap(),
        Query::Intrinsic(_) => false,
    }
}
