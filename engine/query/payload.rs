//! Payload templates: JSON in which the value of a field `"name.$"` is a query. Source: States Language specification, "Payload
//! Template".

mod query;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use super::{InThisThread, Path, Roots, budget::Budget, jsonata::Moment};
pub use query::{Query, QueryError, QueryErrorKind};

/// The deepest nesting of a template.
const DEPTH_MAX: usize = 200;

/// A template, parsed.
#[derive(Debug, Clone)]
pub struct PayloadTemplate(Node);

#[derive(Debug, Clone)]
enum Node {
    /// A value without queries.
    Literal(Value),
    Query {
        key: String,
        query: Query,
    },
    Array(Vec<Node>),
    /// The names are stored without their `.$`.
    Object(Vec<(String, Node)>),
}

/// A problem of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateProblem {
    /// The location as a pointer from the template's root, such as `/list[0]/name.$`.
    pub pointer: String,
    /// The problem, in AWS's words.
    pub message: String,
    /// The field whose value is no query; `None` for another problem.
    pub field: Option<String>,
}

/// A query of a template that could not be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PayloadFailure {
    /// The key of the field, `name.$`.
    pub key: String,
    /// The query as written.
    pub query: String,
    /// Why it failed.
    pub error: QueryError,
    /// AWS's full text, such as `The JSONPath '$.a' specified for the field 'name.$' could not be found in the input '{}'`.
    pub message: String,
}

impl PayloadTemplate {
    /// Parses a template.
    ///
    /// # Errors
    /// The fields whose key ends in `.$` and whose value is not a query.
    pub fn parse(template: &Value) -> Result<Self, Vec<TemplateProblem>> {
        let mut problems = Vec::new();
        let node = parse(template, "", 0, &mut problems);
        if problems.is_empty() { Ok(PayloadTemplate(node)) } else { Err(problems) }
    }

    /// The template with every query replaced by its value.
    ///
    /// # Errors
    /// A query failed.
    pub fn evaluate(&self, roots: &Roots<'_>, moment: &Moment) -> Result<Value, PayloadFailure> {
        self.evaluate_within(roots, moment, &Budget::new(&InThisThread))
    }

    /// Like `evaluate`, within a budget that also records the work.
    pub(crate) fn evaluate_within(
        &self,
        roots: &Roots<'_>,
        moment: &Moment,
        budget: &Budget,
    ) -> Result<Value, PayloadFailure> {
        evaluate(&self.0, &Evaluation { roots, moment, budget })
    }

    /// The queries of the template.
    pub fn queries(&self) -> Vec<&Query> {
        let mut queries = Vec::new();
        let mut pending = vec![&self.0];
        while let Some(node) = pending.pop() {
            match node {
                Node::Literal(_) => {}
                Node::Query { query, .. } => queries.push(query),
                Node::Array(items) => pending.extend(items),
                Node::Object(fields) => pending.extend(fields.iter().map(|(_, field)| field)),
            }
        }
        queries
    }
}

fn parse(template: &Value, pointer: &str, depth: usize, problems: &mut Vec<TemplateProblem>) -> Node {
    if depth > DEPTH_MAX {
        let message = format!("The template must not be nested deeper than {DEPTH_MAX} levels");
        problems.push(TemplateProblem { pointer: pointer.to_owned(), message, field: None });
        return Node::Literal(Value::Null);
    }
    match template {
        Value::Array(items) => {
            let nodes: Vec<_> = items
                .iter()
                .enumerate()
                .map(|(index, item)| parse(item, &format!("{pointer}[{index}]"), depth + 1, problems))
                .collect();
            if nodes.iter().all(Node::is_literal) { Node::Literal(template.clone()) } else { Node::Array(nodes) }
        }
        Value::Object(fields) => {
            let nodes: Vec<_> =
                fields.iter().map(|(key, field)| parse_field(key, field, pointer, depth, problems)).collect();
            let literal = nodes.iter().all(|(_, node)| node.is_literal());
            if literal { Node::Literal(template.clone()) } else { Node::Object(nodes) }
        }
        _ => Node::Literal(template.clone()),
    }
}

fn parse_field(
    key: &str,
    field: &Value,
    pointer: &str,
    depth: usize,
    problems: &mut Vec<TemplateProblem>,
) -> (String, Node) {
    let pointer = format!("{pointer}/{key}");
    let Some(name) = key.strip_suffix(".$") else {
        return (key.to_owned(), parse(field, &pointer, depth + 1, problems));
    };
    match field.as_str().map(Query::parse) {
        Some(Ok(query)) => (name.to_owned(), Node::Query { key: key.to_owned(), query }),
        _ => {
            let message =
                format!("The value for the field '{key}' must be a valid JSONPath or a valid intrinsic function call");
            problems.push(TemplateProblem { pointer, message, field: Some(key.to_owned()) });
            (name.to_owned(), Node::Literal(Value::Null))
        }
    }
}

impl Node {
    fn is_literal(&self) -> bool {
        matches!(self, Node::Literal(_))
    }
}

struct Evaluation<'e> {
    roots: &'e Roots<'e>,
    moment: &'e Moment,
    budget: &'e Budget<'e>,
}

fn evaluate(node: &Node, evaluation: &Evaluation<'_>) -> Result<Value, PayloadFailure> {
    match node {
        Node::Literal(value) => Ok(value.clone()),
        Node::Array(items) => items.iter().map(|item| evaluate(item, evaluation)).collect(),
        Node::Object(fields) => fields
            .iter()
            .map(|(name, field)| Ok((name.clone(), evaluate(field, evaluation)?)))
            .collect::<Result<Map<_, _>, _>>()
            .map(Value::Object),
        Node::Query { key, query } => {
            let found = match query.evaluate_within(evaluation.roots, evaluation.moment, evaluation.budget) {
                // An index past the end is null in a payload template only. Measured on AWS.
                Err(error) if error.kind() == QueryErrorKind::OutOfRange => Ok(Value::Null),
                found => found,
            };
            let paid = found.and_then(|value| {
                if evaluation.budget.spend(&value) { Ok(value) } else { Err(QueryError::too_large(query)) }
            });
            paid.map_err(|error| failure(key, query, error, evaluation.roots))
        }
    }
}

fn failure(key: &str, query: &Query, error: QueryError, roots: &Roots<'_>) -> PayloadFailure {
    let message = match query {
        Query::Path(path) if error.kind() == QueryErrorKind::Missing => missing(key, path, roots),
        _ => error.to_string(),
    };
    PayloadFailure { key: key.to_owned(), query: query.source().to_owned(), error, message }
}

fn missing(key: &str, path: &Path, roots: &Roots<'_>) -> String {
    let document = if path.starts_at_context() { roots.context } else { roots.input };
    let source = path.source_from_input();
    format!("The JSONPath '{source}' specified for the field '{key}' could not be found in the input '{document}'")
}
