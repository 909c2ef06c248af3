//! The options that every proposed command repeats, so that it works when pasted: the home, and the engine with its endpoint,
//! region and profile, as they are given to this command.

use std::{
    convert::Infallible,
    fmt::{Display, Formatter, Result},
    path::PathBuf,
    sync::OnceLock,
};

use crate::global::Global;

/// The options of this command, as text that follows a proposed command: `flow resume {id}{OPTIONS}`.
pub const OPTIONS: Options = Options;

/// The first characters of names that follow a backslash on a command line.
const ESCAPED: [char; 3] = ['-', '@', '\\'];

static GIVEN: OnceLock<Given> = OnceLock::new();
static ENGINE: OnceLock<String> = OnceLock::new();

/// Displays the options, with a space before each.
pub struct Options;

/// The options on the command line; those from environment variables need not be repeated.
struct Given {
    home: Option<PathBuf>,
    profile: Option<String>,
    region: Option<String>,
}

/// Remembers the options of the command line. Called before environment variables fill the others.
pub fn remember(global: &Global) {
    let Global { home, profile, region, .. } = global.clone();
    // Pasted into another folder, a relative path would name another home.
    let home = home.map(|home| std::path::absolute(&home).unwrap_or(home));
    let _ = GIVEN.set(Given { home, profile, region });
}

/// Remembers that the command is for the executions at Step Functions, at a given endpoint.
pub fn remember_step_functions(endpoint: Option<&str>) {
    let given = GIVEN.get();
    let named = [
        ("endpoint", endpoint),
        ("region", given.and_then(|given| given.region.as_deref())),
        ("profile", given.and_then(|given| given.profile.as_deref())),
    ];
    let mut options = " --engine sfn".to_owned();
    for (name, value) in named {
        options.extend(value.map(|value| option(name, value)));
    }
    let _ = ENGINE.set(options);
}

/// Whether the command is for the executions at Step Functions.
pub fn is_at_step_functions() -> bool {
    ENGINE.get().is_some()
}

impl Display for Options {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if let Some(home) = GIVEN.get().and_then(|given| given.home.as_ref()) {
            f.write_str(&option("home", &home.to_string_lossy()))?;
        }
        f.write_str(ENGINE.get().map_or("", String::as_str))
    }
}

/// The name of an execution or of a state as a word of a command line. A name whose first character would make it an option or
/// `@latest` follows a backslash, which [`unescaped`] removes: AWS allows such names, and imports contain them.
pub fn quoted(name: &str) -> String {
    match name.starts_with(ESCAPED) {
        true => word(&format!("\\{name}")),
        false => word(name),
    }
}

/// The name of an execution or of a state that a word of a command line means.
pub fn unescaped(word: &str) -> &str {
    word.strip_prefix('\\').filter(|name| name.starts_with(ESCAPED)).unwrap_or(word)
}

/// Reads an argument that names a state.
///
/// # Errors
/// None.
pub fn state_name(word: &str) -> std::result::Result<String, Infallible> {
    Ok(unescaped(word).to_owned())
}

/// An option with a value, with a space before it. A value that begins with a hyphen follows an equals sign.
pub fn option(name: &str, value: &str) -> String {
    let separator = if value.starts_with('-') { '=' } else { ' ' };
    format!(" --{name}{separator}{}", word(value))
}

/// A word of a command line, quoted if a shell requires it.
pub fn word(word: &str) -> String {
    // Letters of other scripts are plain too. zsh replaces a word that begins with an equals sign.
    let plain = |c: char| c.is_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && !word.starts_with('=') && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::{option, quoted, unescaped, word};

    #[test]
    fn a_word_survives_a_shell() {
        assert_eq!(word("Create-VPC_1"), "Create-VPC_1");
        assert_eq!(word("it's {\"a\": 1}"), r#"'it'\''s {"a": 1}'"#);
        assert_eq!(word(""), "''");
        assert_eq!((word("公開-7k3f").as_str(), word("=ls").as_str()), ("公開-7k3f", "'=ls'"));
        assert_eq!(word("a(b)!"), "'a(b)!'");
    }

    #[test]
    fn a_name_is_neither_an_option_nor_the_latest_execution() {
        for (name, expected) in [("-x", r"'\-x'"), ("--all", r"'\--all'"), ("@latest", r"'\@latest'"), ("x-1", "x-1")] {
            assert_eq!(quoted(name), expected);
        }
        for name in ["-x", "@latest", r"\", r"\-x", r"\d", "a b", "x-1"] {
            let proposed = quoted(name);
            let read = proposed.trim_matches('\'');
            assert_eq!(unescaped(read), name, "{proposed}");
            assert!(!read.starts_with(['-', '@']), "{proposed}");
        }
        assert_eq!(
            (option("success", "-5").as_str(), option("success", "5").as_str()),
            (" --success=-5", " --success 5")
        );
    }
}
