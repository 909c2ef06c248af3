//! Parses the rules of a Choice.

use std::sync::Arc;

use serde_json::Value;

use super::{
    super::{
        ChoiceRule, Condition, Diagnostic, QueryLanguage,
        check::{below, item},
    },
    fields::Fields,
};
use crate::query::Comparison;

/// The deepest nesting of And, Or and Not.
const NESTING_MAX: usize = 60;

/// Parses the rules of a Choice.
pub(super) fn choices(
    items: &[Value],
    language: QueryLanguage,
    pointer: &str,
    base: usize,
    found: &mut Vec<Diagnostic>,
) -> Vec<ChoiceRule> {
    let read = |(index, value): (usize, &Value)| {
        let pointer = item(pointer, index);
        let mut fields = Fields::within(value, &pointer, base, language, found)?;
        let next = fields.required_text("Next");
        let assign = fields.assign();
        let output = fields.jsonata("Output");
        fields.allow(&["Comment"]);
        let condition = match language {
            QueryLanguage::Jsonata => {
                let condition = fields.template("Condition");
                if condition.is_none() {
                    fields.missing("Condition");
                }
                condition.map(Condition::Expression)
            }
            QueryLanguage::JsonPath => rule(value, &mut fields, &pointer, 0),
        };
        fields.refuse_others();
        Some(ChoiceRule { condition: condition?, next: next?, assign, output })
    };
    items.iter().enumerate().filter_map(read).collect()
}

/// Parses a rule, or a rule nested in And, Or and Not.
fn rule<'v>(value: &'v Value, fields: &mut Fields<'v, '_>, pointer: &str, depth: usize) -> Option<Condition> {
    if depth > NESTING_MAX {
        fields.wrong("Not", format!("And, Or and Not are nested deeper than {NESTING_MAX} levels."));
        return None;
    }
    for (name, join) in [("And", Condition::And as fn(_) -> _), ("Or", Condition::Or as fn(_) -> _)] {
        if value.get(name).is_some() {
            let items = fields.required_array(name);
            let at = below(pointer, name);
            let nested = items
                .iter()
                .enumerate()
                .filter_map(|(index, value)| within(value, &item(&at, index), fields, depth + 1));
            return Some(join(nested.collect()));
        }
    }
    if let Some(item) = fields.get("Not") {
        let nested = within(item, &below(pointer, "Not"), fields, depth + 1)?;
        return Some(Condition::Not(Box::new(nested)));
    }
    comparison(value, fields)
}

fn within(value: &Value, pointer: &str, outer: &mut Fields<'_, '_>, depth: usize) -> Option<Condition> {
    let mut fields = Fields::new(value, pointer, QueryLanguage::JsonPath, outer.found)?;
    let condition = rule(value, &mut fields, pointer, depth);
    fields.allow(&["Comment"]);
    fields.refuse_others();
    condition
}

fn comparison<'v>(value: &'v Value, fields: &mut Fields<'v, '_>) -> Option<Condition> {
    let variable = fields.required_text("Variable");
    let given: Vec<(&String, &Value)> =
        value.as_object().into_iter().flatten().filter(|(name, _)| Comparison::operators().contains(name)).collect();
    let [(operator, operand)] = given.as_slice() else {
        fields.wrong("Variable", "A rule has exactly one comparison operator, such as StringEquals.");
        return None;
    };
    fields.allow_also(operator);
    match Comparison::parse(&variable?, operator, operand) {
        Ok(comparison) => Some(Condition::Comparison(Arc::new(comparison))),
        Err(error) => {
            fields.wrong(&error.field, error.message);
            None
        }
    }
}
