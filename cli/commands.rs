//! One file for each command: an arguments struct whose doc comments are the help, and one function.

pub mod answered;
pub mod approvals;
pub mod approve;
pub mod bench;
pub mod cancel;
pub mod check;
pub mod completions;
pub mod deploy;
pub mod dev;
pub mod doctor;
pub mod events;
pub mod explain;
pub mod export;
pub mod import;
pub mod init;
pub mod man;
pub mod new;
pub mod policy;
pub mod prune;
pub mod rehearsal_world;
pub mod resume;
pub mod run;
pub mod schema;
pub mod serve;
pub mod signal;
pub mod status;
pub mod steps;
pub mod test;
pub mod watch;
pub mod worker;
pub mod workflows;

use crate::{
    arguments::{Arguments, Command, Output},
    exit::{CliError, Exit},
    interrupt,
    ui::{json, record},
};

/// Runs the command.
pub async fn run(arguments: Arguments) -> Result<Exit, CliError> {
    let global = arguments.global;
    // `rehearsal-world` handles signals itself, to end the processes that it started.
    if !matches!(arguments.command, Command::RehearsalWorld(_)) {
        interrupt::install()?;
    }
    record::open(&global)?;
    if global.output == Output::Json && arguments.command.prints_lines() {
        say!("{}", json::complete(json::version()));
    }
    match arguments.command {
        Command::Run(arguments) => run::run(&global, arguments).await,
        Command::Resume(arguments) => resume::run(&global, arguments).await,
        Command::Status(arguments) => status::run(&global, arguments).await,
        Command::Events(arguments) => events::run(&global, arguments).await,
        Command::Signal(arguments) => signal::run(&global, arguments).await,
        Command::Approve(arguments) => approve::approve(&global, arguments).await,
        Command::Reject(arguments) => approve::reject(&global, arguments).await,
        Command::Approvals(arguments) => approvals::run(&global, arguments).await,
        Command::Cancel(arguments) => cancel::run(&global, arguments).await,
        Command::Check(arguments) => check::run(&global, arguments),
        Command::Dev(arguments) => dev::run(&global, &arguments).await,
        Command::Doctor(arguments) => doctor::run(&global, arguments).await,
        Command::Export(arguments) => export::run(&global, arguments).await,
        Command::Import(arguments) => import::run(&global, arguments),
        Command::Prune(arguments) => prune::run(&global, &arguments).await,
        Command::Bench(arguments) => bench::run(&global, arguments).await,
        Command::Serve(arguments) => serve::run(&global, arguments).await,
        Command::Test(arguments) => test::run(&global, arguments).await,
        Command::New(arguments) => new::run(&global, &arguments),
        Command::Explain(arguments) => explain::run(&global, &arguments),
        Command::Schema(arguments) => schema::run(&arguments),
        Command::Init(arguments) => init::run(arguments),
        Command::Policy(arguments) => policy::run(&arguments),
        Command::Workflows => workflows::run(&global),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => man::run(&arguments),
        Command::Deploy(arguments) => deploy::run(&global, arguments).await,
        Command::Worker(arguments) => worker::run(&global, arguments).await,
        Command::Steps(arguments) => steps::run(&global, arguments),
        Command::RehearsalWorld(arguments) => rehearsal_world::run(arguments).await,
    }
}
