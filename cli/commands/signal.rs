//! `flow signal`.

use api::flow::{SignalTask, SignalTaskRequest, TaskOutcome};
use clap::{ArgGroup, Args, builder::NonEmptyStringValueParser};
use serde_json::{Value, json};

use super::answered;
use crate::{
    execution::locate::{if_pruned, locate_signalled},
    exit::{CliError, Exit},
    global::{Global, Output},
    person,
    proposed::{OPTIONS, quote_id},
    shell::state_name,
    target::Target,
    this_process,
    ui::{json, next},
};

/// Arguments of `flow signal`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("answer").required(true).args(["success", "failure", "withdraw"])))]
pub struct SignalArguments {
    /// The execution: its id, a unique prefix, its ARN, or @latest.
    id: String,
    /// The waiting state: its name, or its path.
    #[arg(value_parser = state_name)]
    state: String,
    /// The task succeeded with this output. It must match the step's output schema, which flow steps NAME shows.
    #[arg(long, value_name = "JSON")]
    success: Option<String>,
    /// The task failed with this error name.
    #[arg(long, value_name = "ERROR", value_parser = NonEmptyStringValueParser::new())]
    failure: Option<String>,
    /// Why it failed.
    #[arg(long, value_name = "TEXT", requires = "failure")]
    cause: Option<String>,
    /// Why you answer; recorded in the history with your user name and this machine's. Not with --engine sfn.
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    /// Keep the answer until the state waits; not for approvals, and not with --engine sfn.
    #[arg(long)]
    early: bool,
    /// Withdraw the answer that is kept for the state. Not with --engine sfn.
    #[arg(long, conflicts_with = "early")]
    withdraw: bool,
    /// The engine.
    #[command(flatten)]
    target: Target,
}

/// Answers a waiting task.
pub async fn run(global: &Global, arguments: SignalArguments) -> Result<Exit, CliError> {
    this_process::is_about_state(Some(&arguments.state));
    let located = locate_signalled(global, &arguments.target, &arguments.id, &arguments.state).await?;
    if let Some(Err(error)) = arguments.success.as_deref().map(serde_json::from_str::<Value>) {
        return Err(CliError::refused(format!("--success is not JSON: {error}"))
            .hint("a text is written with its quotes: --success '\"yes\"'"));
    }
    let (id, handle) = located.answer().await?;
    let SignalArguments { state, success, failure, cause, comment, early, withdraw, .. } = arguments;
    let outcome = match (success, failure) {
        _ if withdraw => TaskOutcome::Withdraw,
        (Some(output), _) => TaskOutcome::Success(output),
        (None, failure) => {
            TaskOutcome::Failure { error: failure.unwrap_or_default(), cause: cause.unwrap_or_default() }
        }
    };
    let by = person::signaller(comment);
    let request = SignalTaskRequest { id: id.clone(), state: state.clone(), outcome, by, early };
    let answer = handle.call::<SignalTask>(request).await;
    let afterwards = match &answer {
        Ok(_) => answered::afterwards(&handle, &id, None).await,
        // A refused answer changes nothing, so no end counts as shown.
        Err(_) => Ok(answered::Afterwards::default()),
    };
    let closed = handle.close().await;
    let answer = answer.map_err(|error| refusal(&id, error))?;
    closed?;
    let afterwards = afterwards?;
    let what = match (withdraw, answer.is_kept) {
        (true, _) => "has no kept answer any more: it is withdrawn",
        (false, true) => "does not wait yet; the answer is kept until it does",
        (false, false) => "is answered",
    };
    let message = format!("{id}: \"{state}\" {what}");
    match global.output {
        Output::Human if global.quiet && !afterwards.concerns_a_person => {}
        Output::Human if answer.is_kept => {
            say!("{message}{}", afterwards.text);
            say!("  To withdraw:   {}", next::withdraw(&id, &state));
        }
        Output::Human => say!("{message}{}", afterwards.text),
        Output::Json => json::print(
            json!({ "type": "signalled", "execution": id, "state": state, "kept": answer.is_kept, "withdrawn": withdraw,
                    "status": afterwards.status, "message": format!("{message}{}", afterwards.text) }),
        ),
    }
    Ok(Exit::Success)
}

/// The error of an answer that was refused, with what the person can do instead.
fn refusal(id: &str, error: CliError) -> CliError {
    let quoted_id = quote_id(id);
    match (error.fault.as_deref(), error.exit) {
        (Some(api::IS_APPROVAL), _) => {
            error.hint(format!("flow approve {quoted_id}{OPTIONS}, or flow reject {quoted_id}{OPTIONS}, answers it"))
        }
        (Some(api::IS_OF_ACTIVITY), _) => error.hint(format!(
            "flow status {quoted_id}{OPTIONS} shows whether a worker runs it;   flow cancel {quoted_id}{OPTIONS}   ends the execution"
        )),
        (Some(api::MALFORMED_QUESTION), _) => error.hint(next::instead_of_answer(id)),
        (Some(api::APPROVAL_DOES_NOT_WAIT), _) => {
            error.hint(format!("flow approvals{OPTIONS} lists it once it waits, with the commands that answer it"))
        }
        // The refusals of answers at Step Functions have no fault, and hints of their own.
        (None, _) if error.hint.is_some() => error,
        (Some(api::HAS_ENDED), _) => error.hint(answered::hint_of_ended(id)),
        (Some(api::TASK_TIMED_OUT), _) => error.hint(answered::hint_of_timeout(id)),
        (Some(api::CALL_RUNS), _) => error.hint(format!(
            "flow status {quoted_id}{OPTIONS} shows whether a process runs it;   flow cancel {quoted_id}{OPTIONS}   ends the call and the execution"
        )),
        (_, Exit::Refused) | (Some(api::ALREADY_ANSWERED), _) => {
            error.hint(format!("flow status {quoted_id}{OPTIONS} shows what waits, and with which answer it can continue"))
        }
        _ => if_pruned(id, error),
    }
}
