//! `flow approvals`.

use api::flow::{ListPersonTasks, ListPersonTasksRequest, ListPersonTasksResponse, PersonTask};
use clap::Args;
use serde_json::json;

use crate::{
    clock,
    exit::{CliError, Exit},
    global::{Global, Output},
    home::Home,
    owner::Handle,
    ui::{json, next, summary, text},
};

/// Arguments of `flow approvals`.
#[derive(Debug, Args)]
pub struct ApprovalsArguments {}

/// Lists what waits for people over all executions, with the commands that answer each.
pub async fn run(global: &Global, _arguments: ApprovalsArguments) -> Result<Exit, CliError> {
    let mut any = false;
    for home in [Home::real(global)?, Home::rehearsals(global)?] {
        let handle = Handle::read(&home).await?;
        let response = handle.call::<ListPersonTasks>(ListPersonTasksRequest::default()).await?;
        any |= !response.tasks.is_empty();
        show(global, &response, clock::of(&home).now_ms());
        handle.leave();
    }
    if !any && global.output == Output::Human {
        say!("Nothing waits for a person.");
    }
    Ok(Exit::Success)
}

fn show(global: &Global, response: &ListPersonTasksResponse, now_ms: u64) {
    for task in &response.tasks {
        match global.output {
            Output::Human => block(task, now_ms).iter().for_each(|line| say!("{line}")),
            Output::Json => {
                json::print(json!({ "type": "needsPerson", "execution": task.execution, "state": task.state,
                            "message": task.instructions.sentence, "task": task, "commands": commands(task) }));
            }
        }
    }
    if response.truncated {
        show_truncated(global);
    }
}

/// Reports that more executions exist than were searched for tasks of people.
pub fn show_truncated(global: &Global) {
    let message = "There are more executions than were searched.";
    match global.output {
        Output::Human => say!("{message}"),
        Output::Json => json::print(json!({ "type": "truncated", "message": message })),
    }
}

/// The lines of a task: which and since when, what to do, how to answer.
pub fn block(task: &PersonTask, now_ms: u64) -> Vec<String> {
    let since = text::duration(now_ms.saturating_sub(task.since_ms));
    let deadline =
        task.deadline_ms.map_or_else(String::new, |due| format!("   gives up {}", text::moment(due, now_ms)));
    let mut lines = vec![format!("{}   {}   waits {since}{deadline}", task.execution, task.state)];
    lines.extend(summary::instruction_lines(&task.instructions).into_iter().map(|line| format!("  {line}")));
    lines.extend(commands(task).into_iter().map(|command| format!("  {command}")));
    lines.push(String::new());
    lines
}

/// The commands that answer a task.
pub fn commands(task: &PersonTask) -> Vec<String> {
    next::answer_commands(&task.execution, &task.state, &task.instructions)
}
