//! Decides whether a paragraph asks to do something.

/// Words that precede a request.
const ADVERBS: &[&str] =
    &["then", "finally", "now", "next", "afterwards", "also", "please", "first", "lastly", "again", "danach", "bitte"];
/// Words that begin a clause of time or condition.
const CLAUSES: &[&str] = &["once", "when", "after", "before", "if", "as", "sobald", "wenn"];
/// First words of a statement.
const STATEMENTS: &[&str] = &[
    "the",
    "a",
    "an",
    "this",
    "that",
    "these",
    "those",
    "it",
    "they",
    "he",
    "she",
    "you",
    "we",
    "i",
    "there",
    "here",
    "its",
    "their",
    "your",
    "our",
    "all",
    "both",
    "each",
    "every",
    "some",
    "most",
    "many",
    "no",
    "none",
    "nothing",
    "one",
    "two",
    "in",
    "at",
    "on",
    "for",
    "with",
    "by",
    "from",
    "of",
    "as",
    "to",
    "note",
    "notes",
    "notice",
    "because",
    "since",
    "while",
    "during",
    "although",
    "usually",
    "normally",
    "typically",
    "only",
    "example",
    "expected",
    "output",
    "result",
    "otherwise",
    "or",
    "what",
    "which",
    "who",
    "how",
    "why",
    "where",
    "see",
    "der",
    "die",
    "das",
    "es",
    "ein",
    "eine",
    "hinweis",
];
/// Second words of a statement.
const VERBS: &[&str] = &[
    "is", "are", "was", "were", "has", "have", "had", "will", "can", "may", "must", "should", "takes", "does", "ist",
    "sind",
];

/// Whether a paragraph asks to do something: `Tell the team.`, `When it is idle, stop it.`
pub(super) fn is_imperative(paragraph: &str) -> bool {
    let text = paragraph.lines().next().unwrap_or_default().to_lowercase();
    let mut rest = text.trim_start_matches(['*', '_', '-', ' ']);
    loop {
        let first = word(rest.split_whitespace().next().unwrap_or_default());
        let after = if ADVERBS.contains(&first) {
            rest.split_once(char::is_whitespace).map(|(_, after)| after)
        } else if CLAUSES.contains(&first) {
            rest.split_once(", ").map(|(_, after)| after)
        } else {
            None
        };
        match after {
            Some(after) => rest = after.trim_start(),
            None => break,
        }
    }
    let mut words = rest.split_whitespace();
    let (Some(first), Some(second)) = (words.next(), words.next()) else { return false };
    let is_word = first.starts_with(char::is_alphabetic);
    is_word && ![STATEMENTS, CLAUSES].iter().any(|words| words.contains(&word(first))) && !VERBS.contains(&word(second))
}

fn word(text: &str) -> &str {
    text.trim_matches(|c: char| !c.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::is_imperative;

    #[test]
    fn a_request_begins_with_its_verb() {
        for text in ["Close the ticket.", "Then, ask Ann.", "When it is idle, stop it.", "Finally reload `nginx`."] {
            assert!(is_imperative(text), "{text}");
        }
        for text in
            ["The replica is the primary.", "Done.", "Replication is idle.", "Note that it is slow.", "If it hangs"]
        {
            assert!(!is_imperative(text), "{text}");
        }
    }
}
