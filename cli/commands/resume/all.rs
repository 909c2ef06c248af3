//! `flow resume --all`: drives every unfinished execution side by side through one owner, and prints one line for each.

mod another_process;
mod side_by_side;

use std::collections::HashSet;

use api::flow::{
    ExecutionIdRequest, ListExecutions, ListRequest, ListResponse, MarkShown, MarkShownRequest, RecoverExecution,
    TrackUnfinished, TrackUnfinishedRequest, TrackUnfinishedResponse,
};
use engine::{
    machine::{ExecutionHeader, ExecutionStatus},
    runner::Clock,
};
use serde_json::{Value, json};

use self::side_by_side::{Context, SideBySide};
use super::{
    credentials::{self, Opened, Refusals},
    pinned, programs, refuse_given_region,
    reminders::{NotResumed, Reminders},
};
use crate::{
    clock,
    commands::watch::{Watch, Watched, watch},
    environments::Environments,
    exit::{CliError, Exit},
    global::{Global, Output},
    home::Home,
    interrupt,
    owner::{self, Handle},
    proposed::OPTIONS,
    ui::{display::Display, display_status::display_status, json, screen::Screen, stopped, summary, tones},
};

/// The outcome of one execution.
struct ResumeOutcome {
    id: String,
    display_status: &'static str,
    message: String,
    exit: Exit,
    /// Whether it has a line with `--quiet`: changes, failures and new waits for people.
    is_news: bool,
    /// Whether it waits for a person, who is reminded.
    needs_person: bool,
}

/// Drives every unfinished execution. A failing one does not stop the others. Returns the exit code of the worst outcome. An execution that
/// has not ended counts as waiting, whichever process drives it: cron receives the same exit code from each.
pub async fn run(global: &Global, watching: Watch) -> Result<Exit, CliError> {
    let home = Home::real(global)?;
    if !home.has_store()? {
        return Ok(Exit::Success);
    }
    let _orderly = interrupt::Orderly::begin();
    let Opened { handle, known, refusals } = credentials::open(global, Environments::new(home)).await?;
    let listed = tokio::select! {
        listed = list(&handle) => listed,
        exit = interrupt::requested() => Err(interrupt::nothing_begun(exit)),
    };
    let exit = match listed {
        Ok(listed) => all(global, &handle, with(listed, known), &refusals, watching).await,
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

/// Adds the executions that had not ended, and that no process drove, before the store was opened: an end since then is reported.
fn with(mut listed: ListResponse, known: Vec<ExecutionHeader>) -> ListResponse {
    let ids: HashSet<_> = listed.executions.iter().map(|header| header.id.clone()).collect();
    listed.executions.extend(known.into_iter().filter(|header| !ids.contains(&header.id)));
    listed
}

async fn all(
    global: &Global,
    handle: &Handle,
    listed: ListResponse,
    refusals: &Refusals,
    watching: Watch,
) -> Result<Exit, CliError> {
    let ListResponse { executions, driven, .. } = listed;
    let mut report = ResumeReport::new(global);
    report_ended(&mut report, handle, &executions).await?;
    let owner = handle.owner_elsewhere().await;
    let is_driven = |header: &ExecutionHeader| owner.is_some() && !header.paused && driven.contains(&header.id);
    let listed = ids(&executions);
    let (theirs, ours): (Vec<_>, Vec<_>) = executions.into_iter().partition(is_driven);
    let context = Context { global, handle, owner: owner.as_deref(), watching };
    let mut groups = Vec::new();
    if let Some(owner) = &owner {
        let mut shown = Vec::new();
        report.has_others = !theirs.is_empty();
        for header in &theirs {
            if report.refuse_other_region(header) {
                continue;
            }
            // The process that drives them needs no profile of this command; one that the command line gives must be of the account.
            let given = context.given(header);
            match given.has_option() {
                true => side_by_side::add(&mut groups, &given, header, true),
                false => shown.push(header),
            }
        }
        another_process::show(&mut report, handle, &shown, owner).await?;
    }
    for header in &ours {
        if report.refuse_other_region(header) {
            continue;
        }
        let refusal = match refusals.of(global, handle, header) {
            None if owner.is_none() => programs::refusal_among_all(handle, header).await,
            refusal => refusal,
        };
        match refusal {
            Some(error) => not_resumed(&mut report, handle, header, error).await?,
            None => side_by_side::add(&mut groups, &context.given(header), header, false),
        }
    }
    report.show_refusals();
    if owner.is_none() {
        interrupt::at_second_signal(stopped::message_of_all(&ids(&ours)));
    }
    SideBySide::new(context, &mut report, &ours).run(groups).await?;
    report.end(handle, listed, owner.is_some()).await
}

/// Reports that an execution is not resumed, or how it has ended: it may have been cancelled or pruned since it was listed.
async fn not_resumed(
    report: &mut ResumeReport<'_>,
    handle: &Handle,
    header: &ExecutionHeader,
    error: CliError,
) -> Result<(), CliError> {
    match handle.describe(&header.id, true).await {
        Ok(described) if described.execution.status != ExecutionStatus::Running => {
            report.show(&ended_meanwhile(handle, &header.id, described.execution.status).await?);
        }
        Err(gone) if gone.exit == Exit::NotFound => report.show(&pruned_meanwhile(&header.id)),
        _ => report.refuse(header, error),
    }
    Ok(())
}

/// The lines that a `flow resume --all` has printed.
struct ResumeReport<'r> {
    global: &'r Global,
    /// The worst exit code.
    worst: Exit,
    /// The executions of this command that have not ended.
    unfinished: Vec<String>,
    /// Whether an execution has not ended that another process drives.
    has_others: bool,
    /// The times at which the needs of executions were last reported.
    reminders: Reminders,
    /// The executions whose end was reported.
    reported: Vec<String>,
    /// The executions that are not resumed, by the reason, which is reported once.
    refusals: Vec<(CliError, Vec<NotResumed>)>,
    /// The reasons that were printed above the lines of their executions.
    said_reasons: Vec<String>,
}

impl<'r> ResumeReport<'r> {
    fn new(global: &'r Global) -> Self {
        ResumeReport {
            global,
            worst: Exit::Success,
            unfinished: Vec::new(),
            has_others: false,
            reminders: Reminders::default(),
            reported: Vec::new(),
            refusals: Vec::new(),
            said_reasons: Vec::new(),
        }
    }

    fn show(&mut self, outcome: &ResumeOutcome) {
        let is_said = outcome.is_news || !self.global.quiet;
        if !outcome.needs_person {
            self.reminders.remove(&outcome.id);
        }
        let is_news = outcome.needs_person && self.reminders.is_due(&outcome.id, is_said);
        show(self.global, outcome, is_news || outcome.is_news);
        self.worst = self.worst.worse(outcome.exit);
        match outcome.exit {
            Exit::Success | Exit::Failed => self.reported.push(outcome.id.clone()),
            Exit::Refused => {}
            _ => self.unfinished.push(outcome.id.clone()),
        }
    }

    /// Stores the data for the next `flow resume --all`. After a signal, reports what was stopped. Returns the exit code.
    ///
    /// # Errors
    /// No owner answers.
    async fn end(self, handle: &Handle, listed: Vec<String>, is_driven_elsewhere: bool) -> Result<Exit, CliError> {
        let ResumeReport { worst, unfinished, has_others, mut reminders, reported, .. } = self;
        if interrupt::received().is_some() && !unfinished.is_empty() && !is_driven_elsewhere {
            report!("flow: {}", stopped::message_of_all(&unfinished));
        }
        // Executions whose end was just reported are not tracked, unless the terminal was closed: nobody has seen it. An end that another
        // command has left meanwhile is reported by the next one.
        let reported = if interrupt::received() == Some(Exit::HungUp) { Vec::new() } else { reported };
        let said_needs_ms = reminders.take_changed();
        let request = TrackUnfinishedRequest { ids: listed, reported, keeps_ended: true, said_needs_ms };
        handle.call::<TrackUnfinished>(request).await?;
        // As in `flow run`, what ended after a signal has its own exit code.
        Ok(interrupt::received().filter(|_| has_others || !unfinished.is_empty()).unwrap_or(worst))
    }

    /// Refuses an execution that is pinned to another region than the options give. Returns whether it is refused.
    fn refuse_other_region(&mut self, header: &ExecutionHeader) -> bool {
        match pinned(header).map_or(Ok(()), |pinned| refuse_given_region(self.global, &pinned)) {
            Ok(()) => false,
            Err(error) => {
                self.refuse(header, error);
                true
            }
        }
    }

    fn refuse(&mut self, header: &ExecutionHeader, error: CliError) {
        let refused = NotResumed { id: header.id.clone(), last_event: header.last_event_id };
        match self.refusals.iter_mut().find(|(known, _)| known.message == error.message) {
            Some((_, executions)) => executions.push(refused),
            None => self.refusals.push((error, vec![refused])),
        }
    }

    /// Stores when needs and refusals were printed, if that has changed: a command that is killed does not print them again.
    ///
    /// # Errors
    /// No owner answers, or the store cannot be written.
    async fn store_reminders(&mut self, handle: &Handle) -> Result<(), CliError> {
        let Some(said_needs_ms) = self.reminders.take_changed() else { return Ok(()) };
        let request = TrackUnfinishedRequest {
            keeps_ended: true,
            said_needs_ms: Some(said_needs_ms),
            ..TrackUnfinishedRequest::default()
        };
        handle.call::<TrackUnfinished>(request).await.map(drop)
    }

    /// Reports the executions that are not resumed. A reason that several share, or that has several lines, is printed once above their
    /// lines. With `--quiet` a reason is printed when it is new, and then once a day.
    fn show_refusals(&mut self) {
        for (error, mut refused) in std::mem::take(&mut self.refusals) {
            self.worst = self.worst.worse(error.exit);
            let kind = error.fault.as_deref().unwrap_or("refused");
            let is_said = !self.global.quiet;
            refused.retain(|execution| self.reminders.is_refusal_due(execution, kind, is_said));
            let was_said = self.said_reasons.contains(&error.message);
            let is_apart = was_said || refused.len() > 1 || error.message.contains('\n');
            let is_apart = is_apart && self.global.output == Output::Human;
            let is_first = !was_said && !refused.is_empty() && self.global.output == Output::Human;
            if is_apart && is_first {
                say!("not resumed: {}", error.message);
                self.said_reasons.push(error.message.clone());
            }
            let message = match is_apart {
                true => "not resumed, for the reason above".to_owned(),
                false => format!("not resumed: {}", error.message),
            };
            for NotResumed { id, .. } in refused {
                let (message, exit) = (message.clone(), error.exit);
                let refused =
                    ResumeOutcome { id, display_status: "REFUSED", message, exit, is_news: true, needs_person: false };
                show(self.global, &refused, true);
            }
            if let Some(hint) = error.hint.filter(|_| is_first) {
                say!("  {hint}");
            }
        }
    }
}

/// Prints the line of an execution.
fn say_listed(global: &Global, id: &str, message: &str) {
    let screen = Screen::of_stdout(global.color());
    say_raw!("{}", tones::listed_rows(&screen.leading_id(id), message, &screen).join("\n"));
}

/// An id at the beginning of a line.
fn leading(global: &Global, id: &str) -> String {
    Screen::of_stdout(global.color()).leading_id(id)
}

fn ids(headers: &[ExecutionHeader]) -> Vec<String> {
    headers.iter().map(|header| header.id.clone()).collect()
}

/// Reports the executions that ended unwatched since the last `flow resume --all`: under a server, or while a process
/// that was stopping let its calls end.
async fn report_ended(
    report: &mut ResumeReport<'_>,
    handle: &Handle,
    unfinished: &[ExecutionHeader],
) -> Result<(), CliError> {
    let unfinished = ids(unfinished);
    let request = TrackUnfinishedRequest { ids: unfinished.clone(), ..TrackUnfinishedRequest::default() };
    let TrackUnfinishedResponse { ended: ended_since, said_needs_ms } = handle.call::<TrackUnfinished>(request).await?;
    report.reminders = Reminders::new(said_needs_ms, &unfinished, clock::of(handle.home()).now_ms());
    for header in ended_since {
        let exit = if header.status == ExecutionStatus::Succeeded { Exit::Success } else { Exit::Failed };
        report.show(&ended(handle, &header.id, exit).await?);
    }
    Ok(())
}

/// The outcome of an execution that ended between the list and its resume. A cancellation in between is no failure.
async fn ended_meanwhile(handle: &Handle, id: &str, status: ExecutionStatus) -> Result<ResumeOutcome, CliError> {
    let exit = match status {
        ExecutionStatus::Failed | ExecutionStatus::TimedOut => Exit::Failed,
        ExecutionStatus::Running | ExecutionStatus::Succeeded | ExecutionStatus::Aborted => Exit::Success,
    };
    ended(handle, id, exit).await
}

/// The outcome of an execution that ended before this command watched it. It is recorded as shown, so that no later resume prints this
/// end again.
async fn ended(handle: &Handle, id: &str, exit: Exit) -> Result<ResumeOutcome, CliError> {
    let described = match handle.describe(id, false).await {
        Err(error) if error.exit == Exit::NotFound => return Ok(pruned_meanwhile(id)),
        described => described?,
    };
    let now_ms = clock::of(handle.home()).now_ms();
    let display_status = display_status(&described.execution, false, None, now_ms);
    let message = summary::display_line(&described.view, display_status, now_ms);
    Display::none(clock::of(handle.home())).record_end(&described.view, display_status, now_ms);
    let sequence = described.view.last_sequence;
    match handle.call::<MarkShown>(MarkShownRequest { id: id.to_owned(), sequence, continues: false }).await {
        Err(error) if error.exit == Exit::NotFound => return Ok(pruned_meanwhile(id)),
        marked => marked?,
    };
    Ok(ResumeOutcome { id: id.to_owned(), display_status, message, exit, is_news: true, needs_person: false })
}

/// The outcome of an execution that ended and was pruned since this command listed it.
fn pruned_meanwhile(id: &str) -> ResumeOutcome {
    let message = "had ended, and was pruned".to_owned();
    let (id, exit) = (id.to_owned(), Exit::Success);
    ResumeOutcome { id, display_status: "PRUNED", message, exit, is_news: true, needs_person: false }
}

/// After a signal, prints what happens next and how to stop immediately. `left`: the executions that have not ended.
fn say_that_all_stop(owner: Option<&str>, left: Vec<String>) {
    match owner {
        Some(owner) => report!("\nflow: what runs continues in {owner}"),
        None => {
            interrupt::at_second_signal(stopped::message_of_all(&left));
            report!("\nflow: {}. Nothing is lost: flow resume --all{OPTIONS}", owner::no_new_calls());
        }
    }
}

async fn one(handle: &Handle, header: &ExecutionHeader, watching: Watch) -> ResumeOutcome {
    let clock = clock::of(handle.home());
    let mut display = Display::none(clock.clone());
    match watch(handle, &header.id, watching, &mut display).await {
        Ok(watched) => {
            display.record_end(&watched.view, watched.display_status, clock.now_ms());
            outcome(&watched, clock.as_ref())
        }
        Err(error) => ResumeOutcome {
            id: header.id.clone(),
            display_status: "UNKNOWN",
            message: error.message,
            exit: error.exit,
            is_news: true,
            needs_person: false,
        },
    }
}

fn outcome(watched: &Watched, clock: &dyn Clock) -> ResumeOutcome {
    let Watched { view, display_status, needs_are_news, exit, .. } = watched;
    let message = summary::display_line(view, display_status, clock.now_ms());
    let is_news = *needs_are_news || matches!(exit, Exit::Success | Exit::Failed);
    ResumeOutcome {
        id: view.id.clone(),
        display_status,
        message,
        exit: *exit,
        is_news,
        needs_person: view.needs_person(),
    }
}

/// Reports that an execution is resumed, if this command waits for its end, which may take long.
fn show_begun(global: &Global, header: &ExecutionHeader, watching: Watch) {
    if watching.no_wait.is_none() && global.output == Output::Human && !global.quiet {
        say!("{}   resumed; this command waits for its end", leading(global, &header.id));
        crate::out::flush();
    }
}

/// Prints a line about an execution; with `--quiet` only news.
fn show(global: &Global, outcome: &ResumeOutcome, is_news: bool) {
    let ResumeOutcome { id, display_status, message, .. } = outcome;
    match global.output {
        _ if global.quiet && !is_news => {}
        Output::Json => json::print(line(id, display_status, message)),
        Output::Human => say_listed(global, id, message),
    }
}

/// The JSON line about an execution.
pub fn line(id: &str, display_status: &str, message: &str) -> Value {
    json!({ "type": "execution", "execution": id, "displayStatus": display_status, "message": message })
}
