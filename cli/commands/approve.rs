//! `flow approve` and `flow reject`.

use std::path::PathBuf;

use api::flow::{
    AnswerApproval, AnswerApprovalRequest, AnswerApprovalResponse, AnswerWithToken, AnswerWithTokenRequest, Decision,
    approval_of,
};
use clap::Args;
use engine::{journal::Signaller, machine::FrameRow};
use serde_json::{Map, Value, json};

use super::answered;
use crate::{
    execution::locate::{if_pruned, locate_asking, locate_at},
    exit::{CliError, Exit},
    global::{Global, Output},
    owner::Handle,
    person::{self, token_file},
    shell::state_name,
    target::{Engine, Target},
    this_process,
    ui::{json, next::FILL_IN, text::one_line},
};

/// Arguments of `flow approve`.
#[derive(Debug, Args)]
pub struct ApproveArguments {
    /// The execution: its id, a unique prefix, its ARN, or @latest.
    id: String,
    /// The state that asks: its name or path; required only if several ask.
    #[arg(value_parser = state_name)]
    state: Option<String>,
    /// One of the approval's choices, if it has any.
    #[arg(long, value_name = "NAME")]
    choice: Option<String>,
    /// Set a field, such as ticket=CHG-17 or details.count=3.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Why; recorded in the history with your user name and this machine's.
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    /// Answer as the holder of the token in this file, which the approval must name.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The engine.
    #[command(flatten)]
    target: Target,
}

/// Arguments of `flow reject`.
#[derive(Debug, Args)]
pub struct RejectArguments {
    /// The execution: its id, a unique prefix, its ARN, or @latest.
    id: String,
    /// The state that asks: its name or path; required only if several ask.
    #[arg(value_parser = state_name)]
    state: Option<String>,
    /// Why; recorded in the history with your user name and this machine's.
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    /// Answer as the holder of the token in this file, which the approval must name.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The engine.
    #[command(flatten)]
    target: Target,
}

/// Approves an approval.
pub async fn approve(global: &Global, arguments: ApproveArguments) -> Result<Exit, CliError> {
    let ApproveArguments { id, state, choice, set, comment, token_file, target } = arguments;
    let author = Author { comment, token: token_in(token_file, &target)? };
    answer(global, Answered { id, state, target }, Answer::Approve { choice, set }, author).await
}

/// Rejects an approval: the task fails with `Approval.Rejected`.
pub async fn reject(global: &Global, arguments: RejectArguments) -> Result<Exit, CliError> {
    let RejectArguments { id, state, comment, token_file, target } = arguments;
    let author = Author { comment, token: token_in(token_file, &target)? };
    answer(global, Answered { id, state, target }, Answer::Reject, author).await
}

fn token_in(file: Option<PathBuf>, target: &Target) -> Result<Option<String>, CliError> {
    let Some(file) = file else { return Ok(None) };
    if target.engine == Engine::Sfn {
        let message = "Step Functions knows no tokens of approvals: IAM decides who may answer there";
        return Err(CliError::refused(message).hint("answer without --token-file"));
    }
    refuse_placeholder("--token-file", &file.to_string_lossy())?;
    token_file::read(&file).map(Some)
}

/// The task to answer, as the arguments name it.
struct Answered {
    id: String,
    state: Option<String>,
    target: Target,
}

/// The person who answers, and the reason.
struct Author {
    comment: Option<String>,
    /// The token that identifies the person; `None` for the user of this process.
    token: Option<String>,
}

/// An answer as the arguments give it.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Approve {
        choice: Option<String>,
        /// The arguments of `--set`.
        set: Vec<String>,
    },
    Reject,
}

/// The schema of the fields of the approval that waits; `None` if it has none, or several approvals match.
async fn schema_of(handle: &Handle, id: &str, state: Option<&str>) -> Result<Option<Value>, CliError> {
    if let Some(executions) = handle.at_step_functions().await {
        return executions.schema_of_question(id, state).await;
    }
    let frames = handle.describe(id, false).await?.frames;
    let named = |row: &&FrameRow| state.is_none_or(|state| row.state_path() == state || *row.state == *state);
    let mut approvals = frames.iter().filter(named).filter_map(approval_of);
    match (approvals.next(), approvals.next()) {
        (Some(approval), None) => Ok(approval.fields.clone()),
        _ => Ok(None),
    }
}

/// The decision for an answer. A field that the approval's schema declares as text is one, whatever it reads like; a
/// field that is not set has the schema's default.
async fn decision(handle: &Handle, id: &str, state: Option<&str>, answer: Answer) -> Result<Decision, CliError> {
    let Answer::Approve { choice, set } = answer else { return Ok(Decision::Reject) };
    refuse_placeholder("--choice", choice.as_deref().unwrap_or_default())?;
    let schema = match schema_of(handle, id, state).await {
        // The answer itself is refused with the reason.
        Err(_) if set.is_empty() => None,
        schema => schema?,
    };
    Ok(Decision::Approve { choice, fields: fields(schema.as_ref(), &set)? })
}

/// Refuses the placeholder of a proposed command as a value.
fn refuse_placeholder(option: &str, value: &str) -> Result<(), CliError> {
    match value == FILL_IN {
        true => {
            Err(CliError::refused(format!("{option} still has {FILL_IN} where a value belongs; nothing was answered")))
        }
        false => Ok(()),
    }
}

fn fields(schema: Option<&Value>, assignments: &[String]) -> Result<Map<String, Value>, CliError> {
    let mut fields = json!({});
    for assignment in assignments {
        refuse_placeholder("--set", assignment.split_once('=').map_or("", |(_, value)| value))?;
        workflows::set_key(&mut fields, schema, assignment).map_err(|error| CliError::refused(error.to_string()))?;
    }
    let fields = match schema {
        Some(schema) => workflows::with_defaults(schema, fields),
        None => fields,
    };
    Ok(fields.as_object().cloned().unwrap_or_default())
}

/// Sends an answer by the user of this process, or by the holder of a token.
async fn send(
    handle: &Handle,
    id: String,
    state: Option<String>,
    decision: Decision,
    author: Author,
) -> Result<AnswerApprovalResponse, CliError> {
    let by = person::signaller(author.comment);
    let Some(token) = author.token else {
        let groups = person::groups(&by.user);
        let request = AnswerApprovalRequest { id, state, decision, by, groups };
        return handle.call::<AnswerApproval>(request).await;
    };
    let Signaller { host, comment, .. } = by;
    let request = AnswerWithTokenRequest { id, state, decision, token, host, comment };
    handle.call::<AnswerWithToken>(request).await
}

async fn answer(global: &Global, answered: Answered, answer: Answer, author: Author) -> Result<Exit, CliError> {
    let Answered { id: wanted, state, target } = answered;
    this_process::is_about_state(state.as_deref());
    let located = match (target.engine, &target.endpoint) {
        (Engine::Local, None) => locate_asking(global, &wanted).await?,
        _ => locate_at(global, &target, &wanted).await?,
    };
    let (id, handle) = located.answer().await?;
    let is_rejection = answer == Answer::Reject;
    let word = if is_rejection { "rejected" } else { "approved" };
    let decision = match decision(&handle, &id, state.as_deref(), answer).await {
        Ok(decision) => decision,
        Err(error) => {
            handle.close().await?;
            return Err(error);
        }
    };
    let answered = match send(&handle, id.clone(), state, decision, author).await {
        Ok(response) => {
            let rejected = is_rejection.then_some((response.state.as_str(), response.user.as_str()));
            let afterwards = answered::afterwards(&handle, &id, rejected).await;
            afterwards.map(|afterwards| (response, afterwards))
        }
        Err(refused) => {
            let hint = answered::hint_of_refusal(&handle, &id, &refused).await;
            let refused = if_pruned(&id, refused);
            Err(match hint {
                Ok(hint) => refused.hint(hint),
                Err(_) => refused,
            })
        }
    };
    let closed = handle.close().await;
    let (AnswerApprovalResponse { state, user }, afterwards) = answered?;
    closed?;
    let message = format!("{id}: \"{}\" is {word} by {}", one_line(&state), one_line(&user));
    match global.output {
        Output::Human if global.quiet && !afterwards.concerns_a_person => {}
        Output::Human => say!("{message}{}", afterwards.text),
        Output::Json => {
            let message = format!("{message}{}", afterwards.text);
            let line = json!({ "type": word, "execution": id, "state": state, "user": user, "status": afterwards.status,
                               "message": message });
            json::print(line);
        }
    }
    Ok(Exit::Success)
}
