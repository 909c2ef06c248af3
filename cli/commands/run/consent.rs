//! Asks for consent. A prompt without an answer is never consent.

use std::{io::IsTerminal, time::Duration};

use super::{Plan, RunArguments};
use crate::{
    exit::CliError,
    global::{Global, Output},
    interrupt,
    person::question::{self, Asked},
    ui::text::visible,
};

/// Verifies that consent was given or that a terminal is available to ask on.
///
/// # Errors
/// Neither.
pub fn can_be_had(arguments: &RunArguments) -> Result<(), CliError> {
    if arguments.yes {
        return Ok(());
    }
    question::can_ask(Asked::Start, "--yes runs it without asking")
}

/// Asks whether to run the plan.
///
/// # Errors
/// The answer is no.
pub async fn ask(plan: &Plan, arguments: &RunArguments) -> Result<(), CliError> {
    if arguments.yes {
        return Ok(());
    }
    question::consent(Asked::Start, format!("Run {}? [y/N] ", visible(&plan.name))).await
}

/// The time limit of the question whether to tear down a rehearsal. Without it, a run on an unattended terminal would never end.
const TEAR_DOWN_TIME: Duration = Duration::from_secs(60);

/// Whether to tear down a rehearsal: the option is set, or the person on the terminal agrees. Without an answer nothing is deleted.
///
/// # Errors
/// The terminal cannot be read.
pub async fn tear_down(global: &Global, arguments: &RunArguments, teardown: &RunArguments) -> Result<bool, CliError> {
    if arguments.teardown {
        return Ok(true);
    }
    let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal() && global.output == Output::Human;
    if !terminal || arguments.yes {
        return Ok(false);
    }
    let seconds = TEAR_DOWN_TIME.as_secs();
    let asked = question::question(format!("Tear down now? Without an answer within {seconds} s it stays. [y/N] "));
    // The execution has succeeded: a signal answers the question, and is not the end of the command.
    let _orderly = interrupt::Orderly::begin();
    let answer = tokio::select! {
        biased;
        _ = interrupt::requested() => None,
        answer = answered_within(TEAR_DOWN_TIME, asked) => answer?,
    };
    if let Some(wanted) = answer {
        return Ok(wanted);
    }
    say!("\nWithout an answer it stays. Tear it down with   {}", super::rehearsal_teardown::command(teardown));
    Ok(false)
}

/// The answer to a question; `None` if there is none within the time. The thread that reads the terminal ends with the program.
async fn answered_within(
    time: Duration,
    asked: impl Future<Output = Result<bool, CliError>>,
) -> Result<Option<bool>, CliError> {
    tokio::time::timeout(time, asked).await.ok().transpose()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn a_question_without_an_answer_ends() {
        let asked = |answer: Result<bool, CliError>| std::future::ready(answer);
        let minute = Duration::from_secs(60);
        assert_eq!(answered_within(minute, asked(Ok(true))).await.unwrap(), Some(true));
        assert_eq!(answered_within(minute, asked(Ok(false))).await.unwrap(), Some(false));
        assert!(answered_within(minute, asked(Err(CliError::refused("closed")))).await.is_err());
        assert_eq!(answered_within(Duration::ZERO, std::future::pending()).await.unwrap(), None);
    }
}
