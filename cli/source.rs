//! Where in a file a JSON pointer stands. JSON is read as YAML, of which it is a part.

use std::collections::BTreeMap;

use granit_parser::{Event, Parser};

/// A place in a text, both counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// A definition's text, and where everything in it stands.
pub struct Source {
    lines: Vec<String>,
    positions: BTreeMap<String, Position>,
}

enum Open {
    Object { pointer: String, key: Option<String> },
    Array { pointer: String, next: usize },
}

impl Source {
    /// Reads a text as far as it can be read.
    pub fn new(text: &str) -> Self {
        let mut source = Source { lines: text.lines().map(str::to_owned).collect(), positions: BTreeMap::new() };
        let mut open: Vec<Open> = Vec::new();
        for event in Parser::new_from_str(text) {
            let Ok((event, span)) = event else { break };
            let position = Position { line: span.start.line(), column: span.start.col() + 1 };
            match event {
                Event::Scalar(text, ..) => {
                    if let Some(Open::Object { pointer, key: key @ None }) = open.last_mut() {
                        let name = text.replace('~', "~0").replace('/', "~1");
                        let below = format!("{pointer}/{name}");
                        source.positions.insert(below.clone(), position);
                        *key = Some(below);
                    } else {
                        source.node(&mut open, position);
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

    /// The pointer of a value that begins here.
    fn node(&mut self, open: &mut [Open], position: Position) -> String {
        match open.last_mut() {
            // A value stands where its key stands.
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

    /// Where a location is, or what is around it where the field itself is missing. An index may be `[1]`, as AWS writes it.
    pub fn position(&self, location: &str) -> Option<Position> {
        let location = location.trim_end_matches('/');
        let mut pointer = String::with_capacity(location.len());
        for (at, part) in location.split('[').enumerate() {
            match part.split_once(']').filter(|(index, _)| at > 0 && index.parse::<usize>().is_ok()) {
                Some((index, rest)) => pointer.extend(["/", index, rest]),
                None if at > 0 => pointer.extend(["[", part]),
                None => pointer.push_str(part),
            }
        }
        let mut pointer = pointer.as_str();
        loop {
            if let Some(position) = self.positions.get(pointer) {
                return Some(*position);
            }
            pointer = &pointer[..pointer.rfind('/')?];
        }
    }

    /// A line, counted from 1.
    pub fn line(&self, line: usize) -> &str {
        self.lines.get(line.wrapping_sub(1)).map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::{Position, Source};

    #[test]
    fn a_pointer_leads_to_its_line_in_json_and_in_yaml() {
        let json = "{\n  \"StartAt\": \"A\",\n  \"States\": {\n    \"A/B\": { \"Type\": \"Pass\",\n      \"x\": [1,\n 2] }\n  }\n}";
        let source = Source::new(json);
        assert_eq!(source.position("/States/A~1B"), Some(Position { line: 4, column: 5 }));
        assert_eq!(source.position("/States/A~1B/x/1"), Some(Position { line: 6, column: 2 }));
        assert_eq!(source.position("/States/A~1B/x[1]"), Some(Position { line: 6, column: 2 }));
        assert_eq!(source.position("/States/A~1B/Next"), Some(Position { line: 4, column: 5 }), "what is around it");
        let source = Source::new("StartAt: A\nStates:\n  A:\n    Type: Pass\n");
        assert_eq!(source.position("/States/A/Type"), Some(Position { line: 4, column: 5 }));
        assert_eq!(source.line(4), "    Type: Pass");
        assert_eq!(Source::new("{").position("/a"), None.or(Source::new("{").position("")));
    }
}
