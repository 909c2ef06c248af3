//! The options that every proposed command repeats, so that it works when pasted: the home, and the engine with its endpoint,
//! region and profile, as they are given to this command.

use std::{
    fmt::{Display, Formatter, Result},
    path::PathBuf,
    sync::OnceLock,
};

use crate::global::Global;

/// The options of this command, as text that follows a proposed command: `flow resume {id}{OPTIONS}`.
pub const OPTIONS: Options = Options;

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
        options.extend(value.map(|value| format!(" --{name} {}", quoted(value))));
    }
    let _ = ENGINE.set(options);
}

impl Display for Options {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if let Some(home) = GIVEN.get().and_then(|given| given.home.as_ref()) {
            write!(f, " --home {}", quoted(&home.to_string_lossy()))?;
        }
        f.write_str(ENGINE.get().map_or("", String::as_str))
    }
}

/// A word of a command line, quoted if a shell requires it.
pub fn quoted(word: &str) -> String {
    // Letters of other scripts are plain too. zsh replaces a word that begins with an equals sign.
    let plain = |c: char| c.is_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && !word.starts_with('=') && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A step's hint whose `flow resume ID` is completed: the step knows neither the options nor the quoting.
pub fn completed(hint: &str, id: &str) -> String {
    hint.replace(&format!("flow resume {id}"), &format!("flow resume {}{OPTIONS}", quoted(id)))
}

#[cfg(test)]
mod tests {
    use super::{completed, quoted};

    #[test]
    fn a_hint_of_a_step_names_a_command_that_works_when_pasted() {
        let hint = completed("To allow it:   A=/b flow resume a(b)", "a(b)");
        assert!(hint.starts_with("To allow it:   A=/b flow resume 'a(b)'"), "{hint}");
        assert_eq!(completed("Add the permission.", "shop-1"), "Add the permission.");
    }

    #[test]
    fn a_word_survives_a_shell() {
        assert_eq!(quoted("Create-VPC_1"), "Create-VPC_1");
        assert_eq!(quoted("it's {\"a\": 1}"), r#"'it'\''s {"a": 1}'"#);
        assert_eq!(quoted(""), "''");
        assert_eq!((quoted("公開-7k3f").as_str(), quoted("=ls").as_str()), ("公開-7k3f", "'=ls'"));
        assert_eq!(quoted("a(b)!"), "'a(b)!'");
    }
}
