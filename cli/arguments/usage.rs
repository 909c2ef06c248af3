//! Ends a command whose command line cannot be read, or that asks for help or the version.

use clap::{
    CommandFactory,
    builder::StyledStr,
    error::{ContextKind, ContextValue, Error, ErrorKind},
};

use crate::{
    arguments::{Arguments, RECORDS},
    exit::{CliError, Exit},
    global::Color,
    out,
    ui::{error, json, screen::Screen},
};

/// Prints the parser's result: help and the version as text; an error as text, or as a JSON line if the command line asks for JSON lines.
/// It writes to standard output as every command does, because the parser's own printing ignores a failure.
pub fn end(said: Error) -> Exit {
    if !said.use_stderr() {
        let text = said.render();
        let is_colored = Screen::of_stdout(Color::Auto).color;
        out::text(&if is_colored { text.ansi().to_string() } else { text.to_string() });
        return Exit::Success;
    }
    let said = with_commands_that_record(without_hidden(said));
    if !is_asked_for_json() {
        said.exit();
    }
    json::begin(true);
    error::set_json(true);
    error::print(&error_of(&said.to_string()));
    Exit::Usage
}

/// The parser's error without the proposal of a command that help texts hide.
fn without_hidden(mut said: Error) -> Error {
    let Some(ContextValue::Strings(proposed)) = said.get(ContextKind::SuggestedSubcommand) else { return said };
    let command = Arguments::command();
    let is_hidden = |name: &String| command.find_subcommand(name).is_some_and(clap::Command::is_hide_set);
    let shown: Vec<String> = proposed.iter().filter(|name| !is_hidden(name)).cloned().collect();
    match shown.is_empty() {
        true => said.remove(ContextKind::SuggestedSubcommand),
        false => said.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(shown)),
    };
    said
}

/// The parser's error with the commands that take an option of a watch, if another command has it.
fn with_commands_that_record(mut said: Error) -> Error {
    let Some(ContextValue::String(option)) = said.get(ContextKind::InvalidArg) else { return said };
    let is_unknown = said.kind() == ErrorKind::UnknownArgument;
    let Some(option) = ["--events-file", "--progress"].into_iter().find(|known| is_unknown && known == option) else {
        return said;
    };
    let advice = StyledStr::from(format!("{option} {RECORDS}"));
    said.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![advice]));
    said
}

/// The error of the parser's text: its first paragraph, and the usage below it as the hint.
fn error_of(text: &str) -> CliError {
    let (message, usage) = text.trim().split_once("\n\n").unwrap_or((text.trim(), ""));
    let error = CliError::usage(message.trim_start_matches("error: "));
    if usage.is_empty() { error } else { error.hint(usage) }
}

/// Whether the command line of this process asks for JSON lines, before it is parsed or if it cannot be.
pub fn is_asked_for_json() -> bool {
    asks_for_json(std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()))
}

/// Whether the words of a command line have the option `-o json`, in one of the forms that the parser reads.
fn asks_for_json(words: impl Iterator<Item = String>) -> bool {
    let mut is_value = false;
    for word in words.take_while(|word| word != "--") {
        let is_short = word.starts_with('-') && !word.starts_with("--");
        let has_value = ["ojson", "o=json"].iter().any(|end| is_short && word.ends_with(end));
        if has_value || word == "--output=json" || (is_value && word == "json") {
            return true;
        }
        is_value = word == "--output" || (is_short && word.ends_with('o'));
    }
    false
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::{asks_for_json, error_of, with_commands_that_record, without_hidden};
    use crate::arguments::{Arguments, RECORDS};

    #[test]
    fn a_command_that_is_hidden_is_not_proposed() {
        let said = |word: &str| match Arguments::try_parse_from(["flow", word]) {
            Ok(_) => String::new(),
            Err(error) => without_hidden(error).to_string(),
        };
        let text = said("rehearse");
        assert!(text.contains("rehearse") && !text.contains("rehearsal-world"), "{text}");
        assert!(said("statsu").contains("'status'"), "{}", said("statsu"));
    }

    #[test]
    fn an_option_of_a_watch_names_the_commands_that_take_it() {
        for option in ["--events-file", "--progress"] {
            let said = Arguments::try_parse_from(["flow", "explain", option, "a"]).map(drop);
            let text = said.map_err(|error| with_commands_that_record(error).to_string()).err().unwrap_or_default();
            assert!(text.contains(&format!("{option} {RECORDS}")), "{text}");
        }
    }

    #[test]
    fn an_option_for_json_is_found_in_every_form_that_the_parser_reads() {
        let asks = |line: &str| asks_for_json(line.split(' ').map(str::to_owned));
        for line in [
            "status -o json",
            "status -ojson",
            "-o=json status",
            "run x -qo json",
            "run --output json",
            "run --output=json",
        ] {
            assert!(asks(line), "{line}");
        }
        for line in ["status", "status json", "status -o human", "run -- -o json", "explain --ojson"] {
            assert!(!asks(line), "{line}");
        }
    }

    #[test]
    fn an_error_of_the_parser_has_its_usage_as_the_hint() {
        let error = error_of("error: unexpected argument '--nine' found\n\nUsage: flow status [OPTIONS] [ID]\n");
        assert_eq!(error.message, "unexpected argument '--nine' found");
        assert_eq!(error.hint.as_deref(), Some("Usage: flow status [OPTIONS] [ID]"));
    }
}
