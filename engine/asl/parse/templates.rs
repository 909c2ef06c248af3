//! Compiles values that contain expressions, in either query language.

use std::sync::Arc;

use serde_json::Value;

use super::super::{
    Diagnostic, ProblemKind, QueryLanguage, Template,
    check::{below, item},
};
use crate::query::{Expression, PayloadTemplate};

/// Compiles the expressions of a value. `at` is the value's pointer within its state, `state` is the pointer of the state.
pub(super) fn template(
    value: &Value,
    language: QueryLanguage,
    at: &str,
    state: &str,
    found: &mut Vec<Diagnostic>,
) -> Template {
    match language {
        QueryLanguage::Jsonata => jsonata(value, at, state, found),
        QueryLanguage::JsonPath => payload(value, &format!("{state}{at}"), found),
    }
}

fn payload(value: &Value, pointer: &str, found: &mut Vec<Diagnostic>) -> Template {
    if !has_queries(value) {
        return Template::Literal(value.clone());
    }
    match PayloadTemplate::parse(value) {
        Ok(template) => Template::Payload(Arc::new(template)),
        Err(problems) => {
            // AWS reports the object's location; the message names the field.
            for problem in problems {
                let within = problem.pointer.rfind('/').map_or("", |at| &problem.pointer[..at]);
                let location = format!("{pointer}{within}");
                let kind = problem.field.map(ProblemKind::InvalidQuery);
                found.push(Diagnostic {
                    kind,
                    ..Diagnostic::error("SCHEMA_VALIDATION_FAILED", &location, problem.message)
                });
            }
            Template::Literal(value.clone())
        }
    }
}

/// Whether any field of the value, at any depth, has a name that ends in `.$`.
fn has_queries(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(has_queries),
        Value::Object(fields) => fields.iter().any(|(name, field)| name.ends_with(".$") || has_queries(field)),
        _ => false,
    }
}

fn jsonata(value: &Value, at: &str, state: &str, found: &mut Vec<Diagnostic>) -> Template {
    match value {
        Value::String(text) => expression(text, at, state, found),
        Value::Array(items) => {
            let parsed: Vec<_> =
                items.iter().enumerate().map(|(index, value)| jsonata(value, &item(at, index), state, found)).collect();
            if parsed.iter().all(is_literal) { Template::Literal(value.clone()) } else { Template::Array(parsed) }
        }
        Value::Object(fields) => {
            let parsed: Vec<_> = fields
                .iter()
                .map(|(name, field)| (name.clone(), jsonata(field, &below(at, name), state, found)))
                .collect();
            let literal = parsed.iter().all(|(_, field)| is_literal(field));
            if literal { Template::Literal(value.clone()) } else { Template::Object(parsed) }
        }
        other => Template::Literal(other.clone()),
    }
}

fn is_literal(template: &Template) -> bool {
    matches!(template, Template::Literal(_))
}

fn expression(text: &str, at: &str, state: &str, found: &mut Vec<Diagnostic>) -> Template {
    let literal = || Template::Literal(Value::String(text.to_owned()));
    let Some(source) = text.strip_prefix("{%").and_then(|rest| rest.strip_suffix("%}")) else {
        return literal();
    };
    match Expression::parse(source.trim()) {
        Ok(expression) => Template::Expression { expression: Arc::new(expression), pointer: at.to_owned() },
        Err(error) => {
            found.push(Diagnostic::error("INVALID_JSONATA_EXPRESSION", &format!("{state}{at}"), error.message));
            literal()
        }
    }
}
