//! The command line: its arguments, and the function of each command.

pub mod completion;
pub mod usage;

use api::OwnerKind;
use clap::{CommandFactory, Parser, Subcommand};

use crate::{
    commands,
    exit::{CliError, Exit},
    global::{Global, Output, WatchOptions},
    interrupt,
    ui::{json, record},
};

/// The reason why other commands refuse an option with the name of a file for a record of the watch.
pub const RECORDS: &str = "is for the commands run, resume and status ID --watch";

/// A durable workflow engine: runbooks as resumable Amazon States Language workflows.
#[derive(Debug, Parser)]
#[command(name = "flow", version, max_term_width = 110)]
pub struct Arguments {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a workflow: check it, show what it does and where, ask, start it and watch it.
    Run(commands::run::RunArguments),
    /// Continue an execution after a stop, a crash or a failure.
    Resume(commands::resume::ResumeArguments),
    /// List the executions, or show one: its status and what it needs.
    Status(commands::status::StatusArguments),
    /// Print the history of an execution, oldest first.
    Events(commands::events::EventsArguments),
    /// Answer a waiting task.
    Signal(commands::signal::SignalArguments),
    /// Approve what an execution asks for.
    Approve(commands::approve::ApproveArguments),
    /// Reject what an execution asks for.
    Reject(commands::approve::RejectArguments),
    /// List what waits for people, over all executions.
    Approvals(commands::approvals::ApprovalsArguments),
    /// End an execution as ABORTED, with the executions that it waits for; what it created stays.
    Cancel(commands::cancel::CancelArguments),
    /// Report every problem of a definition at once.
    Check(commands::check::CheckArguments),
    /// Run a definition against mocked answers: nothing is called, no wait takes time.
    Test(commands::test::TestArguments),
    /// Write a workflow: check and run it with mocked answers at every save, from the first state that changed.
    Dev(commands::dev::DevArguments),
    /// Show the settings in use and the source of each: an option, the environment, the configuration file.
    Config,
    /// Verify the store and this machine: what is damaged, who may read it, how fast the disk is.
    Doctor(commands::doctor::DoctorArguments),
    /// Print executions as JSON lines: as a backup, or for another store.
    Export(commands::export::ExportArguments),
    /// Import exported executions.
    Import(commands::import::ImportArguments),
    /// Delete executions that ended long ago and shrink the store.
    Prune(commands::prune::PruneArguments),
    /// Measure this engine on this disk.
    Bench(commands::bench::BenchArguments),
    /// Serve the Step Functions API on 127.0.0.1 until stopped; the next start continues what was running.
    Serve(commands::serve::ServeArguments),
    /// Work on tasks of Step Functions, or of a `flow serve`, until stopped.
    Worker(commands::worker::WorkerArguments),
    /// Deploy a workflow to AWS Step Functions, or to a `flow serve`; a repeated deployment changes only what differs.
    Deploy(commands::deploy::DeployArguments),
    /// Create a commented workflow of your own, with a schema of its input and mocked answers.
    New(commands::new::NewArguments),
    /// Explain what a code of flow check or an error name means, and what to do about it.
    Explain(commands::explain::ExplainArguments),
    /// Print a JSON Schema: of definitions, for editors, or of a workflow's input.
    Schema(commands::schema::SchemaArguments),
    /// Print a commented input file to fill in.
    Init(commands::init::InitArguments),
    /// Print the least IAM policy that a workflow's steps need, as JSON.
    Policy(commands::policy::PolicyArguments),
    /// List the workflows that are shipped.
    Workflows,
    /// List the steps that a Task can name, or show the input and output of one.
    Steps(commands::steps::StepsArguments),
    /// Print the script with which a shell completes command lines of flow.
    Completions(commands::completions::CompletionsArguments),
    /// Write man pages into a folder.
    Man(commands::man::ManArguments),
    /// The world of a rehearsal; started by `flow run --rehearse`.
    #[command(hide = true)]
    RehearsalWorld(commands::rehearsal_world::RehearsalWorldArguments),
}

impl Command {
    /// Whether the output with `-o json` is JSON lines. The output of other commands is a file, or a server's line with
    /// its address.
    pub fn prints_lines(&self) -> bool {
        match self {
            Command::Check(arguments) => !arguments.prints_file(),
            Command::Deploy(arguments) => !arguments.prints_file(),
            Command::Export(_)
            | Command::Init(_)
            | Command::Schema(_)
            | Command::Policy(_)
            | Command::Completions(_)
            | Command::Serve(_)
            | Command::RehearsalWorld(_) => false,
            _ => true,
        }
    }

    /// The options of a command that can watch executions.
    pub fn watch_options(&self) -> Option<&WatchOptions> {
        match self {
            Command::Run(arguments) => Some(&arguments.watch_options),
            Command::Resume(arguments) => Some(&arguments.watch_options),
            Command::Status(arguments) => Some(&arguments.watch_options),
            _ => None,
        }
    }

    /// The command's relation to the store as its owner.
    pub fn owner_kind(&self) -> OwnerKind {
        match self {
            Command::Serve(_) => OwnerKind::Server,
            Command::Run(_) | Command::Resume(_) => OwnerKind::Driver,
            _ => OwnerKind::Other,
        }
    }

    /// The command's name.
    pub fn verb(&self) -> &'static str {
        match self {
            Command::Run(_) => "run",
            Command::Resume(_) => "resume",
            Command::Status(_) => "status",
            Command::Events(_) => "events",
            Command::Signal(_) => "signal",
            Command::Approve(_) => "approve",
            Command::Reject(_) => "reject",
            Command::Approvals(_) => "approvals",
            Command::Cancel(_) => "cancel",
            Command::Check(_) => "check",
            Command::Test(_) => "test",
            Command::Dev(_) => "dev",
            Command::Config => "config",
            Command::Doctor(_) => "doctor",
            Command::Export(_) => "export",
            Command::Import(_) => "import",
            Command::Prune(_) => "prune",
            Command::Bench(_) => "bench",
            Command::Serve(_) => "serve",
            Command::Worker(_) => "worker",
            Command::Deploy(_) => "deploy",
            Command::Explain(_) => "explain",
            Command::New(_) => "new",
            Command::Schema(_) => "schema",
            Command::Init(_) => "init",
            Command::Policy(_) => "policy",
            Command::Workflows => "workflows",
            Command::Steps(_) => "steps",
            Command::Completions(_) => "completions",
            Command::Man(_) => "man",
            Command::RehearsalWorld(_) => "rehearsal-world",
        }
    }
}

/// Refuses to record what `flow status` watches if it watches nothing.
///
/// # Errors
/// An option names a file for events or a report.
fn refuse_without_watch(global: &Global, command: &Command) -> Result<(), CliError> {
    let is_without = matches!(command, Command::Status(arguments) if !arguments.watches());
    let Some(option) = global.recording_option().filter(|_| is_without) else { return Ok(()) };
    let hint = format!("repeat the command with --watch, or without {option}; nothing was written");
    Err(CliError::usage(format!("{option} {RECORDS}")).hint(hint))
}

/// Runs the command of a command line.
pub async fn run(arguments: Arguments) -> Result<Exit, CliError> {
    let global = arguments.global;
    // `run` and `resume` only read at first; they call [`interrupt::Orderly::begin`] before the first change.
    if !matches!(arguments.command, Command::Run(_) | Command::Resume(_)) {
        interrupt::begun();
    }
    if !arguments.command.prints_lines() {
        json::leave_to_file();
    }
    refuse_without_watch(&global, &arguments.command)?;
    record::open(&global)?;
    if global.output == Output::Json && arguments.command.prints_lines() {
        // All that a resume prints for programs goes through `json::print`.
        json::begin(global.quiet && matches!(arguments.command, Command::Resume(_)));
    }
    match arguments.command {
        Command::Run(arguments) => commands::run::run(&global, arguments).await,
        Command::Resume(arguments) => commands::resume::run(&global, arguments).await,
        Command::Status(arguments) => commands::status::run(&global, arguments).await,
        Command::Events(arguments) => commands::events::run(&global, arguments).await,
        Command::Signal(arguments) => commands::signal::run(&global, arguments).await,
        Command::Approve(arguments) => commands::approve::approve(&global, arguments).await,
        Command::Reject(arguments) => commands::approve::reject(&global, arguments).await,
        Command::Approvals(arguments) => commands::approvals::run(&global, arguments).await,
        Command::Cancel(arguments) => commands::cancel::run(&global, arguments).await,
        Command::Check(arguments) => commands::check::run(&global, arguments).await,
        Command::Dev(arguments) => commands::dev::run(&global, &arguments).await,
        Command::Config => commands::config::run(&global),
        Command::Doctor(arguments) => commands::doctor::run(&global, arguments).await,
        Command::Export(arguments) => commands::export::run(&global, arguments).await,
        Command::Import(arguments) => commands::import::run(&global, arguments).await,
        Command::Prune(arguments) => commands::prune::run(&global, &arguments).await,
        Command::Bench(arguments) => commands::bench::run(&global, arguments).await,
        Command::Serve(arguments) => commands::serve::run(&global, arguments).await,
        Command::Test(arguments) => commands::test::run(&global, arguments).await,
        Command::New(arguments) => commands::new::run(&global, &arguments),
        Command::Explain(arguments) => commands::explain::run(&global, &arguments),
        Command::Schema(arguments) => commands::schema::run(&arguments),
        Command::Init(arguments) => commands::init::run(arguments),
        Command::Policy(arguments) => commands::policy::run(&arguments),
        Command::Workflows => commands::workflows::run(&global),
        Command::Completions(arguments) => commands::completions::run(&arguments),
        Command::Man(arguments) => commands::man::run(&arguments, Arguments::command()),
        Command::Deploy(arguments) => commands::deploy::run(&global, arguments).await,
        Command::Worker(arguments) => commands::worker::run(&global, arguments).await,
        Command::Steps(arguments) => commands::steps::run(&global, arguments),
        Command::RehearsalWorld(arguments) => commands::rehearsal_world::run(arguments).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_prints_a_file_prints_no_other_line() {
        let prints_lines = |words: &[&str]| {
            let words = ["flow"].into_iter().chain(words.iter().copied());
            Arguments::try_parse_from(words).map(|arguments| arguments.command.prints_lines()).ok()
        };
        for words in [
            &["check", "a.yaml", "--graph", "dot"][..],
            &["deploy", "a.yaml", "--template", "terraform"],
            &["serve"],
            &["policy", "a.yaml"],
        ] {
            assert_eq!(prints_lines(words), Some(false), "{words:?}");
        }
        for words in [&["check", "a.yaml"][..], &["deploy", "a.yaml", "--plan"], &["status"]] {
            assert_eq!(prints_lines(words), Some(true), "{words:?}");
        }
    }

    #[test]
    fn only_what_watches_records() {
        let refused = |words: &[&str]| {
            let words = ["flow"].into_iter().chain(words.iter().copied());
            let arguments = Arguments::try_parse_from(words).ok()?;
            let global = arguments.global.with_watch(arguments.command.watch_options());
            refuse_without_watch(&global, &arguments.command).err()
        };
        for words in [
            &["status", "--events-file", "a"][..],
            &["status", "one", "--events-file", "a"],
            &["status", "one", "--progress", "lines,junit=a"],
        ] {
            let error = refused(words);
            assert_eq!(error.as_ref().map(|error| error.exit), Some(Exit::Usage), "{words:?}");
            assert!(error.is_some_and(|error| error.message.contains("status ID --watch")), "{words:?}");
        }
        for words in [
            &["status", "one", "--watch", "--events-file", "a"][..],
            &["run", "a.yaml", "--progress", "lines,junit=a"],
            &["resume", "one", "--events-file", "a"],
            &["status", "one", "--progress", "none"],
        ] {
            assert!(refused(words).is_none(), "{words:?}");
        }
        for verb in ["explain", "approvals", "config", "cancel"] {
            assert!(Arguments::try_parse_from(["flow", verb, "--progress", "none"]).is_err(), "{verb}");
        }
    }

    #[test]
    fn the_options_of_every_command_are_apart_from_a_commands_own() {
        let mut program = Arguments::command();
        program.build();
        for command in program.get_subcommands() {
            for argument in command.get_arguments().filter(|argument| {
                argument.is_global_set() && !matches!(argument.get_id().as_str(), "help" | "version")
            }) {
                let (verb, id) = (command.get_name(), argument.get_id());
                assert!(argument.get_help_heading().is_some(), "flow {verb}: {id}");
            }
        }
    }

    /// The help texts of all commands, wrapped at a width.
    fn help(columns: usize) -> String {
        let mut program = Arguments::command().disable_help_subcommand(true).term_width(columns);
        program.build();
        let mut texts = vec![program.render_help().to_string()];
        let commands = program.get_subcommands_mut().filter(|command| !command.is_hide_set());
        texts.extend(commands.map(|command| {
            let text = command.render_help();
            format!("── flow {}\n{text}", command.get_name())
        }));
        let lines = texts.iter().flat_map(|text| text.lines());
        lines.map(|line| format!("{}\n", line.trim_end())).collect()
    }

    #[test]
    fn the_help_of_every_command_at_60_and_80_columns() {
        for columns in [60, 80] {
            snapshot!(format!("help_{columns}_columns"), help(columns));
        }
    }

    #[test]
    fn the_help_of_no_wait_has_its_default() {
        let program = Arguments::command();
        for verb in ["run", "resume"] {
            let command = program.find_subcommand(verb);
            let argument =
                command.and_then(|command| command.get_arguments().find(|argument| argument.get_id() == "no_wait"));
            let help = argument.and_then(|argument| argument.get_help()).map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("10 s") && commands::watch::NO_WAIT_DEFAULT == "10s", "flow {verb}: {help}");
        }
    }
}
