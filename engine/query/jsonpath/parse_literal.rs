//! Text to value: what stands in quotes, and JSON with single quotes.

use serde_json::Value;

use super::parse::Parser;

impl Parser<'_> {
    /// Reads a text between quotes, which may be single.
    pub(super) fn quoted(&mut self) -> Result<String, String> {
        let quote = self.cursor.take();
        let mut text = String::new();
        loop {
            match self.cursor.take() {
                None => return Err("Property has not been closed - missing closing quote".to_owned()),
                end if end == quote => return Ok(text),
                Some('\\') => match self.cursor.take() {
                    Some('u') => text.push(self.unicode_escape()?),
                    Some('n') => text.push('\n'),
                    Some('r') => text.push('\r'),
                    Some('t') => text.push('\t'),
                    Some('b') => text.push('\u{8}'),
                    Some('f') => text.push('\u{c}'),
                    Some(other) => text.push(other),
                    None => {}
                },
                Some(other) => text.push(other),
            }
        }
    }

    /// Reads a name in quotes, in which a backslash is itself (recorded), unless the quote follows it.
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

    /// Reads one side of a comparison: a JSON value, or a word that is a text without quotes.
    pub(super) fn literal_or_word(&mut self) -> Result<Value, String> {
        if matches!(self.cursor.peek(), None | Some('\'' | '"' | '[' | '{')) {
            return self.literal();
        }
        let word = self.cursor.take_while(|c| !c.is_whitespace() && !"()&|<>=!~,".contains(c));
        match word.chars().next() {
            None => Err("A comparison lacks a value".to_owned()),
            Some(_) => Ok(serde_json::from_str(word).unwrap_or_else(|_| Value::String(word.to_owned()))),
        }
    }

    fn unicode_escape(&mut self) -> Result<char, String> {
        let unit = self.hexadecimal()?;
        if let Some(character) = char::from_u32(unit) {
            return Ok(character);
        }
        // Half of a character outside the basic plane: the other half must follow.
        if !self.cursor.take_text("\\u") {
            return Err("Unable to parse unicode value".to_owned());
        }
        let units = [unit as u16, self.hexadecimal()? as u16];
        char::decode_utf16(units).next().and_then(Result::ok).ok_or_else(|| "Unable to parse unicode value".to_owned())
    }

    fn hexadecimal(&mut self) -> Result<u32, String> {
        (0..4).try_fold(0, |unit, _| {
            let digit = self.cursor.take().and_then(|c| c.to_digit(16));
            digit.map(|digit| unit * 16 + digit).ok_or_else(|| "Unable to parse unicode value".to_owned())
        })
    }

    /// Reads one JSON value, in which a text may stand in single quotes.
    pub(super) fn literal(&mut self) -> Result<Value, String> {
        match self.cursor.peek() {
            Some('\'' | '"') => self.quoted().map(Value::String),
            Some('[') => self.nested(Parser::list).map(Value::Array),
            _ => self.cursor.take_json(),
        }
    }

    fn list(&mut self) -> Result<Vec<Value>, String> {
        self.cursor.take();
        let mut items = Vec::new();
        loop {
            self.cursor.skip_blanks();
            if items.is_empty() && self.cursor.take_text("]") {
                return Ok(items);
            }
            items.push(self.literal()?);
            self.cursor.skip_blanks();
            match self.cursor.take() {
                Some(',') => {}
                Some(']') => return Ok(items),
                _ => return Err("A list is not closed".to_owned()),
            }
        }
    }
}
