//! The command line: how people and machines talk to flow.
//!
//! `commands` has one file per verb; `ui` shows, from journal entries only; `socket` is what processes say to each other over the
//! store's socket; `session` makes this process the owner of a store or a client of the one that is.

/// Prints a line on standard output. Whoever listened may have gone (`flow events | head`): that is no reason to stop the work,
/// let alone to panic in the middle of it.
macro_rules! say {
    ($($argument:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($argument)*);
    }};
}

mod arguments;
mod clock;
mod commands;
mod environments;
mod evaluator;
mod exit;
mod graph;
mod ids;
mod integrations;
mod mocks;
mod place;
mod session;
mod socket;
mod source;
mod ui;
mod world;

use std::process::ExitCode;

use clap::Parser;

use crate::exit::CliError;

/// What a command needs at least beside its standard streams.
const FILE_HANDLES_MIN: usize = 24;

/// Runs the command line and answers its exit code.
pub fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|argument| argument == evaluator::ARGUMENT) {
        return evaluator::run();
    }
    engine::query::evaluate_elsewhere(Box::<evaluator::Workers>::default());
    let arguments = arguments::Arguments::parse();
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
    // A look in flight is not waited for any more: whoever wanted that has drained the runner.
    runtime.shutdown_background();
    ExitCode::from(code as u8)
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
    // What the store cannot do is told by whoever asked it, once.
    let default = if arguments.global.verbose { "info" } else { "warn,sled=off" };
    let filter = tracing_subscriber::EnvFilter::try_from_env("FLOW_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
}
