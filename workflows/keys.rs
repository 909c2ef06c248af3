//! Finds repeated keys in the objects of a text. A JSON parser silently keeps the last one (RFC 8259, section 4). JSON
//! is parsed as YAML, of which it is a subset.

use std::{collections::HashMap, fmt};

use granit_parser::{Event, Parser};

use crate::pointer::below;

/// A key that occurs twice in one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepeatedKey {
    /// The key's JSON pointer.
    pub pointer: String,
    /// The key.
    pub key: String,
    /// The line of the first occurrence, counted from 1.
    pub first_line: usize,
    /// The line of the second occurrence, counted from 1.
    pub second_line: usize,
}

impl fmt::Display for RepeatedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RepeatedKey { key, first_line, second_line, .. } = self;
        write!(
            f,
            "the key '{key}' is there twice, in line {first_line} and in line {second_line}; remove or rename one"
        )
    }
}

/// An object or array that is being parsed.
enum Open {
    Object { pointer: String, key: Option<String>, lines: HashMap<String, usize> },
    Array { pointer: String, next: usize },
}

/// The repeated keys of a text, up to the first parse error.
pub(crate) fn repeated_keys(text: &str) -> Vec<RepeatedKey> {
    let (mut found, mut open) = (Vec::new(), Vec::new());
    for event in Parser::new_from_str(text) {
        let Ok((event, span)) = event else { break };
        match event {
            Event::Scalar(key, ..) => match open.last_mut() {
                Some(Open::Object { pointer, key: current @ None, lines }) => {
                    let below = below(pointer, &key);
                    let second_line = span.start.line();
                    // `<<` is YAML's merge key and may be repeated.
                    if let Some(first_line) = lines.insert(key.to_string(), second_line).filter(|_| key != "<<") {
                        found.push(RepeatedKey {
                            pointer: below.clone(),
                            key: key.to_string(),
                            first_line,
                            second_line,
                        });
                    }
                    *current = Some(below);
                }
                _ => drop(value_pointer(&mut open)),
            },
            Event::Alias(_) => drop(value_pointer(&mut open)),
            Event::MappingStart(..) => {
                let pointer = value_pointer(&mut open);
                open.push(Open::Object { pointer, key: None, lines: HashMap::new() });
            }
            Event::SequenceStart(..) => {
                let pointer = value_pointer(&mut open);
                open.push(Open::Array { pointer, next: 0 });
            }
            Event::MappingEnd | Event::SequenceEnd => drop(open.pop()),
            _ => {}
        }
    }
    found
}

/// Returns the pointer of the value that starts here.
fn value_pointer(open: &mut [Open]) -> String {
    match open.last_mut() {
        Some(Open::Object { key, .. }) => key.take().unwrap_or_default(),
        Some(Open::Array { pointer, next }) => {
            *next += 1;
            format!("{pointer}/{}", *next - 1)
        }
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::repeated_keys;

    #[test]
    fn a_repeated_key_is_reported_with_both_lines_in_json_and_in_yaml() {
        let repeated = |text: &str| {
            let found = repeated_keys(text).into_iter();
            found.map(|key| (key.pointer, [key.first_line, key.second_line])).collect::<Vec<_>>()
        };
        let json = "{\n \"a\": [ {\"b\": 1,\n \"\\u0062\": 2} ],\n \"c\": {\"a\": \"}\\\"\"}, \"a\": null }";
        let found = [("/a/0/b".to_owned(), [2, 3]), ("/a".to_owned(), [2, 4])];
        assert_eq!(repeated(json), found);
        assert_eq!(repeated("a: 1\nb: {c: 1}\na: [x, x]\n"), [("/a".to_owned(), [1, 3])]);
        assert_eq!(repeated("a: {b: 1}\nb: {a: 1, c: a}\n"), []);
        assert_eq!(repeated("{\n\t\"a\": 1,\n\t\"a\": 2\n}"), [("/a".to_owned(), [2, 3])], "with tabs");
        assert_eq!(repeated("{"), [], "a parse error is another problem");
    }
}
