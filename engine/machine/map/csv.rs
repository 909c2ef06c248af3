//! A CSV reader with AWS's rules, which differ from RFC 4180. Source: Developer Guide, "How Step Functions parses input CSV files".

/// The records of a text. An empty line is no record.
pub(super) fn records(text: &str, delimiter: u8) -> Vec<Vec<String>> {
    let mut reader = Reader { delimiter: char::from(delimiter), ..Reader::default() };
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let next = characters.peek().copied();
        if reader.takes_two(character, next) {
            characters.next();
        }
    }
    reader.end_record();
    reader.records
}

#[derive(Default)]
struct Reader {
    delimiter: char,
    records: Vec<Vec<String>>,
    record: Vec<String>,
    field: String,
    /// Whether the field has begun, even if only with a quote.
    begun: bool,
    quoted: bool,
}

impl Reader {
    /// Reads a character. Returns whether it consumed the next one too.
    fn takes_two(&mut self, character: char, next: Option<char>) -> bool {
        match character {
            // A backslash is silently dropped unless it precedes a character that it can escape.
            '\\' => {
                let escaped = next.filter(|next| *next == '\\' || *next == '"' || *next == self.delimiter);
                self.field.extend(escaped);
                self.begun = true;
                return escaped.is_some();
            }
            '"' if self.quoted || self.begun => {
                if next == Some('"') {
                    self.field.push('"');
                    return true;
                }
                if self.quoted {
                    self.quoted = false;
                } else {
                    self.field.push('"');
                }
            }
            '"' => (self.begun, self.quoted) = (true, true),
            _ if self.quoted => self.field.push(character),
            _ if character == self.delimiter => self.end_field(),
            '\n' => self.end_record(),
            '\r' if next == Some('\n') => {}
            '\r' => self.end_record(),
            _ => {
                self.begun = true;
                self.field.push(character);
            }
        }
        false
    }

    fn end_field(&mut self) {
        self.record.push(std::mem::take(&mut self.field));
        (self.begun, self.quoted) = (false, false);
    }

    fn end_record(&mut self) {
        if self.begun || !self.record.is_empty() {
            self.end_field();
            self.records.push(std::mem::take(&mut self.record));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::records;

    #[track_caller]
    fn one(text: &str, fields: &[&str]) {
        assert_eq!(records(text, b','), [fields], "{text}");
    }

    #[test]
    fn every_sentence_of_the_guide_holds() {
        assert_eq!(records("a|b\n1|2\n", b'|'), [["a", "b"], ["1", "2"]], "the delimiter is the one given");
        assert_eq!(records("a,b\r\n\r\n1,2\r3,4", b','), [["a", "b"], ["1", "2"], ["3", "4"]], "newlines end records");
        one("1,true,null", &["1", "true", "null"]);
        one("\"a,b\",\"c\nd\"", &["a,b", "c\nd"]);
        one("\"say \"\"hi\"\"\",{\"\"k\"\":\"\"v\"\"}", &["say \"hi\"", "{\"k\":\"v\"}"]);
        one("a\\,b,\\\"c\\\",d\\\\e", &["a,b", "\"c\"", "d\\e"]);
        one("a\\nb\\x", &["anbx"]);
        one("C:\\\\Program Files\\\\MyApp.exe,6534512", &["C:\\Program Files\\MyApp.exe", "6534512"]);
        one("\"a\\\"b\"", &["a\"b"]);
    }

    #[test]
    fn fields_may_be_empty_and_quotes_stray() {
        one(",", &["", ""]);
        one("\"\",x", &["", "x"]);
        one("5\" pipe,'y'", &["5\" pipe", "'y'"]);
        one("\"open, and never closed\nx", &["open, and never closed\nx"]);
        one("   ,", &["   ", ""]);
        assert_eq!(records("", b','), [[""; 0]; 0]);
    }
}
