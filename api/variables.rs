//! The workflow variables that each state refers to (API Reference, DescribeStateMachine, `variableReferences`).

use std::collections::BTreeSet;

use engine::asl::{RawState, each_state, own_fields};
use serde_json::{Map, Value};

/// The names of the variables by state, in order. States without references are omitted. Empty for a text that is not a
/// definition.
pub(crate) fn references(definition: &str) -> Map<String, Value> {
    let mut found = Map::new();
    if let Ok(machine) = serde_json::from_str::<Value>(definition) {
        each_state(&machine, &mut |state| visit_state(state, &mut found));
    }
    found
}

/// Adds the references to an answer, if there are any.
pub(crate) fn add_to(definition: &str, answer: &mut Value) {
    let references = references(definition);
    if !references.is_empty() {
        answer["variableReferences"] = Value::Object(references);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Language {
    Jsonpath,
    Jsonata,
}

fn visit_state(state: &RawState<'_>, found: &mut Map<String, Value>) {
    let language = if state.is_jsonata() { Language::Jsonata } else { Language::Jsonpath };
    let mut names = BTreeSet::new();
    for (field, value) in own_fields(state.json) {
        match field.as_str() {
            // Literal data contains no references.
            "Comment" => {}
            "Result" if language == Language::Jsonpath => {}
            _ => visit(field, value, language, &mut names),
        }
    }
    if !names.is_empty() {
        found.insert(state.name.to_owned(), names.into_iter().collect());
    }
}

fn visit(field: &str, value: &Value, language: Language, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(field, value)| visit(field, value, language, names)),
        Value::Array(items) => items.iter().for_each(|item| visit(field, item, language, names)),
        Value::String(text) => match language {
            Language::Jsonata => {
                let expression = text.trim().strip_prefix("{%").and_then(|text| text.strip_suffix("%}"));
                names.extend(expression.map(in_jsonata).unwrap_or_default());
            }
            Language::Jsonpath if field.ends_with(".$") || field.ends_with("Path") || field == "Variable" => {
                names.extend(words(text).into_iter().map(|word| word.name.to_owned()));
            }
            Language::Jsonpath => {}
        },
        _ => {}
    }
}

/// A `$name` in an expression, outside quotes, with the text that precedes and follows it.
struct Word<'a> {
    name: &'a str,
    before: &'a str,
    after: &'a str,
}

fn words(expression: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut quote = None;
    let mut rest = expression.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        match (quote, c) {
            (Some(_), '\\') => drop(rest.next()),
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"' | '`') => quote = Some(c),
            (None, '$') => {
                let tail = &expression[at + 1..];
                let length = tail.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(tail.len());
                let (name, after) = tail.split_at(length);
                // `$$` is the context object.
                let own = !expression[..at].ends_with('$') && !name.starts_with(|c: char| c.is_ascii_digit());
                if own && !name.is_empty() {
                    words.push(Word { name, before: expression[..at].trim_end(), after: after.trim_start() });
                }
            }
            (None, _) => {}
        }
    }
    words
}

/// The variables of a JSONata expression: no function calls, no names that the expression binds, no `$states`.
fn in_jsonata(expression: &str) -> Vec<String> {
    let words = words(expression);
    let parameter = |word: &Word| {
        let list = word.before.rsplit_once('(').filter(|(_, between)| !between.contains(')'));
        list.is_some_and(|(head, _)| head.trim_end().ends_with("function") || head.trim_end().ends_with('λ'))
    };
    let binds = |word: &Word| word.after.starts_with(":=") || word.before.ends_with(['@', '#']) || parameter(word);
    let bound: BTreeSet<&str> = words.iter().filter(|word| binds(word)).map(|word| word.name).collect();
    let refers = |word: &&Word| !word.after.starts_with('(') && word.name != "states" && !bound.contains(word.name);
    words.iter().filter(refers).map(|word| word.name.to_owned()).collect()
}
