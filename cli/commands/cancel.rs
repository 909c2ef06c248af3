//! `flow cancel`.

use std::time::Duration;

use api::flow::{CallInFlight, CancelExecution, CancelExecutionRequest, CancelExecutionResponse};
use clap::Args;
use engine::{
    journal::{Signaller, StepFailure},
    machine::ExecutionStatus,
    runner::RunnerEvent,
};
use serde_json::json;

use crate::{
    execution::locate::{if_pruned, locate_at},
    exit::{CliError, Exit},
    global::{Global, Output},
    interrupt,
    owner::{CallResponse, Handle},
    person,
    proposed::{OPTIONS, quote_id},
    target::Target,
    ui::json,
};

/// The time that calls in flight may take to answer before the execution ends without their answers.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(5);

/// Arguments of `flow cancel`.
#[derive(Debug, Args)]
pub struct CancelArguments {
    /// The execution: its id, a unique prefix, its ARN, or @latest.
    id: String,
    /// Do not wait up to 5 s for the answers of calls in flight: what they change is not recorded.
    #[arg(long)]
    now: bool,
    /// Why you cancel; recorded in the history with your user name and this machine's.
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    /// The engine.
    #[command(flatten)]
    target: Target,
}

/// Ends an execution as ABORTED, and the executions that it waits for. The resources that it created stay.
pub async fn run(global: &Global, arguments: CancelArguments) -> Result<Exit, CliError> {
    let cause = cause(&person::signaller(arguments.comment))?;
    let (id, handle) = locate_at(global, &arguments.target, &arguments.id).await?.answer().await?;
    let cancelled = match cancel(global, &handle, &id, arguments.now, &cause).await {
        Ok(cancelled) => end_is_known(&handle, &id).await.map(|()| cancelled),
        Err(error) => Err(error),
    };
    let closed = handle.close().await;
    let cancelled = cancelled.map_err(|error| if_pruned(&id, error))?;
    closed?;
    let Cancelled { in_flight, waited, answered, awaited, exit } = &cancelled;
    let has_ended = *exit == Exit::Success;
    match global.output {
        Output::Human if !has_ended || global.quiet => {}
        Output::Human => show(&id, &cancelled),
        Output::Json => {
            let message = match has_ended {
                true => format!("{id} is cancelled"),
                false => ends_later(&id),
            };
            let line = json!({ "type": "cancelled", "execution": id, "inFlight": in_flight, "waited": waited,
                               "answered": answered, "awaited": awaited, "ended": has_ended, "cause": cause,
                               "message": message });
            json::print(line);
        }
    }
    Ok(*exit)
}

/// The cause in the history: who cancels, and why.
fn cause(by: &Signaller) -> Result<String, CliError> {
    let comment = by.comment.as_ref().map_or_else(String::new, |comment| format!(": {comment}"));
    let cause = format!("by {} on {}{comment}", by.user, by.host);
    let characters = cause.chars().count();
    // The history has the beginning of a longer cause only, and Step Functions refuses it.
    match characters > StepFailure::CAUSE_CHARACTERS_MAX {
        true => Err(CliError::refused(format!(
            "the comment is too long: with your name the cause has {characters} characters, and {} is the most; nothing was changed",
            StepFailure::CAUSE_CHARACTERS_MAX
        ))
        .hint("shorten the comment")),
        false => Ok(cause),
    }
}

/// Records that the person who cancelled has seen the end.
async fn end_is_known(handle: &Handle, id: &str) -> Result<(), CliError> {
    if handle.at_step_functions().await.is_some() {
        return Ok(());
    }
    let execution = handle.describe(id, true).await?.execution;
    match execution.status {
        ExecutionStatus::Running => Ok(()),
        _ => super::answered::end_was_shown(handle, &execution).await,
    }
}

/// The outcome of a cancellation.
struct Cancelled {
    /// The calls that were in flight.
    in_flight: Vec<CallInFlight>,
    /// Whether it waited for their answers.
    waited: bool,
    /// Whether all of them have answered.
    answered: bool,
    /// The executions that it waited for, which are cancelled with it.
    awaited: Vec<String>,
    /// Other than success if a signal ended the wait: the execution then ends when the calls have answered.
    exit: Exit,
}

async fn cancel(global: &Global, handle: &Handle, id: &str, now: bool, cause: &str) -> Result<Cancelled, CliError> {
    let request = |after_calls| CancelExecutionRequest {
        id: id.to_owned(),
        error: "Cancelled".to_owned(),
        cause: cause.to_owned(),
        after_calls,
    };
    let CallResponse { response: answer, is_repeated } = handle.call_once::<CancelExecution>(request(!now)).await?;
    // The previous owner ended during this command's first call and had already cancelled the execution.
    let is_ours = is_repeated && answer.ended_before == Some(ExecutionStatus::Aborted);
    if let Some(status) = answer.ended_before.filter(|_| !is_ours) {
        let status = serde_json::to_value(status).unwrap_or_default();
        let message = format!("{id} has already ended ({}): nothing was changed", status.as_str().unwrap_or_default());
        return Err(
            CliError::new(Exit::Failed, message).hint(format!("flow status {}{OPTIONS} shows it", quote_id(id)))
        );
    }
    let CancelExecutionResponse { in_flight, waits, awaited, .. } = answer;
    if !waits {
        let answered = in_flight.is_empty();
        return Ok(Cancelled { in_flight, waited: false, answered, awaited, exit: Exit::Success });
    }
    if global.output == Output::Human && !global.quiet {
        say!("No more calls are made. In flight: {}.", paths(&in_flight));
        say!(
            "Waiting up to {} s for the answer. To end without it:   flow cancel {} --now{OPTIONS}",
            ANSWER_WAIT_MAX.as_secs(),
            quote_id(id)
        );
    }
    match tokio::time::timeout(ANSWER_WAIT_MAX, until_ended(handle, id)).await {
        Ok(exit) => {
            let exit = exit?;
            Ok(Cancelled { in_flight, waited: true, answered: exit == Exit::Success, awaited, exit })
        }
        Err(_) => {
            handle.call_once::<CancelExecution>(request(false)).await?;
            Ok(Cancelled { in_flight, waited: true, answered: false, awaited, exit: Exit::Success })
        }
    }
}

/// Waits until the execution has ended. An interrupt ends the wait, not the cancellation.
async fn until_ended(handle: &Handle, id: &str) -> Result<Exit, CliError> {
    let _orderly = interrupt::Orderly::begin();
    loop {
        let execution = handle.describe(id, true).await?.execution;
        if execution.status != ExecutionStatus::Running {
            return Ok(Exit::Success);
        }
        let mut events = handle.follow(id, execution.last_sequence + 1, Some(Duration::ZERO)).await?;
        let settled = async {
            while let Ok(Some(event)) = events.next().await {
                match event {
                    RunnerEvent::Settled { .. } => return true,
                    // Its owner cannot act for it.
                    RunnerEvent::Released { .. } => return false,
                    _ => {}
                }
            }
            false
        };
        tokio::select! {
            exit = interrupt::requested() => {
                report!("\nflow: {}: flow status {}{OPTIONS}", ends_later(id), quote_id(id));
                return Ok(exit);
            }
            settled = settled => {
                if !settled {
                    handle.take_over(id, Some(Duration::ZERO)).await?;
                }
            }
        }
    }
}

fn ends_later(id: &str) -> String {
    format!("{id} ends when its call in flight has answered")
}

fn show(id: &str, Cancelled { in_flight, waited, answered, awaited, .. }: &Cancelled) {
    let quoted_id = quote_id(id);
    if !awaited.is_empty() {
        say!("{id} waited for {}: cancelled too.", awaited.join(", "));
    }
    if !answered && !in_flight.is_empty() {
        let how = if *waited { "not answered" } else { "not waited for" };
        say!("{id} is cancelled. In flight and {how}: {}.", paths(in_flight));
        say!("These calls may have taken effect, or may still take effect. Their results are not recorded.");
        say!(
            "To repeat these calls:   flow resume {quoted_id}{OPTIONS}   . A step that finds what its earlier call created adopts it."
        );
        return;
    }
    say!("{id} is cancelled. What it created stays. To continue after all:   flow resume {quoted_id}{OPTIONS}");
}

fn paths(calls: &[CallInFlight]) -> String {
    if calls.is_empty() {
        return "a call".to_owned();
    }
    calls.iter().map(|call| format!("\"{}\"", call.state_path)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_history_names_who_cancels_and_why() {
        let by = |comment: Option<String>| Signaller { user: "ann".to_owned(), host: "desk".to_owned(), comment };
        let given = |comment: &str| cause(&by(Some(comment.to_owned())));
        assert_eq!(cause(&by(None)).ok().as_deref(), Some("by ann on desk"));
        assert_eq!(given("not needed any more").ok().as_deref(), Some("by ann on desk: not needed any more"));
        let refused = given(&"x".repeat(StepFailure::CAUSE_CHARACTERS_MAX)).err();
        assert!(refused.is_some_and(|refused| refused.exit == Exit::Refused), "it would be cut");
    }
}
