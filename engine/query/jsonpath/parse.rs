//! Text to path.

use super::{
    Path, parse_condition,
    step::{Argument, Function, Root, Step},
};
use crate::query::cursor::Cursor;

/// The longest text of a path, in bytes.
const LENGTH_MAX: usize = 10_000;
/// The deepest nesting of filters, parentheses and function arguments.
const DEPTH_MAX: usize = 16;

/// Parses a text that is a path from beginning to end.
pub(super) fn parse(source: &str) -> Result<Path, String> {
    if source.len() > LENGTH_MAX {
        return Err(format!("A path must not be longer than {LENGTH_MAX} characters"));
    }
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
    if source.len() > LENGTH_MAX {
        return Err(format!("A path must not be longer than {LENGTH_MAX} characters"));
    }
    *cursor = parser.cursor;
    Ok(Path { source, root, steps })
}

/// Reads paths, and the filters in them.
pub(super) struct Parser<'a> {
    pub(super) cursor: Cursor<'a>,
    embedded: bool,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn new(cursor: Cursor<'a>, embedded: bool) -> Self {
        Parser { cursor, embedded, depth: 0 }
    }

    /// Runs a part that may contain itself.
    pub(super) fn nested<T>(&mut self, part: impl FnOnce(&mut Self) -> Result<T, String>) -> Result<T, String> {
        if self.depth == DEPTH_MAX {
            return Err(format!("A path must not be nested deeper than {DEPTH_MAX} levels"));
        }
        self.depth += 1;
        let result = part(self);
        self.depth -= 1;
        result
    }

    /// Reads a path whose end is marked by what follows it, whatever this parser reads otherwise.
    pub(super) fn inner_path(&mut self) -> Result<(Root, Vec<Step>), String> {
        let embedded = std::mem::replace(&mut self.embedded, true);
        let path = self.nested(Parser::path);
        self.embedded = embedded;
        path
    }

    fn path(&mut self) -> Result<(Root, Vec<Step>), String> {
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

    fn dot(&mut self, steps: &mut Vec<Step>) -> Result<(), String> {
        if self.cursor.take_text("..") {
            steps.push(Step::Scan);
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
                steps.push(Step::Wildcard);
                Ok(())
            }
            Some(_) => {
                let step = self.name_or_function()?;
                steps.push(step);
                Ok(())
            }
        }
    }

    fn name_or_function(&mut self) -> Result<Step, String> {
        let start = self.cursor.position();
        let embedded = self.embedded;
        let name = self.cursor.take_while(|c| !ends_name(c, embedded));
        if !embedded && self.cursor.peek() == Some(' ') {
            return Err(format!(
                "Use bracket notion ['my prop'] if your property contains blank characters. position: {start}"
            ));
        }
        if name.is_empty() {
            return Err(format!("Could not parse token starting at position {start}"));
        }
        if !self.cursor.take_text("(") {
            return Ok(Step::Names(vec![name.to_owned()]));
        }
        let function =
            Function::from_name(name).ok_or_else(|| format!("Function with name: {name} does not exist."))?;
        Ok(Step::Function(function, self.nested(|parser| parser.arguments(name))?))
    }

    fn arguments(&mut self, name: &str) -> Result<Vec<Argument>, String> {
        let mut arguments = Vec::new();
        loop {
            self.cursor.skip_blanks();
            match self.cursor.peek() {
                Some(')') if arguments.is_empty() => {}
                Some('$' | '@') => {
                    let (root, steps) = self.inner_path()?;
                    arguments.push(Argument::Path(root, steps));
                }
                Some(_) => arguments.push(Argument::Literal(self.literal()?)),
                None => {}
            }
            self.cursor.skip_blanks();
            match self.cursor.take() {
                Some(')') => return Ok(arguments),
                Some(',') => {}
                _ => return Err(format!("Arguments to function: '{name}' are not closed properly.")),
            }
        }
    }

    fn bracket(&mut self) -> Result<Step, String> {
        let start = self.cursor.position();
        self.cursor.take();
        self.cursor.skip_blanks();
        let step = match self.cursor.peek() {
            Some(quote @ ('\'' | '"')) => self.names(quote)?,
            Some('*') => {
                self.cursor.take();
                Step::Wildcard
            }
            Some('?') => {
                self.cursor.take();
                self.cursor.skip_blanks();
                Step::Filter(Box::new(self.nested(parse_condition::filter)?))
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

    fn names(&mut self, quote: char) -> Result<Step, String> {
        let mut names = Vec::new();
        loop {
            if self.cursor.peek() != Some(quote) {
                return Err(format!("Found empty property at index {}", self.cursor.position()));
            }
            names.push(self.name_in_quotes()?);
            self.cursor.skip_blanks();
            if !self.cursor.take_text(",") {
                return Ok(Step::Names(names));
            }
            self.cursor.skip_blanks();
        }
    }

    /// Reads `(@.length-1)`.
    fn index_from_end(&mut self) -> Result<Step, String> {
        let start = self.cursor.position();
        let text = self.cursor.take_while(|c| c != ']');
        let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let back = plain.strip_prefix("(@.length-").and_then(|rest| rest.strip_suffix(')'));
        let back = back.and_then(|back| back.parse().ok()).filter(|back| *back > 0);
        back.map(Step::FromEnd).ok_or_else(|| format!("Could not parse token starting at position {start}"))
    }

    fn indices(&mut self) -> Result<Step, String> {
        let text = self.cursor.take_while(|c| c != ']');
        let number = |part: &str| match part.trim() {
            "" => Ok(None),
            part => match part.parse::<i32>() {
                Ok(number) => Ok(Some(i64::from(number))),
                Err(_) => Err(format!("Failed to parse token in ArrayIndexOperation: {part}")),
            },
        };
        let failed = || format!("Failed to parse SliceOperation: {text}");
        if text.contains(':') {
            let bounds = text.split(':').map(number).collect::<Result<Vec<_>, _>>()?;
            let (from, to, step) = match bounds[..] {
                [from, to] => (from, to, None),
                [from, to, step] => (from, to, step),
                _ => return Err(failed()),
            };
            let step = usize::try_from(step.unwrap_or(1)).ok().filter(|step| *step > 0).ok_or_else(failed)?;
            if from.is_none() && to.is_none() && text.trim() == "::" {
                return Err(failed());
            }
            return Ok(Step::Slice { from, to, step });
        }
        let indices = text.split(',').map(number).collect::<Result<Option<Vec<_>>, _>>()?;
        Ok(Step::Indices(indices.ok_or_else(|| format!("Failed to parse ArrayIndexOperation: {text}"))?))
    }
}

fn ends_name(c: char, embedded: bool) -> bool {
    match c {
        '.' | '[' | '(' | ' ' => true,
        _ => embedded && (c.is_whitespace() || ",)]<>=~!&|".contains(c)),
    }
}
