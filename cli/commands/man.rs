//! `flow man`.

use std::{fs, path::PathBuf};

use clap::{Arg, ArgAction, Args, Command};

use crate::exit::{CliError, Exit};

/// The tables of these pages of the reference are sections of the man pages.
const EXIT_CODES: &str = include_str!("../../docs/reference/exit-codes.md");
const ENVIRONMENT: &str = include_str!("../../docs/reference/environment.md");

/// The files that flow stores below its home.
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
pub fn run(arguments: &ManArguments, program: Command) -> Result<Exit, CliError> {
    let folder = &arguments.folder;
    let refused = |error: std::io::Error| CliError::refused(format!("{}: {error}", folder.display()));
    fs::create_dir_all(folder).map_err(refused)?;
    // Some pages may be written already.
    let failed = |error: std::io::Error| {
        CliError::new(Exit::Failed, format!("the pages cannot be written to {}: {error}", folder.display()))
            .hint("make room or choose another folder, then repeat the command")
    };
    // Subcommands have the global options only after this.
    let mut built = program.clone().disable_help_subcommand(true);
    built.build();
    clap_mangen::generate_to(program, folder).map_err(failed)?;
    let commands = built.get_subcommands().filter(|command| !command.is_hide_set());
    for (name, command) in [("", &built)].into_iter().chain(commands.map(|command| (command.get_name(), command))) {
        let (file, title) = match name {
            "" => ("flow.1".to_owned(), "flow".to_owned()),
            name => (format!("flow-{name}.1"), format!("flow {name}")),
        };
        let file = folder.join(file);
        let page = fs::read_to_string(&file).map_err(failed)?;
        fs::write(&file, with_synopsis(&page, &synopsis(&title, command)) + &sections(name)).map_err(failed)?;
    }
    Ok(Exit::Success)
}

/// A page with another synopsis: that of clap_mangen has no values of options.
fn with_synopsis(page: &str, synopsis: &str) -> String {
    const HEADING: &str = ".SH SYNOPSIS\n";
    let Some((before, after)) = page.split_once(HEADING) else { return page.to_owned() };
    let rest = after.split_once('\n').map_or("", |(_, rest)| rest);
    format!("{before}{HEADING}{synopsis}\n{rest}")
}

/// The synopsis of a command, in roff: its options with their values, then its arguments.
fn synopsis(title: &str, command: &Command) -> String {
    let one_of: Vec<Vec<&Arg>> = command
        .get_groups()
        .filter(|group| group.is_required_set())
        .map(|group| command.get_arguments().filter(|arg| group.get_args().any(|id| id == arg.get_id())).collect())
        .collect();
    let is_one_of = |arg: &Arg| one_of.iter().flatten().any(|member| member.get_id() == arg.get_id());
    let shown = command.get_arguments().filter(|arg| !arg.is_hide_set() && !is_one_of(arg));
    let (arguments, options): (Vec<&Arg>, Vec<&Arg>) = shown.partition(|arg| arg.is_positional());
    let mut pieces = vec![format!("\\fB{}\\fR", escaped(title))];
    pieces.extend(options.into_iter().map(marked));
    for members in &one_of {
        let members: Vec<String> = members.iter().map(|arg| usage(arg)).collect();
        pieces.push(format!("<{}>", members.join("|")));
    }
    pieces.extend(arguments.into_iter().map(marked));
    if command.has_subcommands() {
        pieces.push("[\\fIcommand\\fR]".to_owned());
    }
    pieces.join(" ")
}

/// An option or an argument: in brackets unless it is required, with dots if it can be repeated.
fn marked(arg: &Arg) -> String {
    let usage = usage(arg);
    let is_repeated = matches!(arg.get_action(), ArgAction::Append | ArgAction::Count);
    let dots = if is_repeated { "..." } else { "" };
    if arg.is_required_set() { format!("{usage}{dots}") } else { format!("[{usage}]{dots}") }
}

/// An option with its value, such as `--id NAME`, or an argument.
fn usage(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    let names: Vec<String> = names.iter().map(|name| format!("\\fI{}\\fR", escaped(name))).collect();
    let value = names.join(" ");
    if arg.is_positional() {
        return value;
    }
    let short = arg.get_short().map(|short| format!("\\fB\\-{short}\\fR"));
    let long = arg.get_long().map(|long| format!("\\fB\\-\\-{}\\fR", escaped(long)));
    let option = [short, long].into_iter().flatten().collect::<Vec<_>>().join("|");
    if !arg.get_action().takes_values() || value.is_empty() {
        return option;
    }
    let separator = if arg.is_require_equals_set() { "=" } else { " " };
    match arg.get_num_args().is_some_and(|count| count.min_values() == 0) {
        true => format!("{option}[{separator}{value}]"),
        false => format!("{option}{separator}{value}"),
    }
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
    use clap::ArgGroup;

    use super::*;

    #[test]
    fn a_synopsis_shows_options_with_their_values() {
        let option = |name: &'static str, value: &'static str| Arg::new(name).long(name).value_name(value);
        let mut command = Command::new("run")
            .arg(option("id", "NAME").short('i'))
            .arg(Arg::new("yes").long("yes").action(ArgAction::SetTrue))
            .arg(option("set", "KEY=VALUE").action(ArgAction::Append))
            .arg(option("no-wait", "DURATION").num_args(0..=1).require_equals(true))
            .args([option("success", "JSON"), option("failure", "ERROR")])
            .group(ArgGroup::new("answer").required(true).args(["success", "failure"]))
            .arg(Arg::new("state").value_name("STATE").required(true))
            .arg(Arg::new("workflow").value_name("WORKFLOW"));
        command.build();
        let line = synopsis("flow run", &command)
            .replace("\\fB", "")
            .replace("\\fI", "")
            .replace("\\fR", "")
            .replace("\\-", "-");
        assert_eq!(
            line,
            "flow run [-i|--id NAME] [--yes] [--set KEY=VALUE]... [--no-wait[=DURATION]] [-h|--help] <--success JSON|--failure ERROR> \
             STATE [WORKFLOW]"
        );
        let page = with_synopsis(".SH SYNOPSIS\n\\fBflow run\\fR [\\fB\\-\\-id\\fR]\n.SH DESCRIPTION\n", "new");
        assert_eq!(page, ".SH SYNOPSIS\nnew\n.SH DESCRIPTION\n");
    }

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
