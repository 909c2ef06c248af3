//! Duplicate names in an object of a JSON text: a parser silently keeps the last one (RFC 8259, section 4).

use std::collections::BTreeMap;

use super::{Diagnostic, below, item};

/// Reports each name that an object repeats, with the lines of both. Reports nothing for a text that is not JSON, which is another problem.
pub fn repeated_keys(text: &str) -> Vec<Diagnostic> {
    let mut scan = Scan { text, at: 0, found: Vec::new() };
    scan.value("", 0);
    scan.found
}

/// The deepest nesting that is scanned: the parser refuses JSON that is nested deeper.
const NESTING_MAX: usize = 128;

struct Scan<'t> {
    text: &'t str,
    at: usize,
    found: Vec<Diagnostic>,
}

impl<'t> Scan<'t> {
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while bytes.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn value(&mut self, pointer: &str, depth: usize) -> Option<()> {
        match self.peek()? {
            _ if depth > NESTING_MAX => None,
            b'{' => self.object(pointer, depth),
            b'[' => self.array(pointer, depth),
            b'"' => self.string().map(drop),
            _ => {
                let rest = &self.text[self.at..];
                self.at += rest.find(|c: char| ",]}".contains(c) || c.is_whitespace()).unwrap_or(rest.len());
                Some(())
            }
        }
    }

    fn string(&mut self) -> Option<&'t str> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        self.at += 1;
        while *bytes.get(self.at)? != b'"' {
            self.at += if bytes[self.at] == b'\\' { 2 } else { 1 };
        }
        self.at += 1;
        self.text.get(start..self.at)
    }

    fn array(&mut self, pointer: &str, depth: usize) -> Option<()> {
        self.at += 1;
        let mut index = 0;
        while !self.take(b']') {
            self.value(&item(pointer, index), depth + 1)?;
            index += 1;
            if !self.take(b',') && self.peek()? != b']' {
                return None;
            }
        }
        Some(())
    }

    fn object(&mut self, pointer: &str, depth: usize) -> Option<()> {
        self.at += 1;
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        while !self.take(b'}') {
            if self.peek()? != b'"' {
                return None;
            }
            let start = self.at;
            let name: String = serde_json::from_str(self.string()?).ok()?;
            let here = below(pointer, &name);
            if let Some(first) = seen.insert(name.clone(), start) {
                let lines = [first, start].map(|at| 1 + self.text[..at].matches('\n').count());
                let message = format!("The key '{name}' occurs twice: in line {} and in line {}", lines[0], lines[1]);
                self.found.push(Diagnostic::error("DUPLICATE_KEY", &here, message));
            }
            if !self.take(b':') {
                return None;
            }
            self.value(&here, depth + 1)?;
            if !self.take(b',') && self.peek()? != b'}' {
                return None;
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_name_is_reported_with_both_lines() {
        let text = "{\n \"a\": [ {\"b\": 1,\n \"\\u0062\": 2} ],\n \"c\": {\"a\": \"}\\\"\"}, \"a\": null }";
        let found: Vec<_> = repeated_keys(text).into_iter().map(|found| (found.location, found.message)).collect();
        let reported = |key: &str, lines: [usize; 2]| {
            format!("The key '{key}' occurs twice: in line {} and in line {}", lines[0], lines[1])
        };
        assert_eq!(found, [("/a[0]/b".to_owned(), reported("b", [2, 3])), ("/a".to_owned(), reported("a", [2, 4]))]);
    }

    #[test]
    fn what_is_not_json_is_another_problem() {
        for text in
            ["", "{", "[", "{\"a", "{\"a\"", "{\"a\":", "{\"a\\", "{,}", "[}", "]", "\"\\", &"[".repeat(100_000)]
        {
            assert!(repeated_keys(text).is_empty(), "{text}");
        }
    }
}
