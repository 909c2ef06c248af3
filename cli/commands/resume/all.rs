//! `flow resume --all`: drives every unfinished execution side by side through one owner, and prints one line for each.

use std::pin::pin;

use api::flow::{
    DescribeExecution, DescribeExecutionRequest, ExecutionIdRequest, ListExecutions, ListPersonTasks,
    ListPersonTasksRequest, ListPersonTasksResponse, ListRequest, ListResponse, MarkShown, MarkShownRequest,
    RecoverExecution, TrackUnfinished, TrackUnfinishedRequest,
};
use engine::{
    machine::{ExecutionHeader, ExecutionStatus},
    runner::Clock,
};
use futures::{FutureExt, StreamExt, future::FusedFuture, stream::FuturesUnordered};
use serde_json::{Value, json};

use super::{pinned, refuse_given_location, resume};
use crate::{
    clock,
    commands::{
        approvals::show_truncated,
        watch::{Watch, Watched, watch},
    },
    environments::Environments,
    exit::{CliError, Exit},
    global::{Global, Output},
    home::Home,
    interrupt,
    owner::{self, Handle},
    proposed::OPTIONS,
    ui::{display::Display, display_status::display_status, json, summary},
};

/// The most executions driven by another process that are named.
const DRIVEN_SHOWN_MAX: usize = 20;

/// The outcome of one execution.
struct Outcome {
    id: String,
    display_status: &'static str,
    message: String,
    exit: Exit,
    /// Whether it gets a line with `--quiet`: changes, failures and waits for people.
    is_news: bool,
}

/// Drives every unfinished execution. A failing one does not stop the others. The exit code is that of the worst outcome: one
/// that has not ended counts as waiting, whichever process drives it, so that cron sees the same beside an owner and without one.
pub async fn run(global: &Global, watching: Watch) -> Result<Exit, CliError> {
    let home = Home::real(global)?;
    if !home.has_store()? {
        return Ok(Exit::Success);
    }
    let _orderly = interrupt::Orderly::begin();
    let handle = Handle::drive_unless_stopped(Environments::new(home)).await?;
    let listed = tokio::select! {
        listed = list(&handle) => listed,
        exit = interrupt::requested() => Err(interrupt::nothing_begun(exit)),
    };
    let exit = match listed {
        Ok(listed) => all(global, &handle, listed, watching).await,
        Err(error) => Err(error),
    };
    let closed = handle.close().await;
    let exit = exit?;
    closed.map(|()| exit)
}

/// Lists the unfinished executions. Waits for an owner that is about to end: this process then drives its executions.
async fn list(handle: &Handle) -> Result<ListResponse, CliError> {
    let request = ListRequest { unfinished: true, ..ListRequest::default() };
    loop {
        let listed = handle.call::<ListExecutions>(request.clone()).await?;
        let Some(id) = listed.driven.first().cloned() else { return Ok(listed) };
        if !handle.is_remote().await {
            return Ok(listed);
        }
        // An owner that is ending refuses this call, and it is repeated at the next owner.
        handle.call::<RecoverExecution>(ExecutionIdRequest { id }).await?;
        if handle.is_remote().await {
            return Ok(listed);
        }
    }
}

async fn all(global: &Global, handle: &Handle, listed: ListResponse, watching: Watch) -> Result<Exit, CliError> {
    let ListResponse { executions, driven, .. } = listed;
    let mut report = Report::new(global);
    report_ended(&mut report, handle, &executions).await?;
    let elsewhere = handle.owner_elsewhere().await;
    let is_driven = |header: &ExecutionHeader| elsewhere.is_some() && !header.paused && driven.contains(&header.id);
    let listed = ids(&executions);
    let (theirs, ours): (Vec<_>, Vec<_>) = executions.into_iter().partition(is_driven);
    if let Some(owner) = &elsewhere {
        for header in &theirs {
            report.refuse_other_region(header, true);
        }
        show_driven(global, &theirs, owner);
        show_needs(global, handle, &theirs).await?;
        if !theirs.is_empty() {
            report.worst = report.worst.worse(Exit::Waiting);
            report.any_unfinished = true;
        }
    }
    let mut running = FuturesUnordered::new();
    // All are resumed before any is awaited, so that a long Wait of one does not delay another.
    for header in &ours {
        if let Some(exit) = interrupt::received() {
            report.show_refusals();
            if running.is_empty() {
                return Err(interrupt::nothing_begun(exit));
            }
            say_that_all_stop(elsewhere.as_deref());
            return Ok(exit);
        }
        if !report.refuse_other_region(header, false) && resume_one(&mut report, handle, header, watching).await? {
            running.push(one(handle, header, watching));
        }
    }
    report.show_refusals();
    if let Some(owner) = elsewhere.as_deref().filter(|_| !running.is_empty() && !global.quiet) {
        report!(
            "flow: waiting for {} that {owner} drives; Ctrl-C ends only this command",
            executions_of(running.len())
        );
    }
    let mut stops = pin!(interrupt::requested().fuse());
    loop {
        tokio::select! {
            biased;
            _ = &mut stops, if !stops.is_terminated() => say_that_all_stop(elsewhere.as_deref()),
            outcome = running.next() => match outcome {
                Some(outcome) => report.show(&outcome),
                None => break,
            },
        }
    }
    // Executions whose end was just reported are not tracked. An end that another command has left meanwhile is reported by the next one.
    let request = TrackUnfinishedRequest { ids: listed, reported: report.reported, keeps_ended: true };
    handle.call::<TrackUnfinished>(request).await?;
    // As in `flow run`, what ended after a signal has its own exit code.
    Ok(interrupt::received().filter(|_| report.any_unfinished).unwrap_or(report.worst))
}

/// Resumes an execution. Returns whether it runs; if not, why is reported.
///
/// # Errors
/// No owner answers.
async fn resume_one(
    report: &mut Report<'_>,
    handle: &Handle,
    header: &ExecutionHeader,
    watching: Watch,
) -> Result<bool, CliError> {
    let error = match resume(report.global, handle, header, pinned(header).as_ref(), Vec::new()).await {
        Ok(None) => {
            show_begun(report.global, header, watching);
            return Ok(true);
        }
        Ok(Some(status)) => {
            report.show(&ended_meanwhile(handle, &header.id, status).await?);
            return Ok(false);
        }
        // After a signal the error is that of the interrupted call, not a refusal.
        Err(_) if interrupt::received().is_some() => {
            report.any_unfinished = true;
            return Ok(false);
        }
        Err(error) if error.exit == Exit::Unreachable => {
            report.show_refusals();
            return Err(error);
        }
        Err(error) => error,
    };
    // The execution may have been cancelled or pruned since it was listed.
    let request = DescribeExecutionRequest { id: header.id.clone(), as_shown: true };
    match handle.call::<DescribeExecution>(request).await {
        Ok(described) if described.execution.status != ExecutionStatus::Running => {
            report.show(&ended_meanwhile(handle, &header.id, described.execution.status).await?);
        }
        Err(gone) if gone.exit == Exit::NotFound => report.show(&pruned_meanwhile(&header.id)),
        _ => report.refuse(&header.id, error),
    }
    Ok(false)
}

/// What a `flow resume --all` has reported.
struct Report<'r> {
    global: &'r Global,
    /// The worst exit code.
    worst: Exit,
    /// Whether an execution has not ended.
    any_unfinished: bool,
    /// The executions whose end was reported.
    reported: Vec<String>,
    /// The executions that are not resumed, by the reason, which is reported once.
    refusals: Vec<(CliError, Vec<String>)>,
}

impl<'r> Report<'r> {
    fn new(global: &'r Global) -> Self {
        Report { global, worst: Exit::Success, any_unfinished: false, reported: Vec::new(), refusals: Vec::new() }
    }

    fn show(&mut self, outcome: &Outcome) {
        self.worst = self.worst.worse(show(self.global, outcome));
        match outcome.exit {
            Exit::Success | Exit::Failed => self.reported.push(outcome.id.clone()),
            Exit::Refused => {}
            _ => self.any_unfinished = true,
        }
    }

    /// Refuses an execution that is pinned to another region or profile than the options give. Returns whether it is refused.
    fn refuse_other_region(&mut self, header: &ExecutionHeader, is_driven: bool) -> bool {
        match pinned(header).map_or(Ok(()), |pinned| refuse_given_location(self.global, &pinned, is_driven)) {
            Ok(()) => false,
            Err(error) => {
                self.refuse(&header.id, error);
                true
            }
        }
    }

    fn refuse(&mut self, id: &str, error: CliError) {
        match self.refusals.iter_mut().find(|(known, _)| known.message == error.message) {
            Some((_, ids)) => ids.push(id.to_owned()),
            None => self.refusals.push((error, vec![id.to_owned()])),
        }
    }

    /// Reports the executions that are not resumed: a reason that several share, or that has several lines, once above their lines.
    fn show_refusals(&mut self) {
        for (error, ids) in std::mem::take(&mut self.refusals) {
            let is_apart = self.global.output == Output::Human && (ids.len() > 1 || error.message.contains('\n'));
            if is_apart {
                say!("not resumed: {}", error.message);
            }
            let message = match is_apart {
                true => "not resumed, for the reason above".to_owned(),
                false => format!("not resumed: {}", error.message),
            };
            for id in ids {
                let (message, exit) = (message.clone(), error.exit);
                let refused = Outcome { id, display_status: "REFUSED", message, exit, is_news: true };
                self.worst = self.worst.worse(show(self.global, &refused));
            }
        }
    }
}

fn executions_of(count: usize) -> String {
    if count == 1 { "1 execution".to_owned() } else { format!("{count} executions") }
}

fn ids(headers: &[ExecutionHeader]) -> Vec<String> {
    headers.iter().map(|header| header.id.clone()).collect()
}

/// Reports the executions that ended unwatched since the last `flow resume --all`: under a server, or while a process
/// that was stopping let its calls end.
async fn report_ended(
    report: &mut Report<'_>,
    handle: &Handle,
    unfinished: &[ExecutionHeader],
) -> Result<(), CliError> {
    let request = TrackUnfinishedRequest { ids: ids(unfinished), ..TrackUnfinishedRequest::default() };
    for header in handle.call::<TrackUnfinished>(request).await?.ended {
        let exit = if header.status == ExecutionStatus::Succeeded { Exit::Success } else { Exit::Failed };
        report.show(&ended(handle, &header.id, exit).await?);
    }
    Ok(())
}

/// The outcome of an execution that ended between the list and its resume. A cancellation in between is no failure.
async fn ended_meanwhile(handle: &Handle, id: &str, status: ExecutionStatus) -> Result<Outcome, CliError> {
    let exit = match status {
        ExecutionStatus::Failed | ExecutionStatus::TimedOut => Exit::Failed,
        ExecutionStatus::Running | ExecutionStatus::Succeeded | ExecutionStatus::Aborted => Exit::Success,
    };
    ended(handle, id, exit).await
}

/// The outcome of an execution that ended before this command watched it.
async fn ended(handle: &Handle, id: &str, exit: Exit) -> Result<Outcome, CliError> {
    let request = DescribeExecutionRequest { id: id.to_owned(), as_shown: false };
    let described = match handle.call::<DescribeExecution>(request).await {
        Err(error) if error.exit == Exit::NotFound => return Ok(pruned_meanwhile(id)),
        described => described?,
    };
    let now_ms = clock::of(handle.home()).now_ms();
    let display_status = display_status(&described.execution, false, None, now_ms);
    let message = summary::display_line(&described.view, display_status, now_ms);
    Ok(Outcome { id: id.to_owned(), display_status, message, exit, is_news: true })
}

/// The outcome of an execution that ended and was pruned since this command listed it.
fn pruned_meanwhile(id: &str) -> Outcome {
    let message = "had ended, and was pruned".to_owned();
    Outcome { id: id.to_owned(), display_status: "PRUNED", message, exit: Exit::Success, is_news: true }
}

/// After a signal, prints what happens next and how to stop immediately.
fn say_that_all_stop(elsewhere: Option<&str>) {
    match elsewhere {
        Some(owner) => report!("\nflow: what runs continues in {owner}"),
        None => report!("\nflow: {}. Nothing is lost: flow resume --all{OPTIONS}", owner::no_new_calls()),
    }
}

async fn one(handle: &Handle, header: &ExecutionHeader, watching: Watch) -> Outcome {
    let clock = clock::of(handle.home());
    let mut display = Display::none(clock.clone());
    match watch(handle, &header.id, watching, &mut display).await {
        Ok(watched) => {
            display.record_end(&watched.view, watched.display_status, clock.now_ms());
            outcome(&watched, clock.as_ref())
        }
        Err(error) => Outcome {
            id: header.id.clone(),
            display_status: "UNKNOWN",
            message: error.message,
            exit: error.exit,
            is_news: true,
        },
    }
}

fn outcome(watched: &Watched, clock: &dyn Clock) -> Outcome {
    let Watched { view, display_status, needs_are_news, exit } = watched;
    let message = summary::display_line(view, display_status, clock.now_ms());
    let is_news = *needs_are_news || matches!(exit, Exit::Success | Exit::Failed);
    Outcome { id: view.id.clone(), display_status, message, exit: *exit, is_news }
}

/// Reports that an execution is resumed, if this command waits for its end, which may be far.
fn show_begun(global: &Global, header: &ExecutionHeader, watching: Watch) {
    if watching.no_wait.is_none() && global.output == Output::Human && !global.quiet {
        say!("{}   resumed; this command waits for its end", header.id);
        crate::out::flush();
    }
}

fn show(global: &Global, outcome: &Outcome) -> Exit {
    let Outcome { id, display_status, message, exit, is_news } = outcome;
    match global.output {
        Output::Json => json::print(line(id, display_status, message)),
        Output::Human if global.quiet && !is_news => {}
        Output::Human => say!("{id}   {message}"),
    }
    *exit
}

/// Reports, once, what another process's executions need of a person.
async fn show_needs(global: &Global, handle: &Handle, theirs: &[ExecutionHeader]) -> Result<(), CliError> {
    if theirs.is_empty() {
        return Ok(());
    }
    let ListPersonTasksResponse { tasks, truncated } =
        handle.call::<ListPersonTasks>(ListPersonTasksRequest::default()).await?;
    if truncated && (global.output == Output::Json || !global.quiet) {
        show_truncated(global);
    }
    for header in theirs {
        if !tasks.iter().any(|task| task.execution == header.id) {
            continue;
        }
        let describe = |as_shown| DescribeExecutionRequest { id: header.id.clone(), as_shown };
        let before = handle.call::<DescribeExecution>(describe(true)).await?.view;
        let view = handle.call::<DescribeExecution>(describe(false)).await?.view;
        if view.needs_more_than(&before) {
            let message = summary::display_line(&view, "RUNNING", clock::of(handle.home()).now_ms());
            let (id, exit) = (header.id.clone(), Exit::Success);
            show(global, &Outcome { id: id.clone(), display_status: "RUNNING", message, exit, is_news: true });
            let request = MarkShownRequest { id, sequence: view.last_sequence, continues: false };
            handle.call::<MarkShown>(request).await?;
        }
    }
    Ok(())
}

/// The JSON line about an execution.
pub fn line(id: &str, display_status: &str, message: &str) -> Value {
    json!({ "type": "execution", "execution": id, "displayStatus": display_status, "message": message })
}

/// Lists the executions that another process drives. This process does nothing for them.
fn show_driven(global: &Global, headers: &[ExecutionHeader], owner: &str) {
    for header in headers.iter().take(DRIVEN_SHOWN_MAX) {
        let message = format!("RUNNING in {owner}");
        match global.output {
            Output::Json => json::print(line(&header.id, "RUNNING", &message)),
            Output::Human if global.quiet => {}
            Output::Human => say!("{}   {message}", header.id),
        }
    }
    if headers.len() > DRIVEN_SHOWN_MAX && global.output == Output::Human && !global.quiet {
        say!("and {} more that this owner drives", headers.len() - DRIVEN_SHOWN_MAX);
    }
}
