//! The executions that another process drives: `flow resume --all` does not resume them, but reports their needs.

use api::flow::{
    DescribeExecution, DescribeExecutionRequest, ListPersonTasks, ListPersonTasksRequest, ListPersonTasksResponse,
    MarkShown, MarkShownRequest,
};
use engine::machine::ExecutionHeader;

use super::{ResumeOutcome, ResumeReport, line, say_listed};
use crate::{
    clock,
    commands::approvals::show_truncated,
    exit::{CliError, Exit},
    global::{Global, Output},
    owner::Handle,
    ui::{json, summary},
};

/// The most executions driven by another process that are named.
const DRIVEN_SHOWN_MAX: usize = 20;

/// Reports the executions that another process drives.
pub(super) async fn show(
    report: &mut ResumeReport<'_>,
    handle: &Handle,
    theirs: &[&ExecutionHeader],
    owner: &str,
) -> Result<(), CliError> {
    if theirs.is_empty() {
        return Ok(());
    }
    let shown = show_needs(report, handle, theirs).await?;
    let others: Vec<_> = theirs.iter().copied().filter(|header| !shown.contains(&header.id)).collect();
    show_driven(report.global, &others, owner);
    report.worst = report.worst.worse(Exit::Waiting);
    Ok(())
}

/// Reports which answers the executions of another process need from a person; with `--quiet` when the need is new, and then once a day.
/// Returns the reported executions.
async fn show_needs(
    report: &mut ResumeReport<'_>,
    handle: &Handle,
    theirs: &[&ExecutionHeader],
) -> Result<Vec<String>, CliError> {
    let mut shown = Vec::new();
    let global = report.global;
    let ListPersonTasksResponse { tasks, truncated, searched } =
        handle.call::<ListPersonTasks>(ListPersonTasksRequest::default()).await?;
    if truncated && (global.output == Output::Json || !global.quiet) {
        show_truncated(global, searched, !tasks.is_empty());
    }
    for header in theirs {
        if !tasks.iter().any(|task| task.execution == header.id) {
            // Of a list that is cut off it is not known whether this one still waits.
            if !truncated {
                report.reminders.remove(&header.id);
            }
            continue;
        }
        let describe = |as_shown| DescribeExecutionRequest { id: header.id.clone(), as_shown };
        let before = handle.call::<DescribeExecution>(describe(true)).await?.view;
        let view = handle.call::<DescribeExecution>(describe(false)).await?.view;
        let is_news = view.needs_more_than(&before);
        if !report.reminders.is_due(&header.id, is_news || !global.quiet) {
            continue;
        }
        let message = summary::display_line(&view, "RUNNING", clock::of(handle.home()).now_ms());
        let (id, exit) = (header.id.clone(), Exit::Success);
        let outcome =
            ResumeOutcome { id: id.clone(), display_status: "RUNNING", message, exit, is_news, needs_person: true };
        super::show(global, &outcome, true);
        shown.push(id.clone());
        if is_news {
            let request = MarkShownRequest { id, sequence: view.last_sequence, continues: false };
            handle.call::<MarkShown>(request).await?;
        }
    }
    Ok(shown)
}

/// Lists the executions that another process drives. This process does nothing for them.
fn show_driven(global: &Global, headers: &[&ExecutionHeader], owner: &str) {
    for header in headers.iter().take(DRIVEN_SHOWN_MAX) {
        let message = format!("RUNNING in {owner}");
        match global.output {
            _ if global.quiet => {}
            Output::Json => json::print(line(&header.id, "RUNNING", &message)),
            Output::Human => say_listed(global, &header.id, &message),
        }
    }
    if headers.len() > DRIVEN_SHOWN_MAX && global.output == Output::Human && !global.quiet {
        say!("and {} more that this owner drives", headers.len() - DRIVEN_SHOWN_MAX);
    }
}
