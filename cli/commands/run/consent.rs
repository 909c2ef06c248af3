//! Asks for consent. A prompt without an answer is never consent.

use std::io::{BufRead, IsTerminal};

use super::{Plan, RunArguments};
use crate::{
    exit::CliError,
    global::{Global, Output},
    ui::text::visible,
};

/// Verifies that consent was given or that a terminal is available to ask on.
///
/// # Errors
/// Neither.
pub fn can_be_had(arguments: &RunArguments) -> Result<(), CliError> {
    if arguments.yes || std::io::stdin().is_terminal() {
        return Ok(());
    }
    Err(CliError::refused("nothing was changed: there is no terminal to ask on").hint("--yes runs it without asking"))
}

/// Asks whether to run the plan.
///
/// # Errors
/// The answer is no.
pub async fn ask(plan: &Plan, arguments: &RunArguments) -> Result<(), CliError> {
    if arguments.yes {
        return Ok(());
    }
    if question(format!("Run {}? [y/N] ", visible(&plan.name))).await? {
        return Ok(());
    }
    Err(CliError::refused("nothing was changed"))
}

/// Whether to tear down a rehearsal: with the option, or after asking on a terminal.
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

/// Asks a question on a thread of its own, so that a signal ends the program while it waits for the answer.
///
/// # Errors
/// The terminal cannot be read.
pub async fn question(text: String) -> Result<bool, CliError> {
    let asked = tokio::task::spawn_blocking(move || -> std::io::Result<String> {
        crate::out::text(&visible(&text));
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer)?;
        Ok(answer)
    });
    let answer = asked.await.map_err(|error| CliError::refused(error.to_string()))??;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
