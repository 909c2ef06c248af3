//! Asking, and never answering for the person asked.

use std::io::{BufRead, IsTerminal, Write};

use super::{Plan, RunArguments};
use crate::{
    arguments::{Global, Output},
    exit::CliError,
};

/// Whether somebody is there to ask, or has agreed before.
///
/// # Errors
/// Neither.
pub fn can_be_had(arguments: &RunArguments) -> Result<(), CliError> {
    if arguments.yes || std::io::stdin().is_terminal() {
        return Ok(());
    }
    Err(CliError::refused("nothing was changed: there is no terminal to ask on").hint("--yes goes on without asking"))
}

/// Asks whether to go on.
///
/// # Errors
/// The answer is no.
pub fn ask(plan: &Plan, arguments: &RunArguments) -> Result<(), CliError> {
    if arguments.yes {
        return Ok(());
    }
    if question(&format!("Run {}? [y/N] ", plan.name))? {
        return Ok(());
    }
    Err(CliError::refused("nothing was changed"))
}

/// Whether to tear a rehearsal down: by the option, or by asking on a terminal.
///
/// # Errors
/// The terminal cannot be read.
pub fn tear_down(arguments: &RunArguments, global: &Global) -> Result<bool, CliError> {
    if arguments.teardown || super::teardown_of(arguments).is_none() {
        return Ok(arguments.teardown);
    }
    let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal() && global.output == Output::Human;
    if !terminal || arguments.yes {
        return Ok(false);
    }
    question("Tear down now? [y/N] ")
}

fn question(text: &str) -> Result<bool, CliError> {
    print!("{text}");
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
