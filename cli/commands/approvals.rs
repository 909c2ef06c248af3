//! `flow approvals`.

use std::path::{Path, PathBuf};

use api::flow::{
    ListExecutions, ListPersonTasks, ListPersonTasksRequest, ListPersonTasksResponse, ListRequest, PersonTask,
    SearchedPart,
};
use clap::Args;
use engine::{machine::ExecutionHeader, step::ApprovalToken};
use serde_json::json;

use crate::{
    clock,
    exit::{CliError, Exit},
    global::{Global, Output},
    home::Home,
    owner::Handle,
    person::token_file,
    proposed::{OPTIONS, in_order, is_at_step_functions, with_machine},
    runbook::scalar,
    shell::{quote_name, quote_word},
    target::Target,
    ui::{json, next, screen::Screen, status::Listed, summary, text, text::counted, tree::next_check},
};

/// The most unfinished executions of which it is known whether a person must continue them.
const SEARCHED_MAX: usize = 1_000;

/// Arguments of `flow approvals`.
#[derive(Debug, Args)]
pub struct ApprovalsArguments {
    /// Write a new random token to FILE, which must not exist, and print the lines of `Tokens` for the definition.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["engine", "endpoint"])]
    new_token: Option<PathBuf>,
    /// The engine.
    #[command(flatten)]
    target: Target,
}

/// Lists what waits for people over all executions: questions, with the commands that answer each, and executions that no
/// process drives.
pub async fn run(global: &Global, arguments: ApprovalsArguments) -> Result<Exit, CliError> {
    if let Some(file) = &arguments.new_token {
        return new_token(global, file);
    }
    let (mut any, mut truncated) = (false, false);
    if let Some(handle) = arguments.target.handle(global).await? {
        let response = handle.call::<ListPersonTasks>(ListPersonTasksRequest::default()).await?;
        show(global, &response, clock::of(handle.home()).now_ms());
        handle.leave();
        return Ok(end_of_list(global, !response.tasks.is_empty(), response.truncated));
    }
    for home in [Home::real(global)?, Home::rehearsals(global)?] {
        let handle = Handle::read(&home).await?;
        let response = handle.call::<ListPersonTasks>(ListPersonTasksRequest::default()).await?;
        let now_ms = clock::of(&home).now_ms();
        any |= !response.tasks.is_empty();
        truncated |= response.truncated;
        show(global, &response, now_ms);
        // The environments for which a resume needs no other command first: the owner is asked once for each.
        let mut resumable = Vec::new();
        for header in undriven(&handle, now_ms).await? {
            // The block of a task that has timed out has the command already.
            if response.tasks.iter().any(|task| task.execution == header.id && task.timed_out_ms.is_some()) {
                continue;
            }
            any = true;
            let commands = match header.paused || resumable.contains(&header.environment) {
                true => Vec::new(),
                false => handle.commands_beside_owner(&header.id, &header.environment).await,
            };
            show_undriven(global, &header.id, &commands);
            if commands.is_empty() && !header.paused {
                resumable.push(header.environment);
            }
        }
        handle.leave();
    }
    Ok(end_of_list(global, any, truncated))
}

/// Creates a token whose holder may answer approvals. The label is the file's name without its ending, with a hyphen for each control
/// character: a definition with one in a label is refused.
fn new_token(global: &Global, file: &Path) -> Result<Exit, CliError> {
    let sha256 = ApprovalToken::fingerprint(&token_file::write_new(file)?);
    let (shown, name) = (file.display().to_string(), file.file_stem().unwrap_or_default().to_string_lossy());
    let label = name.replace(char::is_control, "-");
    let message = format!("{shown} holds a new token, for the person who may answer only");
    match global.output {
        Output::Human => {
            say!("{message}. In the definition:\n");
            say!("  Tokens:\n    - Label: {}\n      Sha256: \"{sha256}\"\n", scalar(&label));
            say!("Its holder answers with   flow approve ID --token-file {}{OPTIONS}", quote_word(&shown));
        }
        Output::Json => {
            let line =
                json!({ "type": "approvalToken", "file": shown, "label": label, "sha256": sha256, "message": message });
            json::print(line);
        }
    }
    Ok(Exit::Success)
}

/// Ends the list. That nothing waits is only said if everything was searched.
fn end_of_list(global: &Global, any: bool, truncated: bool) -> Exit {
    if !any && !truncated && global.output == Output::Human {
        say!("Nothing waits for a person.");
    }
    Exit::Success
}

/// The executions that could proceed, but no process drives them.
async fn undriven(handle: &Handle, now_ms: u64) -> Result<Vec<ExecutionHeader>, CliError> {
    let request = ListRequest { limit: Some(SEARCHED_MAX), until_ms: None, unfinished: true, with_needs: true };
    let listed = Listed::rows(handle.call::<ListExecutions>(request).await?);
    let stopped = listed.filter(|listed| ["INTERRUPTED", "PAUSED"].contains(&listed.display_status(now_ms)));
    Ok(stopped.map(|listed| listed.header).collect())
}

/// Shows an execution that no process drives. `beside_owner`: the commands that continue it beside an owner of the store without its
/// credentials.
fn show_undriven(global: &Global, id: &str, beside_owner: &[String]) {
    let (why, commands) = reason_and_commands(id, beside_owner);
    match global.output {
        Output::Human => {
            let lines = undriven_block(id, beside_owner, &Screen::of_stdout(global.color()));
            lines.iter().for_each(|line| say!("{line}"));
        }
        Output::Json => {
            let message = format!("no process drives {id}{why}");
            json::print(json!({ "type": "needsResume", "execution": id, "message": message, "commands": commands }));
        }
    }
}

/// Why no process drives an execution, if it is known, and the commands that continue it.
fn reason_and_commands(id: &str, beside_owner: &[String]) -> (&'static str, Vec<String>) {
    match beside_owner {
        [] => ("", vec![format!("flow resume {}{OPTIONS}", quote_name(id))]),
        commands => (": the owner of the store has no credentials of the execution's account", commands.to_vec()),
    }
}

/// The lines of an execution that no process drives.
fn undriven_block(id: &str, beside_owner: &[String], screen: &Screen) -> Vec<String> {
    let (why, commands) = reason_and_commands(id, beside_owner);
    let id = screen.leading_id(id);
    vec![
        format!("{id}   no process drives it{why}"),
        format!("  To continue:   {}", in_order(&commands)),
        String::new(),
    ]
}

fn show(global: &Global, response: &ListPersonTasksResponse, now_ms: u64) {
    for task in &response.tasks {
        match global.output {
            Output::Human => {
                block(task, now_ms, &Screen::of_stdout(global.color())).iter().for_each(|line| say!("{line}"));
            }
            Output::Json => {
                json::print(json!({ "type": "needsPerson", "execution": task.execution, "state": task.state,
                            "message": task.instructions.sentence, "task": task, "advice": advice(task),
                            "commands": pasteable(task) }));
            }
        }
    }
    if response.truncated {
        show_truncated(global, response.searched, !response.tasks.is_empty());
    }
}

/// Reports that not all running executions were searched for tasks of people. `any`: whether a task was found.
pub fn show_truncated(global: &Global, searched: Option<SearchedPart>, any: bool) {
    let message = truncated_message(searched, any);
    match global.output {
        Output::Human => {
            say!("{message}");
            say!("What another one waits for:   flow status ID{OPTIONS}");
        }
        Output::Json => {
            let of = |number: fn(&SearchedPart) -> usize| searched.as_ref().map(number);
            json::print(json!({ "type": "truncated", "message": message, "searched": of(|part| part.read),
                        "running": of(|part| part.running), "more": searched.is_none_or(|part| part.more) }));
        }
    }
}

/// The number of running executions that were searched, in words. An owner of an earlier version does not report it.
fn truncated_message(searched: Option<SearchedPart>, any: bool) -> String {
    let part = match searched {
        Some(SearchedPart { read, running, more }) => {
            let of = if more { "more than " } else { "" };
            format!("{read} of {of}{} were searched", counted(running, "running execution"))
        }
        None => "Not all running executions were searched".to_owned(),
    };
    match any {
        true => format!("{part}."),
        false => format!("{part}: nothing in them waits for a person."),
    }
}

/// The lines of a task: which and since when, what to do, how to answer.
pub fn block(task: &PersonTask, now_ms: u64, screen: &Screen) -> Vec<String> {
    let since = text::duration(now_ms.saturating_sub(task.since_ms));
    let deadline = match (task.timed_out_ms, task.deadline_ms) {
        (Some(timed_out_ms), _) => format!("   timed out {}", text::moment(timed_out_ms, now_ms)),
        (None, Some(due)) => format!("   times out {}", text::moment(due, now_ms)),
        (None, None) => String::new(),
    };
    // It is not known here whether a process drives the execution: a check may be in flight.
    let check = task.next_poll_ms.filter(|_| task.timed_out_ms.is_none());
    let check = check.map_or_else(String::new, |next| format!("   {}", next_check(next, true, now_ms)));
    let id = screen.leading_id(&id_in_commands(task));
    let mut lines = vec![format!("{id}   {}   waits {since}{check}{deadline}", text::one_line(&task.state))];
    lines.extend(summary::instruction_lines(&task.instructions).into_iter().map(|line| format!("  {line}")));
    lines.extend(advice(task).into_iter().map(|command| format!("  {command}")));
    lines.push(String::new());
    lines
}

/// The lines about the answer to a task: its commands, and the fields that are not required. A task that has timed out has only the command
/// that continues.
pub fn advice(task: &PersonTask) -> Vec<String> {
    match task.timed_out_ms {
        Some(_) => vec![next::after_timeout(&id_in_commands(task))],
        None if task.takes_signal => vec![format!("To answer:   {}", next::signal(&id_in_commands(task), &task.state))],
        None => next::answer_lines(&id_in_commands(task), &task.state, &task.instructions),
    }
}

/// The id of a task's execution, as commands take it. At Step Functions its workflow is the name of its state machine.
fn id_in_commands(task: &PersonTask) -> String {
    with_machine(&task.execution, Some(task.workflow.as_str()).filter(|_| is_at_step_functions()))
}

/// The commands that answer or continue a task and that work when pasted.
fn pasteable(task: &PersonTask) -> Vec<String> {
    match task.timed_out_ms {
        Some(_) => vec![format!("flow resume {}{OPTIONS}", quote_name(&id_in_commands(task)))],
        None if task.takes_signal => vec![next::signal(&id_in_commands(task), &task.state)],
        None => next::answer_commands(&id_in_commands(task), &task.state, &task.instructions),
    }
}

#[cfg(test)]
mod tests {
    use engine::step::Instructions;

    use super::*;
    use crate::ui::{
        snapshots::at_widths,
        story::{Story, approval, record},
    };

    /// A task that waits since the beginning of a story.
    fn task(execution: &str, state: &str, instructions: Instructions) -> PersonTask {
        let (execution, workflow, state) = (execution.to_owned(), "endpoints-aws".to_owned(), state.to_owned());
        let since_ms = Story::at(0.0);
        let (deadline_ms, next_poll_ms, timed_out_ms) = (Some(Story::at(86_400.0)), None, None);
        let takes_signal = false;
        PersonTask {
            execution,
            workflow,
            state,
            since_ms,
            deadline_ms,
            next_poll_ms,
            timed_out_ms,
            instructions,
            takes_signal,
        }
    }

    #[test]
    fn that_nothing_waits_is_said_of_those_that_were_searched() {
        let part = |more| Some(SearchedPart { read: 1000, running: 1400, more });
        for (searched, any, expected) in [
            (part(false), false, "1000 of 1400 running executions were searched: nothing in them waits for a person."),
            (part(true), true, "1000 of more than 1400 running executions were searched."),
            (None, false, "Not all running executions were searched: nothing in them waits for a person."),
        ] {
            assert_eq!(truncated_message(searched, any), expected);
        }
    }

    #[test]
    fn the_list_at_every_width() {
        let long = "rehearsal-endpoints-aws-teardown-7k3f";
        let record_path = "Prove that you own the domain/Wait for the record";
        let polled = PersonTask { next_poll_ms: Some(Story::at(150.0)), ..task(long, record_path, record()) };
        let timed_out_ms = Some(Story::at(60.0));
        let timed_out =
            PersonTask { timed_out_ms, deadline_ms: timed_out_ms, ..task("公開-7k3f", "Ask", approval()) };
        let tasks = [task("release-7k3f", "Choose the stack", approval()), polled, timed_out];
        let beside_owner = [format!("flow resume {long}")];
        let drawn = |screen: &Screen| {
            let blocks = tasks.iter().flat_map(|task| block(task, Story::at(124.0), screen));
            blocks
                .chain(undriven_block("import-9c2e", &[], screen))
                .chain(undriven_block(long, &beside_owner, screen))
                .collect::<Vec<_>>()
        };
        snapshot!("approvals", at_widths(drawn));
    }

    #[test]
    fn a_question_that_has_timed_out_is_shown_with_the_command_that_continues() {
        let instructions = Instructions {
            sentence: "Now?".to_owned(),
            values: Vec::new(),
            answer: None,
            approval: Some(Box::default()),
        };
        let (since_ms, next_poll_ms) = (0, Some(5_500));
        let (deadline_ms, timed_out_ms) = (Some(6_000), Some(6_000));
        let task = PersonTask { since_ms, deadline_ms, next_poll_ms, timed_out_ms, ..task("r-1", "Ask", instructions) };
        let screen = Screen { columns: 80, rows: 24, color: false, ascii: false };
        let lines = block(&task, 14_000, &screen).join("\n");
        assert!(lines.contains("timed out 00:00:06") && lines.contains("flow resume r-1"), "{lines}");
        assert!(!lines.contains("flow approve") && !lines.contains("times out"), "{lines}");
        assert!(!lines.contains("next check"), "{lines}");
        assert_eq!(pasteable(&task), ["flow resume r-1"]);
        let long = PersonTask { execution: "rehearsal-endpoints-aws-teardown-7k3f".to_owned(), ..task.clone() };
        let lines = block(&long, 14_000, &screen);
        assert!(lines[0].starts_with("rehearsal-endpoin…ws-teardown-7k3f   Ask "), "{lines:?}");
        assert!(
            lines.iter().any(|line| line.contains("flow resume rehearsal-endpoints-aws-teardown-7k3f")),
            "{lines:?}"
        );
        let signalled = PersonTask { timed_out_ms: None, takes_signal: true, ..task.clone() };
        assert_eq!(pasteable(&signalled), ["flow signal r-1 Ask --success '{}'"]);
        assert_eq!(advice(&signalled), ["To answer:   flow signal r-1 Ask --success '{}'"]);
        let open = PersonTask { timed_out_ms: None, ..task };
        let lines = block(&open, 5_000, &screen).join("\n");
        assert!(
            lines.contains("flow approve r-1 Ask") && lines.contains("   next check 00:00:05   times out"),
            "{lines}"
        );
    }
}
