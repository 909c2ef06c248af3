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
mod commands;
mod environments;
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

/// Runs the command line and answers its exit code.
pub fn main() -> ExitCode {
    let arguments = arguments::Arguments::parse();
    start_log(&arguments);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("flow: the system gives no threads: {error}");
            return ExitCode::from(exit::Exit::Refused as u8);
        }
    };
    let json = arguments.global.output == arguments::Output::Json;
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

fn start_log(arguments: &arguments::Arguments) {
    let default = if arguments.global.verbose { "info" } else { "warn" };
    let filter = tracing_subscriber::EnvFilter::try_from_env("FLOW_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
}
