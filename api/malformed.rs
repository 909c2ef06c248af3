//! Describes the error in a text that is not JSON.

/// The error of a malformed JSON text, in the words of AWS's parser (Jackson) as far as these are known. The error of serde_json has a
/// position and a category that covers most mistakes; only its text says what was expected.
pub(crate) fn complaint(text: &str, error: &serde_json::Error) -> String {
    let said = error.to_string();
    let (at, found) = found(text, error);
    let unexpected = |wanted: &str| match found {
        Some(c) => format!("Unexpected character ('{c}' (code {})): {wanted}", u32::from(c)),
        None => "Unexpected end-of-input".to_owned(),
    };
    let word = word_around(text, at);
    if said.starts_with("EOF") {
        "Unexpected end-of-input".to_owned()
    } else if said.starts_with("key must be a string") {
        unexpected("was expecting double-quote to start field name")
    } else if said.starts_with("expected `,` or `}`") {
        unexpected("was expecting comma to separate Object entries")
    } else if said.starts_with("expected `,` or `]`") {
        unexpected("was expecting comma to separate Array entries")
    } else if said.starts_with("expected `:`") {
        unexpected("was expecting a colon to separate field name and value")
    } else if said.starts_with("expected") && !word.is_empty() {
        let wanted = "JSON String, Number, Array, Object or token 'null', 'true' or 'false'";
        format!("Unrecognized token '{word}': was expecting ({wanted})")
    } else if said.starts_with("expected value") {
        unexpected("expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')")
    } else {
        said.split(" at line ").next().unwrap_or_default().to_owned()
    }
}

/// The offset at which the parser stopped, and the character at it.
fn found(text: &str, error: &serde_json::Error) -> (usize, Option<char>) {
    let before: usize = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let at = before + error.column().saturating_sub(1);
    (at, text.get(at..).and_then(|rest| rest.chars().next()))
}

fn word_around(text: &str, at: usize) -> &str {
    let (Some(head), Some(tail)) = (text.get(..at), text.get(at..)) else { return "" };
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let start = head.len() - head.chars().rev().take_while(|c| part(*c)).map(char::len_utf8).sum::<usize>();
    let end = at + tail.chars().take_while(|c| part(*c)).map(char::len_utf8).sum::<usize>();
    &text[start..end]
}
