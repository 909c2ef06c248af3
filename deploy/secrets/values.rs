//! Properties of a value that need no name.

/// Words in place of a value that is not given, without punctuation.
const PLACEHOLDER_WORDS: [&str; 10] =
    ["changeme", "replaceme", "todo", "tbd", "fixme", "example", "placeholder", "redacted", "dummy", "your"];
/// The fewest characters in place of a value, such as `xxx`.
const MASK_BYTES_MIN: usize = 3;

/// Whether a text has lower-case and upper-case letters.
pub(super) fn has_both_cases(text: &str) -> bool {
    text.contains(|c: char| c.is_ascii_lowercase()) && text.contains(|c: char| c.is_ascii_uppercase())
}

/// Whether a text is written in place of a value that is not given: `CHANGEME`, `YOUR_API_KEY`, `xxx`.
pub(super) fn is_placeholder_text(text: &str) -> bool {
    let letters: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    let is_mark = |word: &str| PLACEHOLDER_WORDS.iter().any(|mark| word.eq_ignore_ascii_case(mark));
    let has_mark = is_mark(&letters) || text.split(|c: char| !c.is_ascii_alphanumeric()).any(is_mark);
    let is_mask = text.len() >= MASK_BYTES_MIN && text.chars().all(|c| matches!(c, 'x' | 'X' | '.' | '-' | '_'));
    is_mask || (has_mark && !text.contains(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_is_a_word_or_a_mask() {
        for text in
            ["CHANGEME", "change-me", "TODO", "example", "example-password", "YOUR_API_KEY", "xxx", "XXXX", "..."]
        {
            assert!(is_placeholder_text(text), "{text}");
        }
        for text in ["", "x", "xx", "hunter", "examples", "changeme1", "bPxRfiCYEXAMPLEKEY"] {
            assert!(!is_placeholder_text(text), "{text}");
        }
    }
}
