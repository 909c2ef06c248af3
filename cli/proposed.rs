//! The options that every proposed command repeats, so that it works when pasted: the home, and the engine with its endpoint,
//! region and profile, as they are given to this command.

use std::{
    convert::Infallible,
    fmt::{Display, Formatter, Result},
    path::PathBuf,
    sync::OnceLock,
};

use crate::{global::Global, ids::REHEARSAL_PREFIX};

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

/// The options of a proposed `flow run` that takes the input of the execution `id`, with a space before each: `--rehearse` for a
/// rehearsal, else the profile and the region of this command, because a new execution has its own location.
pub fn run_options(id: &str) -> String {
    if id.starts_with(REHEARSAL_PREFIX) { format!(" --rehearse{OPTIONS}") } else { format!("{}{OPTIONS}", location()) }
}

/// The command that runs the input of an execution again, with a file's definition if one is given, from a state. A rehearsal
/// starts at its beginning: `--from` is not for rehearsals.
pub fn again_from(file: Option<&str>, id: &str, state: &str) -> String {
    let file = file.map_or_else(String::new, |file| format!(" {}", word(file)));
    let from = if id.starts_with(REHEARSAL_PREFIX) { String::new() } else { format!(" --from {}", quoted(state)) };
    format!("flow run{file} --again {}{from}{}", quoted(id), run_options(id))
}

/// A message of a step with the options of this command after each of flow's commands. A command has three spaces or the
/// message's ends around it.
pub fn completed(message: &str) -> String {
    with_options(message, &location(), &OPTIONS.to_string())
}

fn with_options(message: &str, location: &str, options: &str) -> String {
    let complete = |part: &str| {
        let words: Vec<&str> = part.split(' ').skip_while(|word| word.contains('=')).collect();
        let is_sentence = part.contains(", ") || part.ends_with(['.', ':']);
        match words.as_slice() {
            _ if is_sentence => part.to_owned(),
            ["flow", "run", others @ ..] if !others.contains(&"--rehearse") => format!("{part}{location}{options}"),
            ["flow", _, ..] => format!("{part}{options}"),
            _ => part.to_owned(),
        }
    };
    message.split("   ").map(complete).collect::<Vec<_>>().join("   ")
}

/// The profile and the region on the command line. Those for Step Functions are among [`OPTIONS`].
fn location() -> String {
    let Some(given) = GIVEN.get().filter(|_| ENGINE.get().is_none()) else { return String::new() };
    let given = [("profile", &given.profile), ("region", &given.region)];
    given.into_iter().filter_map(|(name, value)| value.as_deref().map(|value| option(name, value))).collect()
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
    if word.contains(char::is_control) {
        return escaped(word);
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A word with control characters as bash, zsh and ksh read it (POSIX.1-2024, "Dollar-Single-Quotes"). Screens show no control
/// characters, so that quotes alone would not survive.
fn escaped(word: &str) -> String {
    let mut escaped = String::from("$'");
    for character in word.chars() {
        match character {
            '\n' => escaped.push_str(r"\n"),
            '\t' => escaped.push_str(r"\t"),
            '\r' => escaped.push_str(r"\r"),
            '\'' | '\\' => escaped.extend(['\\', character]),
            // Of each byte: \u is not in POSIX.
            _ if character.is_control() => {
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

    use super::{again_from, option, quoted, unescaped, with_options, word};

    #[test]
    fn a_rehearsal_is_run_again_as_a_rehearsal_and_from_its_beginning() {
        assert_eq!(again_from(None, "b-1", "Verify it"), "flow run --again b-1 --from 'Verify it'");
        assert_eq!(again_from(Some("b.yaml"), "b-1", "A"), "flow run b.yaml --again b-1 --from A");
        assert_eq!(again_from(None, "rehearsal-b-1", "A"), "flow run --again rehearsal-b-1 --rehearse");
    }

    #[test]
    fn the_commands_in_a_steps_message_get_the_options_of_this_command() {
        let complete = |message: &str| with_options(message, " --profile p", " --home /h");
        assert_eq!(
            complete("To delete it:   flow run t --set deployment=d   , or delete it by hand."),
            "To delete it:   flow run t --set deployment=d --profile p --home /h   , or delete it by hand."
        );
        assert_eq!(
            complete("More:   flow run --again r --rehearse --set a=1"),
            "More:   flow run --again r --rehearse --set a=1 --home /h"
        );
        assert_eq!(complete("then   FLOW_FILES=/f flow resume x"), "then   FLOW_FILES=/f flow resume x --home /h");
        for sentence in ["Repair it, then flow resume.", "flow resume, or a Retry rule, starts the program again"] {
            assert_eq!(complete(sentence), sentence);
        }
    }

    #[test]
    fn a_word_survives_a_shell() {
        assert_eq!(word("Create-VPC_1"), "Create-VPC_1");
        assert_eq!(word("it's {\"a\": 1}"), r#"'it'\''s {"a": 1}'"#);
        assert_eq!(word(""), "''");
        assert_eq!((word("公開-7k3f").as_str(), word("=ls").as_str()), ("公開-7k3f", "'=ls'"));
        assert_eq!(word("a(b)!"), "'a(b)!'");
    }

    #[test]
    fn a_word_with_control_characters_survives_a_screen_and_a_shell() {
        for name in ["Two\nlines", "it's \\n\t\u{1b}[31m\r", "C1 \u{85}7", "\u{7}1", "-x\ny"] {
            let shown = word(name);
            assert!(!shown.contains(char::is_control), "{shown}");
            let shell =
                std::process::Command::new("bash").args(["-c", &format!("printf %s {shown}")]).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&shell.stdout), name, "{shown}");
        }
        assert_eq!(word("Two\nlines"), r"$'Two\nlines'");
        assert_eq!(quoted("-x\ny"), r"$'\\-x\ny'");
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
