//! Reads the fields of an object and reports each invalid one.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{
    super::{Diagnostic, ProblemKind, QueryLanguage, Selection, Template, check::below},
    templates::template,
};
use crate::query::{Path, Query};

/// The most fields for which a linear search is used; a state has about this many.
const FIELDS_OF_A_STATE: usize = 32;
const SCHEMA: &str = "SCHEMA_VALIDATION_FAILED";
const EMPTY: &str = "Value cannot be empty";

/// The only query language that allows a field, in any type of state. Source: Developer Guide, "Transforming data".
fn language_of(field: &str) -> Option<QueryLanguage> {
    match field {
        "Arguments" | "Output" | "Items" | "Condition" => Some(QueryLanguage::Jsonata),
        "Parameters" | "Result" | "ResultSelector" | "Variable" => Some(QueryLanguage::JsonPath),
        path if path.ends_with("Path") => Some(QueryLanguage::JsonPath),
        _ => None,
    }
}

/// The fields of one object, and which of them have been read.
pub(super) struct Fields<'v, 'f> {
    object: &'v Map<String, Value>,
    pointer: &'v str,
    /// The length of the prefix of the pointer that leads to the surrounding state.
    pub base: usize,
    known: Vec<&'v str>,
    /// The query language of its values.
    pub language: QueryLanguage,
    pub found: &'f mut Vec<Diagnostic>,
}

impl<'v, 'f> Fields<'v, 'f> {
    /// The fields of `value`, which must be an object.
    pub fn new(
        value: &'v Value,
        pointer: &'v str,
        language: QueryLanguage,
        found: &'f mut Vec<Diagnostic>,
    ) -> Option<Self> {
        Fields::within(value, pointer, pointer.len(), language, found)
    }

    /// The fields of an object within a state; `base` is the length of the state's pointer.
    pub fn within(
        value: &'v Value,
        pointer: &'v str,
        base: usize,
        language: QueryLanguage,
        found: &'f mut Vec<Diagnostic>,
    ) -> Option<Self> {
        let Some(object) = value.as_object() else {
            found.push(Diagnostic::error(SCHEMA, pointer, "This must be an object."));
            return None;
        };
        Some(Fields { object, pointer, base, known: Vec::with_capacity(FIELDS_OF_A_STATE), language, found })
    }

    /// The value of a field, of any type.
    pub fn get(&mut self, name: &'static str) -> Option<&'v Value> {
        self.known.push(name);
        // States have few fields: comparing each name is faster than hashing the name.
        match self.object.len() <= FIELDS_OF_A_STATE {
            true => self.object.iter().find(|(field, _)| *field == name).map(|(_, value)| value),
            false => self.object.get(name),
        }
    }

    /// The pointer of a field.
    pub fn at(&self, name: &str) -> String {
        below(self.pointer, name)
    }

    /// Reports an invalid field.
    pub fn wrong(&mut self, name: &str, message: impl Into<String>) {
        let location = self.at(name);
        self.found.push(Diagnostic::error(SCHEMA, &location, message));
    }

    /// Reports that the object is invalid.
    pub fn wrong_here(&mut self, message: impl Into<String>) {
        let location = self.location();
        self.found.push(Diagnostic::error(SCHEMA, location, message));
    }

    /// The location of the object in a problem.
    fn location(&self) -> &'v str {
        if self.pointer.is_empty() { "/" } else { self.pointer }
    }

    /// Marks fields as allowed that are not read.
    pub fn allow(&mut self, names: &[&'static str]) {
        self.known.extend(names);
    }

    /// Marks a field as allowed that is read elsewhere.
    pub fn allow_also(&mut self, name: &'v str) {
        self.known.push(name);
    }

    /// Reports every field that was neither read nor allowed.
    pub fn refuse_others(&mut self) {
        let others: Vec<_> = self.object.keys().filter(|name| !self.known.contains(&name.as_str())).cloned().collect();
        for name in others {
            let problem = match language_of(&name).filter(|language| *language != self.language) {
                Some(other) => {
                    let message = format!(
                        "The QueryLanguage is set to '{}', but field '{name}' is only supported for the '{}' QueryLanguage",
                        self.language.name(),
                        other.name()
                    );
                    let problem = Diagnostic::error(SCHEMA, self.location(), message);
                    problem.of_kind(ProblemKind::FieldOfLanguage(name, other))
                }
                None => Diagnostic::unknown_field(self.location(), &name),
            };
            self.found.push(problem);
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

    /// A required string.
    pub fn required_text(&mut self, name: &'static str) -> Option<String> {
        if self.get(name).is_none() {
            self.missing(name);
        }
        self.text(name)
    }

    /// Reports a missing field at the object, as AWS does.
    pub fn missing(&mut self, name: &str) {
        let location = self.location();
        // All missing fields of an object are reported in one diagnostic.
        let mut names = Vec::new();
        if let Some(Diagnostic { kind: Some(ProblemKind::MissingFields(others)), location: at, .. }) = self.found.last()
            && at == location
        {
            names.clone_from(others);
            self.found.pop();
        }
        names.push(name.to_owned());
        self.found.push(Diagnostic::missing_fields(location, names));
    }

    /// A required object that is not empty.
    pub fn required_object(&mut self, name: &'static str) -> Option<&'v Map<String, Value>> {
        match self.get(name) {
            Some(Value::Object(object)) if !object.is_empty() => Some(object),
            None => {
                self.missing(name);
                None
            }
            Some(Value::Object(_)) => {
                self.wrong(name, EMPTY);
                None
            }
            _ => {
                self.wrong(name, format!("{name} must be an object."));
                None
            }
        }
    }

    /// An array; empty if the field is absent.
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

    /// A required array that is not empty.
    pub fn required_array(&mut self, name: &'static str) -> &'v [Value] {
        match self.get(name) {
            None => self.missing(name),
            Some(Value::Array(items)) if items.is_empty() => self.wrong(name, EMPTY),
            Some(_) => return self.array(name),
        }
        &[]
    }

    /// An integer within limits.
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

    /// Any value that may contain expressions.
    pub fn template(&mut self, name: &'static str) -> Option<Template> {
        let value = self.get(name)?;
        let (state, inside) = self.pointer.split_at(self.base);
        Some(template(value, self.language, &below(inside, name), state, self.found))
    }

    /// A field that only JSONata states have.
    pub fn jsonata(&mut self, name: &'static str) -> Option<Template> {
        if self.language == QueryLanguage::Jsonata { self.template(name) } else { None }
    }

    /// A field that only JSONPath states have.
    pub fn json_path(&mut self, name: &'static str) -> Option<Template> {
        if self.language == QueryLanguage::JsonPath { self.template(name) } else { None }
    }

    /// A field of JSONPath states that holds a path or a call of an intrinsic function.
    pub fn query(&mut self, name: &'static str) -> Option<Template> {
        if self.language != QueryLanguage::JsonPath {
            return None;
        }
        let source = self.text(name)?;
        match Query::parse(&source) {
            Ok(query) => Some(Template::Query { query: Arc::new(query), field: name }),
            Err(error) => {
                self.wrong(name, error.to_string());
                None
            }
        }
    }

    /// `InputPath`, `OutputPath` or `ResultPath`: a path, or null. With `reference` the path must be a Reference Path.
    pub fn selection(&mut self, name: &'static str, reference: bool) -> Selection {
        if self.language != QueryLanguage::JsonPath {
            return Selection::Whole;
        }
        let source = match self.get(name) {
            None => return Selection::Whole,
            Some(Value::Null) => return Selection::Nothing,
            Some(Value::String(source)) if Path::trimmed(source) == "$" => return Selection::Whole,
            Some(Value::String(source)) => source,
            Some(other) => {
                self.wrong(name, format!("{name} must be a path or null, not {other}."));
                return Selection::Whole;
            }
        };
        match Path::parse(source) {
            Ok(path) if !reference || (path.is_reference() && path.starts_at_input()) => {
                Selection::Path(Arc::new(path))
            }
            Ok(_) => {
                self.wrong(name, format!("Value is not a Reference Path: {source}"));
                Selection::Whole
            }
            Err(error) => {
                self.wrong(name, error.message);
                Selection::Whole
            }
        }
    }

    /// A number in the field, or in JSONPath the value of the path in the field whose name ends with `Path`.
    pub fn number_or_path(
        &mut self,
        name: &'static str,
        path: &'static str,
        limits: std::ops::RangeInclusive<u64>,
    ) -> Option<Template> {
        let number = self.number_or_expression(name, *limits.start(), *limits.end());
        self.value_or_path((name, number), path)
    }

    /// The value of a field, or the query of the field with its path. Both together are an error.
    pub fn value_or_path(
        &mut self,
        (name, value): (&'static str, Option<Template>),
        path: &'static str,
    ) -> Option<Template> {
        let query = self.query(path);
        if value.is_some() && query.is_some() {
            self.wrong(path, format!("You cannot use {path} together with {name}."));
        }
        value.or(query)
    }

    /// An integer within limits, or an expression.
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

    /// `Assign`: names of variables and their values.
    pub fn assign(&mut self) -> Option<Template> {
        let value = self.get("Assign")?;
        let Some(object) = value.as_object() else {
            self.wrong("Assign", "Assign must be an object.");
            return None;
        };
        for name in object.keys() {
            let variable = match self.language {
                QueryLanguage::JsonPath => name.strip_suffix(".$").unwrap_or(name),
                QueryLanguage::Jsonata => name,
            };
            let plain = variable.chars().next().is_some_and(|c| c.is_alphabetic())
                && variable.chars().count() <= 80
                && variable.chars().all(|c| c.is_alphanumeric() || c == '_');
            if !plain || variable == "states" {
                let location = format!("{}{}", self.pointer, below("/Assign", name));
                let message = format!("'{variable}' cannot be the name of a variable.");
                self.found.push(Diagnostic::error(SCHEMA, &location, message));
            }
        }
        self.template("Assign")
    }
}
