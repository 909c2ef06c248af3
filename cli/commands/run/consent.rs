//! Asking, and never answering for the person asked.

use std::io::{BufRead, IsTerminal};

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
    Err(CliError::refused("nothing was changed: there is no terminal to ask on").hint("--yes runs it without asking"))
}

/// Asks whether to run it.
///
/// # Errors
/// The answer is no.
pub async fn ask(plan: &Plan, arguments: &RunArguments) -> Result<(), CliError> {
    if arguments.yes {
        return Ok(());
    }
    if question(format!("Run {}? [y/N] ", plan.name)).await? {
        return Ok(());
    }
    Err(CliError::refused("nothing was changed"))
}

/// Whether to tear a rehearsal down: by the option, or by asking on a terminal.
///
/// # Errors
/// The terminal cannot be read.
pub async fn tear_down(arguments: &RunArguments, global: &Global) -> Result<bool, CliError> {
    if arguments.teardown || super::teardown_of(arguments).is_none() {
        return Ok(arguments.teardown);
    }
    let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal() && global.output == Output::Human;
    if !terminal || arguments.yes {
        return Ok(false);
    }
    question("Tear down now? [y/N] ".to_owned()).await
}

/// Asks on a thread of its own: a signal ends the program also while it waits for an answer.
///
/// # Errors
/// The terminal cannot be read.
pub async fn question(text: String) -> Result<bool, CliError> {
    let asked = tokio::task::spawn_blocking(move || -> std::io::Result<String> {
        crate::out::text(&text);
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer)?;
        Ok(answer)
    });
    let answer = asked.await.map_err(|error| CliError::refused(error.to_string()))??;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
