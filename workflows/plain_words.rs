//! Translates the messages of the YAML parser for the person who wrote the text.

/// Parts of the parser's messages, which are written for the program's author. Each has a translation: the meaning for the text, and the
/// repair.
const KNOWN: [(&str, &str); 5] = [
    (
        "recursive references require",
        "an anchor (&name) contains its own alias (*name); write the value out in place of the alias",
    ),
    (
        "budget breached",
        "the text is too large or too deeply nested once its aliases (*name) are replaced; use fewer aliases, or split the text",
    ),
    ("null into string", "a key has no name or is null; write a name before the colon, or \"null\" in quotation marks"),
    (
        "multiple YAML documents",
        "the text has several documents, divided by lines of ---; keep one, and write the others to files of their own",
    ),
    ("use Option<", "a value is missing; write it, or remove its key"),
];

/// The message of a problem, without its position.
pub(crate) fn plain(message: &str) -> &str {
    KNOWN.iter().find(|(part, _)| message.contains(part)).map_or(message, |(_, words)| words)
}

#[cfg(test)]
mod tests {
    use crate::assemble::yaml;

    #[test]
    fn what_the_parser_says_to_programmers_is_said_to_writers() {
        let aliases: String = (1..9)
            .map(|level| format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 9].join(", ")))
            .collect();
        for (text, words) in [
            ("a: &a\n  b: *a\n".to_owned(), "contains its own alias"),
            (format!("a0: &a0 [x, x, x, x, x, x, x, x, x]\n{aliases}"), "too large or too deeply nested"),
            ("a:\n  ~: 1\n".to_owned(), "a key has no name or is null"),
            ("a: 1\n---\nb: 2\n".to_owned(), "several documents"),
        ] {
            let message = yaml(&text).err().map(|problem| problem.message).unwrap_or_default();
            assert!(message.contains(words), "{words:?} is not in: {message}");
        }
    }
}
