//! Words of a command line for a shell.

/// Quotes a word so that a shell does not expand it (POSIX.1-2024, Shell Command Language, 2.2.2 Single-Quotes).
pub(crate) fn single_quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
