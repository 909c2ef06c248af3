//! A cursor over a text that is being parsed.

/// Reads a text character by character. Every parser of JSONPath uses it.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Cursor<'a> {
    /// A cursor at the beginning of a text.
    pub(super) fn new(text: &'a str) -> Self {
        Cursor { text, position: 0 }
    }

    /// The unread text.
    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.position..).unwrap_or_default()
    }

    /// The position, in bytes from the beginning.
    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// The text between a position and the cursor.
    pub(super) fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.position).unwrap_or_default()
    }

    /// Whether the cursor is at the end.
    pub(super) fn at_end(&self) -> bool {
        self.rest().is_empty()
    }

    /// The next character, without reading it.
    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Reads the next character.
    pub(super) fn take(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.position += next.len_utf8();
        Some(next)
    }

    /// Reads this text if the unread text begins with it. Returns whether it does.
    pub(super) fn take_text(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.position += text.len();
        }
        found
    }

    /// Reads characters while `fits` accepts them.
    pub(super) fn take_while(&mut self, fits: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|c| !fits(c)).unwrap_or(rest.len());
        self.position += length;
        rest.get(..length).unwrap_or_default()
    }

    /// Reads white space.
    pub(super) fn skip_blanks(&mut self) {
        self.take_while(char::is_whitespace);
    }

    /// Reads one JSON value.
    pub(super) fn take_json(&mut self) -> Result<serde_json::Value, String> {
        if !matches!(self.peek(), Some('"' | '[' | '{')) {
            // Numbers and literals have no closing character, so their end is searched first.
            let scalar = self.take_while(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
            return serde_json::from_str(scalar).map_err(|_| format!("'{scalar}' is not a JSON value"));
        }
        let mut values = serde_json::Deserializer::from_str(self.rest()).into_iter();
        match values.next() {
            Some(Ok(value)) => {
                self.position += values.byte_offset();
                Ok(value)
            }
            Some(Err(error)) => Err(error.to_string()),
            None => Err("a value is missing".to_owned()),
        }
    }
}
