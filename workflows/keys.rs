//! Finds the parts of a text that a parser would silently drop: the first of two equal keys of an object (RFC 8259, section 4), and the
//! tags of YAML. JSON is parsed as YAML, of which it is a subset.

use std::{borrow::Cow, collections::HashMap, fmt};

use granit_parser::{Event, Parser, Tag};

use crate::pointer::below;

/// The functions of CloudFormation that have tags. Source: CloudFormation User Guide, "Intrinsic function reference".
const OF_TEMPLATES: [&str; 18] = [
    "And",
    "Base64",
    "Cidr",
    "Condition",
    "Equals",
    "FindInMap",
    "GetAZs",
    "GetAtt",
    "If",
    "ImportValue",
    "Join",
    "Not",
    "Or",
    "Ref",
    "Select",
    "Split",
    "Sub",
    "Transform",
];

/// A part of a text that a parser would drop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostPart {
    /// The JSON pointer of the key or the value.
    pub pointer: String,
    /// The part that would be lost.
    pub kind: LostKind,
}

/// A part that a parser would drop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LostKind {
    /// The value of a key that its object has twice.
    RepeatedKey {
        /// The key.
        key: String,
        /// Line and column of the first occurrence, counted from 1.
        first: (usize, usize),
        /// Line and column of the second occurrence, counted from 1.
        second: (usize, usize),
    },
    /// A tag other than YAML's types, such as `!GetAtt`.
    Tag {
        /// The tag, as it is written.
        tag: String,
        /// Its line, counted from 1.
        line: usize,
    },
}

impl fmt::Display for LostPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            LostKind::RepeatedKey { key, first: (line, column), second } if *line == second.0 => write!(
                f,
                "the key '{key}' occurs twice, in line {line} at column {column} and at column {}; remove or rename one",
                second.1
            ),
            LostKind::RepeatedKey { key, first, second } => write!(
                f,
                "the key '{key}' occurs twice, in line {} and in line {}; remove or rename one",
                first.0, second.0
            ),
            LostKind::Tag { tag, line } if OF_TEMPLATES.iter().any(|name| tag.strip_prefix('!') == Some(*name)) => {
                write!(
                    f,
                    "line {line}: the tag {tag} is a function of CloudFormation, which flow does not evaluate; write a placeholder such as \
                 ${{Name}} in place of the tag and its value, and give the value with --substitute Name=VALUE"
                )
            }
            LostKind::Tag { tag, line } => {
                write!(f, "line {line}: the tag {tag} has no meaning in a definition; remove it")
            }
        }
    }
}

/// An object or array that is being parsed.
enum Open {
    Object { pointer: String, key: Option<String>, positions: HashMap<String, (usize, usize)> },
    Array { pointer: String, next: usize },
}

/// The first key that an object of a text has twice.
pub(crate) fn repeated_key(text: &str) -> Option<LostPart> {
    lost_parts(text).into_iter().find(|part| matches!(part.kind, LostKind::RepeatedKey { .. }))
}

/// The parts of a text that a parser would drop, up to the first parse error.
pub(crate) fn lost_parts(text: &str) -> Vec<LostPart> {
    let (mut found, mut open) = (Vec::new(), Vec::new());
    for event in Parser::new_from_str(text) {
        let Ok((event, span)) = event else { break };
        match event {
            Event::Scalar(key, .., tag) => match open.last_mut() {
                Some(Open::Object { pointer, key: current @ None, positions }) => {
                    let below = below(pointer, &key);
                    // The parser counts columns from 0.
                    let second = (span.start.line(), span.start.col() + 1);
                    // `<<` is YAML's merge key and may be repeated.
                    if let Some(first) = positions.insert(key.to_string(), second).filter(|_| key != "<<") {
                        let kind = LostKind::RepeatedKey { key: key.to_string(), first, second };
                        found.push(LostPart { pointer: below.clone(), kind });
                    }
                    *current = Some(below);
                }
                _ => {
                    let pointer = value_pointer(&mut open);
                    found.extend(lost_tag(tag.as_ref(), pointer, span.start.line()));
                }
            },
            Event::Alias(_) => drop(value_pointer(&mut open)),
            Event::MappingStart(.., tag) => {
                let pointer = value_pointer(&mut open);
                found.extend(lost_tag(tag.as_ref(), pointer.clone(), span.start.line()));
                open.push(Open::Object { pointer, key: None, positions: HashMap::new() });
            }
            Event::SequenceStart(.., tag) => {
                let pointer = value_pointer(&mut open);
                found.extend(lost_tag(tag.as_ref(), pointer.clone(), span.start.line()));
                open.push(Open::Array { pointer, next: 0 });
            }
            Event::MappingEnd | Event::SequenceEnd => drop(open.pop()),
            _ => {}
        }
    }
    found
}

/// The tag of a value, unless it is one of YAML's types or the tag `!`, which names no type.
fn lost_tag(tag: Option<&Cow<'_, Tag>>, pointer: String, line: usize) -> Option<LostPart> {
    let tag = tag.filter(|tag| tag.core_suffix().is_none())?.original();
    (tag != "!").then_some(LostPart { pointer, kind: LostKind::Tag { tag, line } })
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
    use super::{LostKind, lost_parts};

    #[test]
    fn a_repeated_key_is_reported_with_both_lines_in_json_and_in_yaml() {
        let repeated = |text: &str| {
            let found = lost_parts(text).into_iter();
            let lines = |kind: LostKind| match kind {
                LostKind::RepeatedKey { first, second, .. } => [first.0, second.0],
                LostKind::Tag { line, .. } => [line, line],
            };
            found.map(|part| (part.pointer, lines(part.kind))).collect::<Vec<_>>()
        };
        let json = "{\n \"a\": [ {\"b\": 1,\n \"\\u0062\": 2} ],\n \"c\": {\"a\": \"}\\\"\"}, \"a\": null }";
        let found = [("/a/0/b".to_owned(), [2, 3]), ("/a".to_owned(), [2, 4])];
        assert_eq!(repeated(json), found);
        assert_eq!(repeated("a: 1\nb: {c: 1}\na: [x, x]\n"), [("/a".to_owned(), [1, 3])]);
        assert_eq!(repeated("a: {b: 1}\nb: {a: 1, c: a}\n"), []);
        assert_eq!(repeated("{\n\t\"a\": 1,\n\t\"a\": 2\n}"), [("/a".to_owned(), [2, 3])], "with tabs");
        let one_line = lost_parts("{\"n\":1,\"n\":2}");
        let text = "the key 'n' occurs twice, in line 1 at column 2 and at column 8; remove or rename one";
        assert_eq!(one_line.iter().map(ToString::to_string).collect::<Vec<_>>(), [text]);
        assert_eq!(repeated("{"), [], "a parse error is another problem");
    }

    #[test]
    fn a_tag_is_reported_with_its_line_and_the_remedy_of_a_template() {
        let text =
            "A: !GetAtt Fn.Arn\nB:\n  - !Sub \"x ${y}\"\n  - !!str 1\n  - ! plain\nC: !If\n  - a\nD: !Own {e: 1}\n";
        let found: Vec<_> = lost_parts(text).into_iter().map(|part| (part.pointer.clone(), part.to_string())).collect();
        let pointers: Vec<&str> = found.iter().map(|(pointer, _)| pointer.as_str()).collect();
        assert_eq!(pointers, ["/A", "/B/0", "/C", "/D"], "{found:?}");
        assert!(found[0].1.starts_with("line 1: the tag !GetAtt ") && found[0].1.contains("--substitute Name=VALUE"));
        assert!(found[3].1.contains("the tag !Own has no meaning"), "{found:?}");
    }
}
