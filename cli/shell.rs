//! Names and values as words of a command line: quoted for a shell, and read back.

use std::convert::Infallible;

use crate::characters::acts_on_terminal;

/// The first characters of names that follow a backslash on a command line.
const ESCAPED: [char; 3] = ['-', '@', '\\'];

/// The name of an execution or of a state as a word of a command line. A name whose first character would make it an option or
/// `@latest` follows a backslash, which [`unescape_name`] removes: AWS allows such names, and imports contain them.
pub fn quote_name(name: &str) -> String {
    match name.starts_with(ESCAPED) {
        true => quote_word(&format!("\\{name}")),
        false => quote_word(name),
    }
}

/// The name of an execution or of a state that a word of a command line means.
pub fn unescape_name(word: &str) -> &str {
    word.strip_prefix('\\').filter(|name| name.starts_with(ESCAPED)).unwrap_or(word)
}

/// Reads an argument that names a state.
///
/// # Errors
/// None.
pub fn state_name(word: &str) -> Result<String, Infallible> {
    Ok(unescape_name(word).to_owned())
}

/// An option with a value, with a space before it. A value that begins with a hyphen follows an equals sign.
pub fn option(name: &str, value: &str) -> String {
    let separator = if value.starts_with('-') { '=' } else { ' ' };
    format!(" --{name}{separator}{}", quote_word(value))
}

/// A word of a command line, quoted if a shell requires it.
pub fn quote_word(word: &str) -> String {
    if word.contains(is_lost_on_a_screen) {
        return escaped(word);
    }
    // Letters of other scripts are plain too. zsh replaces a word that begins with an equals sign.
    let plain = |c: char| c.is_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && !word.starts_with('=') && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Whether a person cannot copy a character from a screen, because the screen shows another text for it, or nothing (Unicode's
/// `Default_Ignorable_Code_Point`, without the variation selectors).
fn is_lost_on_a_screen(c: char) -> bool {
    let is_invisible = matches!(c, '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}')
        || matches!(c, '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}')
        || matches!(c, '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}');
    is_invisible || acts_on_terminal(c)
}

/// A word with such characters as bash, zsh and ksh read it (POSIX.1-2024, "Dollar-Single-Quotes"). Quotes alone would not
/// survive a screen.
fn escaped(word: &str) -> String {
    let mut escaped = String::from("$'");
    for character in word.chars() {
        match character {
            '\n' => escaped.push_str(r"\n"),
            '\t' => escaped.push_str(r"\t"),
            '\r' => escaped.push_str(r"\r"),
            '\'' | '\\' => escaped.extend(['\\', character]),
            // Of each byte: \u is not in POSIX.
            _ if is_lost_on_a_screen(character) => {
                let mut bytes = [0; 4];
                let encoded = character.encode_utf8(&mut bytes).bytes();
                // Three octal digits, because a digit may follow.
                encoded.for_each(|byte| escaped.push_str(&format!("\\{byte:03o}")));
            }
            _ => escaped.push(character),
        }
    }
    escaped + "'"
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{is_lost_on_a_screen, option, quote_name, quote_word, unescape_name};

    #[test]
    fn a_word_survives_a_shell() {
        assert_eq!(quote_word("Create-VPC_1"), "Create-VPC_1");
        assert_eq!(quote_word("it's {\"a\": 1}"), r#"'it'\''s {"a": 1}'"#);
        assert_eq!(quote_word(""), "''");
        assert_eq!((quote_word("公開-7k3f").as_str(), quote_word("=ls").as_str()), ("公開-7k3f", "'=ls'"));
        assert_eq!(quote_word("a(b)!"), "'a(b)!'");
    }

    #[test]
    fn a_word_with_characters_that_no_screen_shows_survives_a_screen_and_a_shell() {
        for name in [
            "Two\nlines",
            "it's \\n\t\u{1b}[31m\r",
            "C1 \u{85}7",
            "\u{7}1",
            "-x\ny",
            "E[0]/ask\u{202e}RTL's",
            "\u{2066}a\u{2069}",
            "ask\u{2028}sep",
            "zero\u{200b}1",
            "\u{feff}mark",
            "soft\u{ad}hyphen",
            "filler\u{3164}",
            "tag\u{e0041}",
        ] {
            let shown = quote_word(name);
            assert!(!shown.contains(is_lost_on_a_screen), "{shown}");
            let shell =
                std::process::Command::new("bash").args(["-c", &format!("printf %s {shown}")]).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&shell.stdout), name, "{shown}");
        }
        assert_eq!(quote_word("Two\nlines"), r"$'Two\nlines'");
        assert_eq!(quote_word("a\u{202e}1"), r"$'a\342\200\2561'");
        assert_eq!(quote_name("-x\ny"), r"$'\\-x\ny'");
    }

    #[test]
    fn a_name_is_neither_an_option_nor_the_latest_execution() {
        for (name, expected) in [("-x", r"'\-x'"), ("--all", r"'\--all'"), ("@latest", r"'\@latest'"), ("x-1", "x-1")] {
            assert_eq!(quote_name(name), expected);
        }
        for name in ["-x", "@latest", r"\", r"\-x", r"\d", "a b", "x-1"] {
            let proposed = quote_name(name);
            let read = proposed.trim_matches('\'');
            assert_eq!(unescape_name(read), name, "{proposed}");
            assert!(!read.starts_with(['-', '@']), "{proposed}");
        }
        assert_eq!(
            (option("success", "-5").as_str(), option("success", "5").as_str()),
            (" --success=-5", " --success 5")
        );
    }
}
