//! Parses paths.

use super::{
    Path, parse_condition,
    step::{PathStep, Root},
};
use crate::query::cursor::Cursor;

/// The longest text of a path, in bytes.
const LENGTH_MAX: usize = 10_000;
/// The deepest nesting of filters.
const DEPTH_MAX: usize = 16;

fn refuse_long(source: &str) -> Result<(), String> {
    match source.len() > LENGTH_MAX {
        true => Err(format!("A path must not be longer than {LENGTH_MAX} characters")),
        false => Ok(()),
    }
}

/// Parses a text that must be one path.
pub(super) fn parse(source: &str) -> Result<Path, String> {
    refuse_long(source)?;
    let source = Path::trimmed(source);
    let mut parser = Parser::new(Cursor::new(source), false);
    let (root, steps) = parser.path()?;
    if root == Root::Current {
        return Err("Path must start with '$'".to_owned());
    }
    if !parser.cursor.at_end() {
        return Err(format!("Could not parse token starting at position {}", parser.cursor.position()));
    }
    Ok(Path { source: source.to_owned(), root, steps })
}

/// Parses a path in a longer text, where white space, commas and parentheses end it.
pub(in crate::query) fn parse_embedded(cursor: &mut Cursor<'_>) -> Result<Path, String> {
    let mut parser = Parser::new(cursor.clone(), true);
    let (root, steps) = parser.path()?;
    let source = parser.cursor.since(cursor.position()).to_owned();
    refuse_long(&source)?;
    *cursor = parser.cursor;
    Ok(Path { source, root, steps })
}

/// A parser for paths and the filters in them.
pub(super) struct Parser<'a> {
    pub(super) cursor: Cursor<'a>,
    embedded: bool,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn new(cursor: Cursor<'a>, embedded: bool) -> Self {
        Parser { cursor, embedded, depth: 0 }
    }

    /// Parses a text within this path that must be one path.
    pub(super) fn inner_path(&self, text: &str) -> Result<(Root, Vec<PathStep>), String> {
        if self.depth == DEPTH_MAX {
            return Err(format!("A path must not be nested deeper than {DEPTH_MAX} levels"));
        }
        Parser { cursor: Cursor::new(text), embedded: false, depth: self.depth + 1 }.path()
    }

    /// Reads up to the `]` that closes a filter, but not the `]`. Brackets in single quotes are ignored.
    pub(super) fn take_filter(&mut self) -> Result<&'a str, String> {
        let start = self.cursor.position();
        let (mut round, mut square, mut is_quoted, mut last) = (0, 0, false, ' ');
        while let Some(next) = self.cursor.peek() {
            match next {
                '\'' if last != '\\' => is_quoted = !is_quoted,
                _ if is_quoted => {}
                ']' if round == 0 && square == 0 => return Ok(self.cursor.since(start)),
                '(' => round += 1,
                ')' => round -= 1,
                '[' => square += 1,
                ']' => square -= 1,
                _ => {}
            }
            last = next;
            self.cursor.take();
        }
        Err("Filter brackets are not balanced".to_owned())
    }

    fn path(&mut self) -> Result<(Root, Vec<PathStep>), String> {
        let root = self.root()?;
        let mut steps = Vec::new();
        loop {
            match self.cursor.peek() {
                Some('[') => steps.push(self.bracket()?),
                Some('.') => self.dot(&mut steps)?,
                None => break,
                Some(_) if self.embedded => break,
                Some(_) => {
                    let position = self.cursor.position();
                    return Err(format!("Illegal character at position {position} expected '.' or '['"));
                }
            }
        }
        Ok((root, steps))
    }

    fn root(&mut self) -> Result<Root, String> {
        match self.cursor.take() {
            Some('@') => Ok(Root::Current),
            Some('$') if self.cursor.take_text("$") => Ok(Root::Context),
            Some('$') => {
                let starts = self.cursor.peek().is_some_and(|c| c.is_alphabetic() || c == '_');
                let name = if starts { self.cursor.take_while(|c| c.is_alphanumeric() || c == '_') } else { "" };
                Ok(if name.is_empty() { Root::Input } else { Root::Variable(name.to_owned()) })
            }
            _ => Err("Path must start with '$' or '@'".to_owned()),
        }
    }

    fn dot(&mut self, steps: &mut Vec<PathStep>) -> Result<(), String> {
        if self.cursor.take_text("..") {
            steps.push(PathStep::Scan);
        } else {
            self.cursor.take();
        }
        match self.cursor.peek() {
            None => Err("Path must not end with a '.' or '..'".to_owned()),
            Some('.') => Err(format!("Character '.' on position {} is not valid.", self.cursor.position())),
            // The loop of `path` reads the bracket.
            Some('[') => Ok(()),
            Some('*') => {
                self.cursor.take();
                steps.push(PathStep::Wildcard);
                Ok(())
            }
            Some(_) => {
                let step = self.name()?;
                steps.push(step);
                Ok(())
            }
        }
    }

    /// Reads a name. Functions do not exist: `length()` is the name of a field.
    fn name(&mut self) -> Result<PathStep, String> {
        let start = self.cursor.position();
        let embedded = self.embedded;
        self.cursor.take_while(|c| !ends_name(c, embedded));
        // Inside an intrinsic call, the parentheses of a name such as `length()` are part of the name.
        if embedded && self.cursor.take_text("(") {
            self.cursor.take_while(|c| c != ')');
            self.cursor.take_text(")");
        }
        let name = self.cursor.since(start);
        if !embedded && self.cursor.peek() == Some(' ') {
            return Err("Space not allowed in path".to_owned());
        }
        if name.is_empty() {
            return Err(format!("Could not parse token starting at position {start}"));
        }
        Ok(PathStep::Names(vec![name.to_owned()]))
    }

    fn bracket(&mut self) -> Result<PathStep, String> {
        let start = self.cursor.position();
        self.cursor.take();
        self.cursor.skip_blanks();
        let step = match self.cursor.peek() {
            Some(quote @ ('\'' | '"')) => self.names(quote)?,
            Some('*') => {
                self.cursor.take();
                PathStep::Wildcard
            }
            Some('?') => {
                self.cursor.take();
                self.cursor.skip_blanks();
                PathStep::Filter(Box::new(parse_condition::filter(self)?))
            }
            Some('(') => self.index_from_end()?,
            Some(c) if c.is_ascii_digit() || c == '-' || c == ':' => self.indices()?,
            _ => {
                return Err(format!("Could not parse token starting at position {start}. Expected ?, ', 0-9, * "));
            }
        };
        self.cursor.skip_blanks();
        if self.cursor.take_text("]") {
            Ok(step)
        } else {
            Err("Property has not been closed - missing closing ]".to_owned())
        }
    }

    fn names(&mut self, quote: char) -> Result<PathStep, String> {
        let mut names = Vec::new();
        loop {
            if self.cursor.peek() != Some(quote) {
                return Err(format!("Found empty property at index {}", self.cursor.position()));
            }
            names.push(self.name_in_quotes()?);
            self.cursor.skip_blanks();
            if !self.cursor.take_text(",") {
                return Ok(PathStep::Names(names));
            }
            self.cursor.skip_blanks();
        }
    }

    /// Reads a quoted name. A backslash is literal (recorded), unless the quote follows it.
    pub(super) fn name_in_quotes(&mut self) -> Result<String, String> {
        let quote = self.cursor.take();
        let mut name = String::new();
        loop {
            match self.cursor.take() {
                None => return Err("Property has not been closed - missing closing quote".to_owned()),
                end if end == quote => return Ok(name),
                Some('\\') if self.cursor.peek() == quote => name.extend(self.cursor.take()),
                Some(other) => name.push(other),
            }
        }
    }

    /// Reads `(@.length-1)` or `(@.size()-1)`.
    fn index_from_end(&mut self) -> Result<PathStep, String> {
        let start = self.cursor.position();
        let text = self.cursor.take_while(|c| c != ']');
        let plain: String = text.chars().filter(|c| !matches!(c, ' ' | '(' | ')')).collect();
        let back = plain.strip_prefix("@.length-").or_else(|| plain.strip_prefix("@.size-"));
        let back = back.filter(|_| text.trim_end().ends_with(')')).and_then(|back| back.parse().ok());
        let back = back.filter(|back| *back > 0);
        back.map(PathStep::FromEnd).ok_or_else(|| format!("Could not parse token starting at position {start}"))
    }

    fn indices(&mut self) -> Result<PathStep, String> {
        let text = self.cursor.take_while(|c| c != ']');
        let number = |part: &str| match part.trim() {
            "" => Ok(None),
            part => match part.parse::<i32>() {
                Ok(number) => Ok(Some(i64::from(number))),
                Err(_) => Err(format!("Failed to parse token in ArrayIndexOperation: {part}")),
            },
        };
        if text.contains(':') {
            let bounds = text.split(':').map(number).collect::<Result<Vec<_>, _>>()?;
            return match bounds[..] {
                // The step of a slice is parsed and ignored.
                [from, to, ..] if from.is_some() || to.is_some() => Ok(PathStep::Slice { from, to }),
                _ => Err(format!("Failed to parse SliceOperation: {text}")),
            };
        }
        let indices = text.split(',').map(number).collect::<Result<Option<Vec<_>>, _>>()?;
        Ok(PathStep::Indices(indices.ok_or_else(|| format!("Failed to parse ArrayIndexOperation: {text}"))?))
    }
}

fn ends_name(c: char, embedded: bool) -> bool {
    match c {
        '.' | '[' | ' ' => true,
        _ => embedded && (c.is_whitespace() || ",()".contains(c)),
    }
}
