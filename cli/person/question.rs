//! Asks a person at the terminal.

use std::io::{BufRead, IsTerminal};

use rustix::termios::{QueueSelector, tcflush};

use crate::{exit::CliError, ui::text::visible};

/// Asks a question on a thread of its own, so that a signal ends the program while it waits for the answer. Text that was typed before the
/// question was printed is discarded: it was typed for the shell, or by accident.
///
/// # Errors
/// The terminal cannot be read.
pub async fn question(text: String) -> Result<bool, CliError> {
    let asked = tokio::task::spawn_blocking(move || -> std::io::Result<String> {
        discard_typed();
        crate::out::text(&visible(&text));
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer)?;
        Ok(answer)
    });
    let answer = asked.await.map_err(|error| CliError::refused(error.to_string()))??;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Discards text that was typed on the terminal and not read yet. A pipe keeps its content.
fn discard_typed() {
    let keyboard = std::io::stdin();
    if keyboard.is_terminal() {
        // A terminal that is gone has no input either.
        let _ = tcflush(&keyboard, QueueSelector::IFlush);
    }
}

/// The action that a person is asked to agree to.
#[derive(Debug, Clone, Copy)]
pub enum Asked {
    /// The start of an execution.
    Start,
    /// A change of what exists.
    Change,
}

impl Asked {
    /// The action that did not happen without the consent.
    fn not_done(self) -> &'static str {
        match self {
            Asked::Start => "nothing was started",
            Asked::Change => "nothing was changed",
        }
    }
}

/// Verifies that there is a terminal to ask on. The hint names the option that agrees without a question.
///
/// # Errors
/// There is none.
pub fn can_ask(asked: Asked, hint: &str) -> Result<(), CliError> {
    match std::io::stdin().is_terminal() {
        true => Ok(()),
        false => {
            let message = format!("there is no terminal to ask on: {}", asked.not_done());
            Err(CliError::refused(message).hint(hint))
        }
    }
}

/// Asks for consent.
///
/// # Errors
/// The answer is no, or the terminal cannot be read.
pub async fn consent(asked: Asked, text: String) -> Result<(), CliError> {
    match question(text).await? {
        true => Ok(()),
        false => Err(CliError::refused(format!("not confirmed: {}", asked.not_done()))),
    }
}
