//! Reading the fields of an object, with a complaint for each that is wrong.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::{Map, Value};

use super::super::{Diagnostic, Template, check::below};
use crate::query::Expression;

const SCHEMA: &str = "SCHEMA_VALIDATION_FAILED";

/// The fields of one object, and which of them were asked for.
pub(super) struct Fields<'v, 'f> {
    object: &'v Map<String, Value>,
    pointer: &'v str,
    known: BTreeSet<&'static str>,
    pub found: &'f mut Vec<Diagnostic>,
}

impl<'v, 'f> Fields<'v, 'f> {
    /// The fields of `value`, which must be an object.
    pub fn new(value: &'v Value, pointer: &'v str, found: &'f mut Vec<Diagnostic>) -> Option<Self> {
        let Some(object) = value.as_object() else {
            found.push(Diagnostic::error(SCHEMA, pointer, "This must be an object."));
            return None;
        };
        Some(Fields { object, pointer, known: BTreeSet::new(), found })
    }

    /// The value of a field, whatever it is.
    pub fn get(&mut self, name: &'static str) -> Option<&'v Value> {
        self.known.insert(name);
        self.object.get(name)
    }

    /// The pointer of a field.
    pub fn at(&self, name: &str) -> String {
        below(self.pointer, name)
    }

    /// Complains of a field.
    pub fn wrong(&mut self, name: &str, message: impl Into<String>) {
        let location = self.at(name);
        self.found.push(Diagnostic::error(SCHEMA, &location, message));
    }

    /// Names fields that may stand there and are not read.
    pub fn allow(&mut self, names: &[&'static str]) {
        self.known.extend(names);
    }

    /// Complains of every field that was not asked for.
    pub fn refuse_others(&mut self) {
        let others: Vec<_> = self.object.keys().filter(|name| !self.known.contains(name.as_str())).cloned().collect();
        for name in others {
            self.wrong(&name, format!("The field '{name}' is not supported here."));
        }
    }

    /// A string.
    pub fn text(&mut self, name: &'static str) -> Option<String> {
        match self.get(name)? {
            Value::String(text) => Some(text.clone()),
            other => {
                self.wrong(name, format!("{name} must be a string, not {other}."));
                None
            }
        }
    }

    /// A string that must be there.
    pub fn required_text(&mut self, name: &'static str) -> Option<String> {
        if !self.object.contains_key(name) {
            self.wrong(name, format!("The field '{name}' is missing."));
        }
        self.text(name)
    }

    /// An object that must be there and hold something.
    pub fn required_object(&mut self, name: &'static str) -> Option<&'v Map<String, Value>> {
        match self.get(name) {
            Some(Value::Object(object)) if !object.is_empty() => Some(object),
            _ => {
                self.wrong(name, format!("{name} must be an object with at least one entry."));
                None
            }
        }
    }

    /// An array; an empty one where the field is absent.
    pub fn array(&mut self, name: &'static str) -> &'v [Value] {
        match self.get(name) {
            None => &[],
            Some(Value::Array(items)) => items,
            Some(_) => {
                self.wrong(name, format!("{name} must be an array."));
                &[]
            }
        }
    }

    /// An array that must be there and hold something.
    pub fn required_array(&mut self, name: &'static str) -> &'v [Value] {
        let items = self.array(name);
        if items.is_empty() {
            self.wrong(name, format!("{name} must be an array with at least one entry."));
        }
        items
    }

    /// A whole number within limits.
    pub fn whole_number(&mut self, name: &'static str, min: u64, max: u64) -> Option<u64> {
        let value = self.get(name)?;
        let number = value.as_u64().filter(|number| (min..=max).contains(number));
        if number.is_none() {
            self.wrong(name, format!("{name} must be a whole number from {min} to {max}, not {value}."));
        }
        number
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, name: &'static str) -> Option<bool> {
        let value = self.get(name)?;
        if !value.is_boolean() {
            self.wrong(name, format!("{name} must be true or false, not {value}."));
        }
        value.as_bool()
    }

    /// Any value with expressions inside.
    pub fn template(&mut self, name: &'static str) -> Option<Template> {
        let value = self.get(name)?;
        let at = below("", name);
        Some(template(value, &at, self.pointer, self.found))
    }

    /// A whole number within limits, or an expression.
    pub fn number_or_expression(&mut self, name: &'static str, min: u64, max: u64) -> Option<Template> {
        let template = self.template(name)?;
        if let Template::Literal(value) = &template
            && !value.as_u64().is_some_and(|number| (min..=max).contains(&number))
        {
            self.wrong(
                name,
                format!("{name} must be a whole number from {min} to {max} or an expression, not {value}."),
            );
        }
        Some(template)
    }

    /// `Assign`: names and values.
    pub fn assign(&mut self) -> BTreeMap<String, Template> {
        let Some(value) = self.get("Assign") else { return BTreeMap::new() };
        let Some(object) = value.as_object() else {
            self.wrong("Assign", "Assign must be an object.");
            return BTreeMap::new();
        };
        let mut assign = BTreeMap::new();
        for (name, value) in object {
            let at = below("/Assign", name);
            let plain = name.chars().next().is_some_and(|c| c.is_alphabetic())
                && name.chars().count() <= 80
                && name.chars().all(|c| c.is_alphanumeric() || c == '_');
            if !plain || name == "states" {
                let location = format!("{}{at}", self.pointer);
                let message = format!("'{name}' cannot be the name of a variable.");
                self.found.push(Diagnostic::error(SCHEMA, &location, message));
            }
            assign.insert(name.clone(), template(value, &at, self.pointer, self.found));
        }
        assign
    }
}

/// Compiles the expressions of a value. `at` is where it stands in its state, `state` the state's own pointer.
pub(super) fn template(value: &Value, at: &str, state: &str, found: &mut Vec<Diagnostic>) -> Template {
    match value {
        Value::String(text) => expression(text, at, state, found),
        Value::Array(items) => {
            let parsed: Vec<_> = items
                .iter()
                .enumerate()
                .map(|(index, item)| template(item, &below(at, &index.to_string()), state, found))
                .collect();
            if parsed.iter().all(is_literal) { Template::Literal(value.clone()) } else { Template::Array(parsed) }
        }
        Value::Object(fields) => {
            let parsed: Vec<_> = fields
                .iter()
                .map(|(name, field)| (name.clone(), template(field, &below(at, name), state, found)))
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
    let Some(source) = text.trim().strip_prefix("{%").and_then(|rest| rest.strip_suffix("%}")) else {
        return literal();
    };
    match Expression::parse(source.trim()) {
        Ok(expression) => Template::Expression { expression: Arc::new(expression), pointer: at.to_owned() },
        Err(error) => {
            let message = format!("The JSONata expression cannot be read: {error}");
            found.push(Diagnostic::error("INVALID_JSONATA_EXPRESSION", &format!("{state}{at}"), message));
            literal()
        }
    }
}
