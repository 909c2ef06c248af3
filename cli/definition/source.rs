//! Finds the position of a JSON pointer in a file. JSON is parsed as YAML, of which it is a subset.

use std::{
    collections::BTreeMap,
    ops::{Range, RangeInclusive},
};

use engine::asl::pointer::below;
use granit_parser::{Event, Parser};

/// A position in a text, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// A definition's text, with the position of every value.
pub struct Source {
    lines: Vec<String>,
    characters: Vec<char>,
    positions: BTreeMap<String, Position>,
    scalars: BTreeMap<String, Scalar>,
    /// The pointer of the definition, to which locations are relative.
    definition: String,
}

/// A value that is a text, and its position, in characters from the start of the file.
struct Scalar {
    text: String,
    start: Position,
    range: Range<usize>,
}

enum Open {
    Object { pointer: String, key: Option<String> },
    Array { pointer: String, next: usize },
}

impl Source {
    /// Parses a text, up to the first error.
    pub fn new(text: &str) -> Self {
        let mut source = Source {
            lines: text.lines().map(str::to_owned).collect(),
            characters: text.chars().collect(),
            positions: BTreeMap::new(),
            scalars: BTreeMap::new(),
            definition: String::new(),
        };
        let mut open: Vec<Open> = Vec::new();
        for event in Parser::new_from_str(text) {
            let Ok((event, span)) = event else { break };
            let position = Position { line: span.start.line(), column: span.start.col() + 1 };
            match event {
                Event::Scalar(text, ..) => {
                    if let Some(Open::Object { pointer, key: key @ None }) = open.last_mut() {
                        let field = below(pointer, &text);
                        source.positions.insert(field.clone(), position);
                        *key = Some(field);
                    } else {
                        let pointer = source.node(&mut open, position);
                        let range = span.start.index()..span.end.index();
                        source.scalars.insert(pointer, Scalar { text: text.to_string(), start: position, range });
                    }
                }
                Event::Alias(_) => drop(source.node(&mut open, position)),
                Event::MappingStart(..) => {
                    let pointer = source.node(&mut open, position);
                    open.push(Open::Object { pointer, key: None });
                }
                Event::SequenceStart(..) => {
                    let pointer = source.node(&mut open, position);
                    open.push(Open::Array { pointer, next: 0 });
                }
                Event::MappingEnd | Event::SequenceEnd => drop(open.pop()),
                _ => {}
            }
        }
        source
    }

    /// Makes locations relative to a value in the text: the definition inside a template.
    pub fn of_definition_at(mut self, pointer: &str) -> Self {
        pointer.clone_into(&mut self.definition);
        self
    }

    /// The pointer of a location in the text.
    fn in_text(&self, location: &str) -> String {
        format!("{}{}", self.definition, pointer_of(location))
    }

    /// Sets the position at which the text cannot be parsed: that of the definition itself.
    pub fn failed_at(&mut self, position: Position) {
        self.positions.insert(String::new(), position);
    }

    /// Returns the pointer of a value that starts here.
    fn node(&mut self, open: &mut [Open], position: Position) -> String {
        match open.last_mut() {
            // The position of a value is that of its key.
            Some(Open::Object { key, .. }) => key.take().unwrap_or_default(),
            Some(Open::Array { pointer, next }) => {
                let below = format!("{pointer}/{next}");
                *next += 1;
                self.positions.insert(below.clone(), position);
                below
            }
            None => {
                self.positions.insert(String::new(), position);
                String::new()
            }
        }
    }

    /// The position of a location, or of its parent if the field is missing. An index may be `[1]`, as AWS writes it.
    pub fn position(&self, location: &str) -> Option<Position> {
        let pointer = self.in_text(location);
        let mut pointer = pointer.as_str();
        loop {
            if let Some(position) = self.positions.get(pointer) {
                return Some(*position);
            }
            pointer = &pointer[..pointer.rfind('/')?];
        }
    }

    /// The text at a location.
    pub fn text(&self, location: &str) -> Option<&str> {
        self.scalars.get(&self.in_text(location)).map(|scalar| scalar.text.as_str())
    }

    /// The lines of the text at a location; `None` if the value is no text.
    pub fn lines_of(&self, location: &str) -> Option<RangeInclusive<usize>> {
        let scalar = self.scalars.get(&self.in_text(location))?;
        let raw = self.characters.get(scalar.range.clone())?;
        let first = scalar.start.line;
        Some(first..=first + raw.iter().filter(|c| **c == '\n').count())
    }

    /// The position of a character of the text at a location, counted from 0. The text may be quoted, span several
    /// lines or contain escapes.
    pub fn position_in(&self, location: &str, offset: usize) -> Option<Position> {
        let scalar = self.scalars.get(&self.in_text(location))?;
        let raw = self.characters.get(scalar.range.clone())?;
        let mut at = 0;
        for (number, wanted) in scalar.text.chars().enumerate() {
            at += raw.get(at..)?.iter().position(|c| writes(*c, wanted))?;
            if number == offset {
                break;
            }
            at += escape_length(&raw[at..], wanted);
        }
        let before = raw.get(..at)?;
        let lines = before.iter().filter(|c| **c == '\n').count();
        let column = match before.iter().rposition(|c| *c == '\n') {
            Some(end_of_line) => at - end_of_line,
            None => scalar.start.column + at,
        };
        Some(Position { line: scalar.start.line + lines, column })
    }

    /// A line, counted from 1.
    pub fn line(&self, line: usize) -> &str {
        self.lines.get(line.wrapping_sub(1)).map_or("", String::as_str)
    }
}

/// Whether a character in the file can be, or start, a given character of the text: lines may be folded, characters
/// escaped.
fn writes(raw: char, wanted: char) -> bool {
    raw == wanted || (raw.is_whitespace() && wanted.is_whitespace()) || (raw == '\\' && "\"\\/\n\t".contains(wanted))
}

/// The number of characters in the file for one of the text: an escape is `\n` or `\u00e9`.
fn escape_length(raw: &[char], wanted: char) -> usize {
    match raw {
        ['\\', 'u', ..] => 6,
        ['\\', ..] if wanted != '\\' || raw.get(1) == Some(&'\\') => 2,
        _ => 1,
    }
}

/// Converts a location to a JSON pointer: an index may be `[1]`, as AWS writes it.
pub fn pointer_of(location: &str) -> String {
    let location = location.trim_end_matches('/');
    let mut pointer = String::with_capacity(location.len());
    for (at, part) in location.split('[').enumerate() {
        match part.split_once(']').filter(|(index, _)| at > 0 && index.parse::<usize>().is_ok()) {
            Some((index, rest)) => pointer.extend(["/", index, rest]),
            None if at > 0 => pointer.extend(["[", part]),
            None => pointer.push_str(part),
        }
    }
    pointer
}

#[cfg(test)]
mod tests {
    use super::{Position, Source};

    #[test]
    fn a_character_of_a_text_is_found_however_the_text_is_written() {
        for (text, line, column) in [
            ("a: \"{% xy! %}\"", 1, 10),
            ("a: '{% xy! %}'", 1, 10),
            ("{\"a\": \"{% xy! %}\"}", 1, 13),
            ("a: |-\n  {% xy! %}\n", 2, 8),
            ("a: >-\n  {%\n  xy! %}\n", 3, 5),
        ] {
            let source = Source::new(text);
            let offset = source.text("/a").and_then(|text| text.find('!'));
            let found = offset.and_then(|offset| source.position_in("/a", offset));
            assert_eq!(found, Some(Position { line, column }), "{text}");
        }
        let escaped = Source::new(r#"{"a": "x\"\n\ty!"}"#);
        assert_eq!(escaped.position_in("/a", 5), Some(Position { line: 1, column: 16 }), "{:?}", escaped.text("/a"));
    }

    #[test]
    fn a_pointer_leads_to_its_line_in_json_and_in_yaml() {
        let json = "{\n  \"StartAt\": \"A\",\n  \"States\": {\n    \"A/B\": { \"Type\": \"Pass\",\n      \"x\": [1,\n 2] }\n  }\n}";
        let source = Source::new(json);
        assert_eq!(source.position("/States/A~1B"), Some(Position { line: 4, column: 5 }));
        assert_eq!(source.position("/States/A~1B/x/1"), Some(Position { line: 6, column: 2 }));
        assert_eq!(source.position("/States/A~1B/x[1]"), Some(Position { line: 6, column: 2 }));
        assert_eq!(source.position("/States/A~1B/Next"), Some(Position { line: 4, column: 5 }), "the parent");
        let source = Source::new("StartAt: A\nStates:\n  A:\n    Type: Pass\n");
        assert_eq!(source.position("/States/A/Type"), Some(Position { line: 4, column: 5 }));
        assert_eq!(source.line(4), "    Type: Pass");
        assert_eq!(Source::new("{").position("/a"), None.or(Source::new("{").position("")));
    }
}
