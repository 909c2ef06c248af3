//! The command line's words.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands;

/// A durable workflow engine: runbooks as resumable Amazon States Language workflows.
#[derive(Debug, Parser)]
#[command(name = "flow", version, max_term_width = 110)]
pub struct Arguments {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// How to answer: for people, or one JSON object per line.
    #[arg(short, long, global = true, value_enum, default_value = "human")]
    pub output: Output,
    /// How to show progress.
    #[arg(long, global = true, value_enum, default_value = "auto")]
    pub progress: Progress,
    /// Where executions are kept; else FLOW_HOME, else $XDG_STATE_HOME/flow.
    #[arg(long, global = true, env = "FLOW_HOME", value_name = "FOLDER")]
    pub home: Option<PathBuf>,
    /// The AWS profile.
    #[arg(long, global = true, env = "AWS_PROFILE", value_name = "NAME")]
    pub profile: Option<String>,
    /// The AWS region.
    #[arg(long, global = true, env = "AWS_REGION", value_name = "REGION")]
    pub region: Option<String>,
    /// Say more on standard error.
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

/// How to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Human,
    /// One JSON object per line.
    Json,
}

/// How to show progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Progress {
    /// A tree on a terminal, lines elsewhere.
    Auto,
    /// A tree that is redrawn.
    Tree,
    /// A line per change.
    Lines,
    /// Nothing but the end.
    None,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check, show what and where, confirm, execute, watch.
    Run(commands::run::RunArguments),
    /// Go on after a stop, a crash or a failure.
    Resume(commands::resume::ResumeArguments),
    /// All executions, or one: how it stands and what it needs.
    Status(commands::status::StatusArguments),
    /// The history of an execution, oldest first.
    Events(commands::events::EventsArguments),
    /// Answer a waiting task.
    Signal(commands::signal::SignalArguments),
    /// Finish calls in flight and stop.
    Cancel(commands::cancel::CancelArguments),
    /// Every problem of a definition at once.
    Check(commands::check::CheckArguments),
    /// Run a definition against mocked answers: nothing is called, no wait takes time.
    Test(commands::test::TestArguments),
    /// Look the store and this machine through: what is damaged, who may read it, how fast the disk is.
    Doctor(commands::doctor::DoctorArguments),
    /// Executions as JSON lines on standard output: for keeping, or for another store.
    Export(commands::export::ExportArguments),
    /// Take in executions that were exported.
    Import(commands::import::ImportArguments),
    /// Forget executions that ended long ago and give their disk space back.
    Prune(commands::prune::PruneArguments),
    /// Measure this engine on this disk.
    Bench(commands::bench::BenchArguments),
    /// The Step Functions API on 127.0.0.1, until it is ended; what it runs goes on at the next start.
    Serve(commands::serve::ServeArguments),
    /// A commented input file to fill in, on standard output.
    Init(commands::init::InitArguments),
    /// The workflows that are shipped.
    Workflows,
    /// The steps that a Task can name; with a name, its input and output.
    Steps(commands::steps::StepsArguments),
    /// The world of a rehearsal; started by `flow run --rehearse`.
    #[command(hide = true)]
    RehearsalWorld(commands::rehearsal_world::RehearsalWorldArguments),
}
