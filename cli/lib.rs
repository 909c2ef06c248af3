//! The command line: how people and machines talk to flow.
//!
//! `commands` has one file per verb; `ui` shows, from views only; `owner` makes this process the owner of a store or a client of the
//! one that is; `wire` carries operations between processes; `interrupt` handles signals, `out` standard output.

/// Prints a line on standard output: see [`out::line`].
macro_rules! say {
    () => {
        crate::out::line(format_args!(""))
    };
    ($($argument:tt)*) => {
        crate::out::line(format_args!($($argument)*))
    };
}

mod arguments;
mod asl_schema;
mod checks;
mod clock;
mod commands;
mod deployment;
mod dev;
mod environments;
mod evaluator;
mod exit;
mod explanations;
mod graph;
mod home;
mod ids;
mod interrupt;
mod locate;
mod mocks;
mod out;
mod owner;
mod person;
mod planning;
mod policy;
mod reentry;
mod runbook;
mod source;
mod step_functions;
mod step_manual;
mod target;
mod trial;
mod ui;
mod wire;
mod worker;
mod world;

use std::{io::IsTerminal, process::ExitCode};

use clap::Parser;

use crate::exit::{CliError, Exit};

/// What a command needs at least beside its standard streams.
const FILE_HANDLES_MIN: usize = 24;

/// Runs the command line and answers its exit code.
pub fn main() -> ExitCode {
    match std::env::args_os().nth(1) {
        Some(argument) if argument == evaluator::ARGUMENT => return evaluator::run(),
        Some(argument) if argument == steps::SUPERVISOR_ARGUMENT => return steps::supervise(),
        _ => {}
    }
    engine::query::evaluate_in_sandbox(Box::<evaluator::Evaluators>::default());
    let mut arguments = arguments::Arguments::parse();
    arguments.global = arguments.global.with_environment();
    owner::name_this_process(arguments.command.verb());
    start_log(&arguments);
    let json = arguments.global.output == arguments::Output::Json;
    let runtime = match file_handles().and_then(|()| runtime()) {
        Ok(runtime) => runtime,
        Err(error) => {
            error.print(json);
            return ExitCode::from(error.exit as u8);
        }
    };
    let code = match runtime.block_on(commands::run(arguments)) {
        Ok(exit) => exit,
        Err(error) => {
            error.print(json);
            error.exit
        }
    };
    // A call that is still in flight is not waited for: commands that need its answer have drained the engine.
    runtime.shutdown_background();
    ExitCode::from(with_output(code) as u8)
}

/// Parses a command line without carrying it out; its first word is the program's name. For the tests of the documents.
///
/// # Errors
/// It is not understood, or it asks for help or the version.
pub fn understand<'w>(words: impl IntoIterator<Item = &'w str>) -> Result<(), clap::Error> {
    arguments::Arguments::try_parse_from(words).map(drop)
}

/// What could not be printed is a failure, where nothing else is.
fn with_output(code: Exit) -> Exit {
    out::flush();
    match out::failure() {
        Some(failure) => {
            eprintln!("flow: standard output cannot be written: {failure}");
            code.worse(Exit::Failed)
        }
        None => code,
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| CliError::refused(format!("the system gives no threads: {error}")))
}

/// Refuses where there are too few file handles: the libraries below us end the process when they get none.
fn file_handles() -> Result<(), CliError> {
    let open = |_| std::fs::File::open("/dev/null");
    let opened = (0..FILE_HANDLES_MIN).map(open).collect::<Result<Vec<_>, _>>();
    opened.map(drop).map_err(|error| {
        CliError::refused(error.to_string())
            .hint(format!("{FILE_HANDLES_MIN} must be free; the limit is shown and changed with   ulimit -n"))
    })
}

fn start_log(arguments: &arguments::Arguments) {
    // What sled and the AWS SDK warn of is reported by the command that called them, once and in its own words.
    let default = if arguments.global.verbose { "info" } else { "warn,sled=off,aws=error,hyper=error" };
    let filter = tracing_subscriber::EnvFilter::try_from_env("FLOW_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    let ansi = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(ansi).try_init();
}
