//! `flow man`.

use std::{io::Write, path::PathBuf};

use clap::Args;

use crate::exit::{CliError, Exit};

/// The tables of these pages of the reference are sections of the man pages.
const EXIT_CODES: &str = include_str!("../../docs/reference/exit-codes.md");
const ENVIRONMENT: &str = include_str!("../../docs/reference/environment.md");

/// What flow stores, below its home.
const FILES: &[(&str, &str)] = &[
    ("$FLOW_HOME/store", "the executions; the folder's default is $XDG_STATE_HOME/flow, then ~/.local/state/flow"),
    ("$FLOW_HOME/flow.sock", "the socket of the process that owns the store"),
    ("$FLOW_HOME/keys", "SSH keys that workflows generate"),
    ("$FLOW_HOME/rehearsal", "the home of rehearsals"),
];

/// Examples, by the command whose page has them; those of the program's page have no command.
const EXAMPLES: &[(&str, &str, &str)] = &[
    ("", "flow new nightly", "writes nightly.asl.yaml, a workflow with comments"),
    ("", "flow run nightly.asl.yaml --yes", "runs it"),
    ("", "flow resume @latest", "continues the latest execution where it stopped"),
    ("run", "flow run nightly.asl.yaml --yes --set target=/srv/backup", "runs a file with one field of its input set"),
    (
        "run",
        "flow run --again ID --set target=/srv/other",
        "runs the definition of an earlier execution with another field",
    ),
    ("run", "flow run endpoints-aws --plan --input FILE", "shows what a run would do, by reads only"),
    ("resume", "flow resume --all --no-wait", "continues what is due, for a timer"),
    ("status", "flow status ID --watch", "redraws the status until the execution ends"),
    ("approve", "flow approve ID --set ticket=CHG-17 --comment TEXT", "approves, with a field and a comment"),
    ("check", "flow check nightly.asl.yaml", "shows every problem with its line"),
];

/// Arguments of `flow man`.
#[derive(Debug, Args)]
pub struct ManArguments {
    /// The folder for the pages: flow.1, flow-run.1 and so on. It is created where it does not exist.
    folder: PathBuf,
}

/// Writes a man page for the program and for each of its commands.
pub fn run(arguments: &ManArguments, program: clap::Command) -> Result<Exit, CliError> {
    let folder = &arguments.folder;
    let wrong = |error: std::io::Error| CliError::refused(format!("{}: {error}", folder.display()));
    std::fs::create_dir_all(folder).map_err(wrong)?;
    let commands = program.get_subcommands().filter(|command| !command.is_hide_set());
    let mut pages = vec![String::new()];
    pages.extend(commands.map(|command| command.get_name().to_owned()));
    clap_mangen::generate_to(program, folder).map_err(wrong)?;
    for command in pages {
        let name = if command.is_empty() { "flow.1".to_owned() } else { format!("flow-{command}.1") };
        let mut page = std::fs::OpenOptions::new().append(true).open(folder.join(name)).map_err(wrong)?;
        page.write_all(sections(&command).as_bytes()).map_err(wrong)?;
    }
    Ok(Exit::Success)
}

/// The sections after the options, in roff.
fn sections(command: &str) -> String {
    let examples = EXAMPLES.iter().filter(|(of, ..)| *of == command).map(|(_, line, about)| (*line, *about));
    let own = FILES.iter().copied();
    section("EXIT STATUS", rows(EXIT_CODES))
        + &section("ENVIRONMENT", rows(ENVIRONMENT))
        + &section("FILES", own)
        + &section("EXAMPLES", examples)
}

/// The rows of the tables of a page of Markdown: the first two cells, without the heads of the tables.
fn rows(page: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let cells = page.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | "));
    cells.filter(|(first, _)| first.starts_with('`') || first.parse::<u8>().is_ok())
}

/// A section of terms with descriptions; empty without any.
fn section<'t>(title: &str, terms: impl Iterator<Item = (&'t str, &'t str)>) -> String {
    let terms: String =
        terms.map(|(term, about)| format!(".TP\n\\fB{}\\fR\n{}\n", escaped(term), escaped(about))).collect();
    if terms.is_empty() { terms } else { format!(".SH \"{title}\"\n{terms}") }
}

/// A text as roff prints it as it is: a backslash and a hyphen are escaped, and a line does not begin with a control character.
fn escaped(text: &str) -> String {
    let text = text.replace('`', "").replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_the_exit_codes_the_environment_the_files_and_examples() {
        let page = sections("run");
        for expected in [
            ".SH \"EXIT STATUS\"",
            ".TP\n\\fB75\\fR\n",
            ".TP\n\\fBFLOW_PROGRAMS\\fR\n",
            "$FLOW_HOME/store",
            "flow run nightly.asl.yaml \\-\\-yes",
        ] {
            assert!(page.contains(expected), "{expected} is not in: {page}");
        }
        assert!(!sections("bench").contains("EXAMPLES"));
        assert_eq!(escaped(".a\\-"), "\\&.a\\e\\-");
    }
}
