//! The command line.
//!
//! `commands` has one file for each command; `ui` displays views; `owner` makes this process the owner of a store or a
//! client of its owner; `wire` carries operations between processes; `interrupt` handles signals; `out` writes standard
//! output and standard error.
#![deny(clippy::print_stderr, clippy::print_stdout)]

/// Prints a line on standard output: see [`out::line`].
macro_rules! say {
    () => {
        crate::out::line(format_args!(""))
    };
    ($($argument:tt)*) => {
        crate::out::line(format_args!($($argument)*))
    };
}

/// Prints a line for programs, or a painted one, on standard output: see [`out::raw_line`].
macro_rules! say_raw {
    ($($argument:tt)*) => {
        crate::out::raw_line(format_args!($($argument)*))
    };
}

/// Prints a line on standard error: see [`out::report`].
macro_rules! report {
    ($($argument:tt)*) => {
        crate::out::report(format_args!($($argument)*))
    };
}

/// Compares a text with its snapshot, which is below the folder of the test's file.
#[cfg(test)]
macro_rules! snapshot {
    ($name:expr, $shown:expr) => {
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!($name, $shown);
        })
    };
}

mod arguments;
mod aws_variables;
mod backoff;
mod characters;
mod checks;
mod clock;
mod commands;
mod configuration;
mod definition;
mod deployment;
mod dev;
mod environments;
mod evaluator;
mod execution;
mod exit;
mod global;
mod home;
mod ids;
mod interrupt;
mod out;
mod owner;
mod person;
mod planning;
mod proposed;
mod runbook;
mod runtime;
mod shell;
mod step_functions;
mod step_manual;
mod target;
mod this_process;
mod trial;
mod ui;
mod wire;
mod worker;
mod world;

use std::{io::IsTerminal, process::ExitCode};

use clap::Parser;

use crate::exit::{CliError, Exit};

pub use world::addresses as rehearsal_addresses;

/// The file handles that a command needs in addition to its standard streams.
const FILE_HANDLES_MIN: usize = 24;

/// Runs the command line and returns its exit code.
pub fn main() -> ExitCode {
    match std::env::args_os().nth(1) {
        Some(argument) if argument == evaluator::ARGUMENT => return evaluator::run(),
        Some(argument) if argument == steps::SUPERVISOR_ARGUMENT => return steps::supervise(),
        _ => {}
    }
    if let Some(exit) = arguments::completion::complete() {
        return ExitCode::from(with_output(exit) as u8);
    }
    // A signal may arrive before the command line is parsed.
    ui::error::set_json(arguments::usage::is_asked_for_json());
    ui::json::begin(true);
    let runtime = start_runtime();
    restore_terminal_at_panics();
    engine::runner::evaluate_in_sandbox(Box::<evaluator::Evaluators>::default());
    let mut arguments = match arguments::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return ExitCode::from(with_output(arguments::usage::end(error)) as u8),
    };
    proposed::remember(&arguments.global);
    // A failure is reported when the output format is known.
    let prepared = runtime.and_then(|runtime| Ok((runtime, configuration::load()?)));
    this_process::name(arguments.command.verb(), arguments.command.owner_kind());
    start_log(&arguments);
    ui::error::set_json(arguments.global.output == global::Output::Json);
    let (runtime, defaults) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            ui::error::print(&error);
            return ExitCode::from(error.exit as u8);
        }
    };
    arguments.global = arguments.global.with_watch(arguments.command.watch_options()).with_defaults(defaults);
    // The last line of a worker has its counters.
    let ends_with_end = arguments.command.prints_lines() && !matches!(arguments.command, arguments::Command::Worker(_));
    let code = match runtime.block_on(arguments::run(arguments)) {
        Ok(exit) => {
            if ends_with_end && exit.is_of_signal() {
                ui::error::print_last(&interrupt::stopped(exit), None);
            }
            exit
        }
        Err(error) => {
            ui::error::print(&error);
            error.exit
        }
    };
    interrupt::ended();
    // Calls in flight are not awaited here: commands that need their answers have drained the engine already.
    runtime.shutdown_background();
    ExitCode::from(with_output(code) as u8)
}

/// Starts the runtime, and first of all installs the signal handlers: a signal in the first moments ends the command as a later one does.
/// A world of a rehearsal handles signals itself, to end the processes that it started.
fn start_runtime() -> Result<tokio::runtime::Runtime, CliError> {
    file_handles()?;
    let runtime = runtime::new()?;
    let is_world = std::env::args_os().nth(1).is_some_and(|argument| argument == world::ARGUMENT);
    if !is_world {
        runtime.block_on(async { interrupt::install() })?;
    }
    Ok(runtime)
}

/// A panic may end the process while a tree is drawn: the hook lets the terminal show typed characters again.
fn restore_terminal_at_panics() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        ui::block::restore_keyboard();
        report(panic);
    }));
}

/// Parses a command line without executing it; the first word is the program's name. The tests of the documents use it.
///
/// # Errors
/// The command line is wrong, or it asks for help or the version.
pub fn understand<'w>(words: impl IntoIterator<Item = &'w str>) -> Result<(), clap::Error> {
    arguments::Arguments::try_parse_from(words).map(drop)
}

/// Turns success into failure if output could not be printed or recorded.
fn with_output(code: Exit) -> Exit {
    ui::record::finish();
    out::flush();
    ui::block::leave();
    let code = match ui::record::failure() {
        Some(failure) => {
            let message = format!("the events or the report cannot be written: {failure}");
            ui::error::print(&CliError::new(Exit::Failed, message));
            code.worse(Exit::Failed)
        }
        None => code,
    };
    match out::failure() {
        Some(failure) => {
            report!("flow: standard output cannot be written: {failure}");
            code.worse(Exit::Failed)
        }
        None => code,
    }
}

/// Fails if too few file handles are available: libraries that this program uses end the process when they get none.
fn file_handles() -> Result<(), CliError> {
    let open = |_| std::fs::File::open("/dev/null");
    let opened = (0..FILE_HANDLES_MIN).map(open).collect::<Result<Vec<_>, _>>();
    opened.map(drop).map_err(|error| {
        CliError::refused(error.to_string())
            .hint(format!("{FILE_HANDLES_MIN} must be free; the limit is shown and changed with   ulimit -n"))
    })
}

fn start_log(arguments: &arguments::Arguments) {
    // Commands report what sled and the AWS SDK log, once and in their own words.
    let default = if arguments.global.verbose { "info" } else { "warn,sled=off,aws=error,hyper=error" };
    let filter = tracing_subscriber::EnvFilter::try_from_env("FLOW_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    let ansi = std::io::stderr().is_terminal()
        && ui::screen::variable("NO_COLOR").is_none()
        && !ui::screen::is_dumb(ui::screen::variable);
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| out::Log)
        .log_internal_errors(false)
        .with_ansi(ansi)
        .try_init();
}
