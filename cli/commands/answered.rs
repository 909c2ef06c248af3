//! The report after a task was answered.

use api::flow::{MarkShown, MarkShownRequest, NEEDS_TOKEN, NOT_ALLOWED, Needs, approval_of};
use engine::machine::{ExecutionHeader, ExecutionStatus};

use crate::{
    clock,
    exit::CliError,
    owner::Handle,
    person,
    proposed::{OPTIONS, in_order, quote_id},
    ui::{display_status::display_status, next, summary},
};

/// Records that a person has seen the end of an execution, so that `flow resume --all` does not report it.
///
/// # Errors
/// The owner of the store does not answer.
pub async fn end_was_shown(handle: &Handle, execution: &ExecutionHeader) -> Result<(), CliError> {
    let request = MarkShownRequest { id: execution.id.clone(), sequence: execution.last_sequence, continues: false };
    handle.call::<MarkShown>(request).await.map(drop)
}

/// The progress of an execution after an answer.
#[derive(Debug, Default)]
pub struct Afterwards {
    /// The end of the sentence about the answer: how the execution ended, which process continues it, or the command that does. Only a
    /// full stop at Step Functions.
    pub text: String,
    /// Its status, which an answer to Step Functions does not read.
    pub status: Option<ExecutionStatus>,
    /// Whether it failed or only a person continues it: `--quiet` prints it too.
    pub concerns_a_person: bool,
}

impl Afterwards {
    fn new(text: String, status: ExecutionStatus, concerns_a_person: bool) -> Self {
        Afterwards { text, status: Some(status), concerns_a_person }
    }
}

/// Reads what an execution does after an answer, and records an end as shown. `rejected`: the state and the user of a rejection.
///
/// # Errors
/// The execution cannot be read.
pub async fn afterwards(handle: &Handle, id: &str, rejected: Option<(&str, &str)>) -> Result<Afterwards, CliError> {
    if handle.at_step_functions().await.is_some() {
        return Ok(Afterwards { text: ".".to_owned(), status: None, concerns_a_person: false });
    }
    let described = handle.describe(id, false).await?;
    if described.execution.status == ExecutionStatus::Running {
        let owner = handle.owner_elsewhere().await.filter(|_| !described.execution.paused);
        if let Some(owner) = owner {
            let commands = handle.commands_beside_owner(id, &described.execution.environment).await;
            if !commands.is_empty() {
                let text = format!(
                    ". The owner of the store, {owner}, has no credentials of the execution's account and does not continue it. \
                     To continue:   {}",
                    in_order(&commands)
                );
                return Ok(Afterwards::new(text, ExecutionStatus::Running, true));
            }
            if described.driven {
                return Ok(Afterwards::new(format!(". It continues in {owner}."), ExecutionStatus::Running, false));
            }
        }
        let text = format!(". No process drives it: flow resume {}{OPTIONS}", quote_id(id));
        return Ok(Afterwards::new(text, ExecutionStatus::Running, true));
    }
    end_was_shown(handle, &described.execution).await?;
    let now_ms = clock::of(handle.home()).now_ms();
    let status = display_status(&described.execution, false, None, now_ms);
    let line = match rejected {
        Some(rejected) => summary::line_after_rejection(&described.view, status, now_ms, rejected),
        None => summary::display_line(&described.view, status, now_ms),
    };
    let text = format!(". {line}");
    let has_failed = described.execution.status != ExecutionStatus::Succeeded;
    Ok(Afterwards::new(text, described.execution.status, has_failed))
}

/// The hint of an answer that was refused because the execution has ended.
pub fn hint_of_ended(id: &str) -> String {
    format!("flow status {}{OPTIONS} shows how it ended", quote_id(id))
}

/// The hint after an answer was refused because its state has timed out.
pub fn hint_of_timeout(id: &str) -> String {
    format!(
        "flow resume {}{OPTIONS} continues with the time-out, as the definition's Catch and Retry say",
        quote_id(id)
    )
}

/// The hint after an answer to an approval was refused.
///
/// # Errors
/// The execution cannot be read.
pub async fn hint_of_refusal(handle: &Handle, id: &str, refused: &CliError) -> Result<String, CliError> {
    // The refusals of answers at Step Functions have no fault, and hints of their own.
    if refused.fault.is_none()
        && let Some(hint) = &refused.hint
    {
        return Ok(hint.clone());
    }
    if refused.fault.as_deref() == Some(api::HAS_ENDED) {
        return Ok(hint_of_ended(id));
    }
    if refused.fault.as_deref() == Some(api::TASK_TIMED_OUT) {
        return Ok(hint_of_timeout(id));
    }
    if refused.fault.as_deref() == Some(api::MALFORMED_QUESTION) {
        return Ok(next::instead_of_answer(id));
    }
    let listed = format!("flow approvals{OPTIONS} shows what waits, and with which answers");
    let at_step_functions = handle.at_step_functions().await.is_some();
    if refused.fault.as_deref() == Some(NEEDS_TOKEN) && !at_step_functions {
        return Ok("the holder of a token answers with   --token-file FILE".to_owned());
    }
    if refused.fault.as_deref() == Some(NOT_ALLOWED) && !at_step_functions {
        let command = person::command_as_owner(handle.home().real_folder());
        return Ok(command.map_or(listed, |command| {
            format!(
                "a user who may answer runs   {command}   (the history names the user who calls sudo; a user who can write to the home can answer in any name)"
            )
        }));
    }
    if handle.is_remote().await || at_step_functions {
        return Ok(listed);
    }
    let described = handle.describe(id, false).await?;
    let asks = described.frames.iter().any(|row| approval_of(row).is_some());
    Ok(match described.execution.status == ExecutionStatus::Running && !asks {
        true => {
            let now_ms = clock::of(handle.home()).now_ms();
            let needs = Needs::of(id, &described.frames, described.execution.deadline_ms);
            let status = display_status(&described.execution, false, needs.as_ref(), now_ms);
            let current = summary::display_line(&described.view, status, now_ms);
            let resume = format!("flow resume {}{OPTIONS}", quote_id(id));
            format!(
                "no process drives {id}, and nothing in it waits for an answer ({current}). To continue:   {resume}"
            )
        }
        false => listed,
    })
}
