//! Resumes executions side by side: those of one account do not wait for the credentials of another.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use engine::machine::{ExecutionHeader, ExecutionStatus};
use futures::{FutureExt, StreamExt, future::LocalBoxFuture, stream::FuturesUnordered};
use serde_json::Value;

use super::{
    ResumeOutcome, ResumeReport, another_process, ended_meanwhile, not_resumed, one, say_that_all_stop, show_begun,
};
use crate::{
    commands::{
        resume::{GivenEnvironment, pinned, resume},
        watch::Watch,
    },
    exit::{CliError, Exit},
    global::Global,
    interrupt,
    owner::Handle,
    proposed::OPTIONS,
    ui::text::counted,
};

/// The time after which a command with `--no-wait` reports which process drives the executions.
const UNEXPLAINED_MAX: Duration = Duration::from_secs(2);
/// The interval at which the printed entries are recorded: after kill -9, the next command repeats at most those of one interval.
const STORED_AFTER: Duration = Duration::from_millis(500);
/// The fields of an environment that select its credentials.
const SELECTORS: [&str; 6] = ["kind", "profile", "region", "world", "accountId", "partition"];

/// The command, and the owner of the store if it is another process.
#[derive(Clone, Copy)]
pub(super) struct Context<'h> {
    pub global: &'h Global,
    pub handle: &'h Handle,
    pub owner: Option<&'h str>,
    pub watching: Watch,
}

impl Context<'_> {
    /// The environment in which this command continues an execution.
    pub fn given(&self, header: &ExecutionHeader) -> GivenEnvironment {
        GivenEnvironment::of(self.global, self.handle.settings(), header, pinned(header).as_ref())
    }
}

/// Executions that act with the same credentials.
pub(super) struct Group<'h> {
    /// The locations that select the credentials: the pinned one of the executions, and the one in which they act with a given profile.
    /// `None` without an account.
    selected: Option<(Vec<Value>, Vec<Value>)>,
    headers: VecDeque<&'h ExecutionHeader>,
    /// Whether another process drives them: they are only reported.
    is_driven: bool,
    /// Whether they continue with the pinned profile in place of the given one.
    keeps_profile: bool,
}

/// Adds an execution to the group that acts with the same credentials.
pub(super) fn add<'h>(
    groups: &mut Vec<Group<'h>>,
    given: &GivenEnvironment,
    header: &'h ExecutionHeader,
    is_driven: bool,
) {
    let select = |environment: &Value| SELECTORS.iter().map(|name| environment[*name].clone()).collect::<Vec<_>>();
    let selected = given.acts_in.as_ref().map(|acts_in| (select(&header.environment), select(acts_in)));
    match groups.iter_mut().find(|group| group.is_driven == is_driven && group.selected == selected) {
        Some(group) => group.headers.push_back(header),
        None => {
            groups.push(Group { selected, headers: VecDeque::from([header]), is_driven, keeps_profile: false });
        }
    }
}

/// The result of one of the futures that run side by side.
enum WorkResult<'h> {
    /// The credentials that a group needs were compared.
    Compared(Group<'h>, Result<(), CliError>),
    /// An execution was resumed, has ended meanwhile, or was refused. The group has the executions that remain.
    Resumed(Group<'h>, &'h ExecutionHeader, Result<Option<ExecutionStatus>, CliError>),
    /// The watch of an execution has ended.
    Ended(ResumeOutcome),
}

/// Compares the credentials that a group needs.
async fn compared<'h>(context: Context<'h>, mut group: Group<'h>) -> WorkResult<'h> {
    let compared = compare(context, &mut group).await;
    WorkResult::Compared(group, compared)
}

async fn compare(context: Context<'_>, group: &mut Group<'_>) -> Result<(), CliError> {
    let Some(first) = group.headers.front() else { return Ok(()) };
    let given = context.given(first);
    let had_profile = given.profile.is_some();
    let watching = format!("flow resume --all{OPTIONS}");
    let given = given.chosen(context.handle, Some(&watching)).await?;
    group.keeps_profile = had_profile && given.profile.is_none();
    match &given.acts_in {
        Some(acts_in) => context.handle.verify_acting(acts_in).await,
        None => Ok(()),
    }
}

/// Resumes an execution.
async fn resumed<'h>(context: Context<'h>, group: Group<'h>, header: &'h ExecutionHeader) -> WorkResult<'h> {
    let given = context.given(header);
    let given = if group.keeps_profile { given.without_profile() } else { given };
    let resumed = resume(context.handle, header, given, Vec::new()).await;
    WorkResult::Resumed(group, header, resumed)
}

/// Watches an execution.
async fn watched<'h>(context: Context<'h>, header: &'h ExecutionHeader) -> WorkResult<'h> {
    WorkResult::Ended(one(context.handle, header, context.watching).await)
}

/// The executions of a `flow resume --all` that are in progress.
pub(super) struct SideBySide<'h, 'c, 'r> {
    context: Context<'h>,
    report: &'c mut ResumeReport<'r>,
    /// The executions that no other process drives.
    ours: &'h [ExecutionHeader],
    work: FuturesUnordered<LocalBoxFuture<'h, WorkResult<'h>>>,
    /// The number of groups that are not resumed completely.
    pending: usize,
    /// The number of executions that are watched.
    watched: usize,
    has_begun: bool,
    /// The executions that a signal has prevented from being resumed.
    unbegun: Vec<String>,
    is_explained: bool,
    has_said_stop: bool,
}

impl<'h, 'c, 'r> SideBySide<'h, 'c, 'r> {
    pub fn new(context: Context<'h>, report: &'c mut ResumeReport<'r>, ours: &'h [ExecutionHeader]) -> Self {
        SideBySide {
            context,
            report,
            ours,
            work: FuturesUnordered::new(),
            pending: 0,
            watched: 0,
            has_begun: false,
            unbegun: Vec::new(),
            is_explained: false,
            has_said_stop: false,
        }
    }

    /// Resumes the executions of all groups, and reports each when its watch ends or it is refused. The executions of a group are resumed
    /// one after the other and are watched meanwhile: a long Wait of one does not delay another. After the first signal, prints what
    /// continues and waits for the calls in flight.
    ///
    /// # Errors
    /// No owner answers, or a signal arrived before an execution was resumed.
    pub async fn run(mut self, groups: Vec<Group<'h>>) -> Result<(), CliError> {
        let began = Instant::now();
        for group in groups {
            self.pending += 1;
            self.work.push(compared(self.context, group).boxed_local());
        }
        let mut stored = Instant::now();
        loop {
            let was_stopped = interrupt::received().is_some();
            if !was_stopped && self.report.reminders.is_changed() && stored.elapsed() >= STORED_AFTER {
                self.report.store_reminders(self.context.handle).await?;
                stored = Instant::now();
            }
            let stores = !was_stopped && self.report.reminders.is_changed();
            self.say_stop();
            self.explain(began);
            let explains = !self.is_explained && self.watched > 0;
            let progress = tokio::select! {
                biased;
                _ = interrupt::requested(), if !was_stopped => continue,
                progress = self.work.next() => match progress {
                    Some(progress) => progress,
                    None => break,
                },
                () = tokio::time::sleep(UNEXPLAINED_MAX), if explains => continue,
                () = tokio::time::sleep(STORED_AFTER), if stores => continue,
            };
            match progress {
                WorkResult::Compared(group, compared) => self.after_comparison(group, compared).await?,
                WorkResult::Resumed(group, header, resumed) => self.after_resume(group, header, resumed).await?,
                WorkResult::Ended(outcome) => {
                    self.watched -= 1;
                    self.report.show(&outcome);
                }
            }
        }
        self.report.show_refusals();
        match interrupt::received() {
            Some(exit) if !self.has_begun && !self.unbegun.is_empty() => Err(interrupt::nothing_begun(exit)),
            _ => {
                self.report.unfinished.append(&mut self.unbegun);
                Ok(())
            }
        }
    }

    async fn after_comparison(&mut self, mut group: Group<'h>, compared: Result<(), CliError>) -> Result<(), CliError> {
        let Context { handle, owner, .. } = self.context;
        match compared {
            Ok(()) if group.is_driven => {
                self.pending -= 1;
                let headers = group.headers.make_contiguous();
                return another_process::show(self.report, handle, headers, owner.unwrap_or_default()).await;
            }
            Ok(()) => self.resume_next(group),
            Err(error) => {
                self.pending -= 1;
                for header in group.headers {
                    self.refuse(header, error.clone()).await?;
                }
                self.report.show_refusals();
            }
        }
        Ok(())
    }

    async fn after_resume(
        &mut self,
        group: Group<'h>,
        header: &'h ExecutionHeader,
        resumed: Result<Option<ExecutionStatus>, CliError>,
    ) -> Result<(), CliError> {
        let Context { global, handle, watching, .. } = self.context;
        match resumed {
            Ok(None) => {
                show_begun(global, header, watching);
                self.has_begun = true;
                self.watched += 1;
                self.work.push(watched(self.context, header).boxed_local());
            }
            Ok(Some(status)) => {
                let outcome = ended_meanwhile(handle, &header.id, status).await?;
                self.report.show(&outcome);
            }
            Err(error) => self.refuse(header, error).await?,
        }
        self.resume_next(group);
        Ok(())
    }

    /// Begins to resume the next execution of a group, unless a signal arrived.
    fn resume_next(&mut self, mut group: Group<'h>) {
        if interrupt::received().is_some() {
            self.unbegun.extend(group.headers.drain(..).map(|header| header.id.clone()));
        }
        match group.headers.pop_front() {
            Some(next) => self.work.push(resumed(self.context, group, next).boxed_local()),
            None => {
                self.pending -= 1;
                self.report.show_refusals();
            }
        }
    }

    /// Notes why an execution is not resumed.
    async fn refuse(&mut self, header: &ExecutionHeader, error: CliError) -> Result<(), CliError> {
        // After a signal the error is that of the interrupted call, not a refusal.
        if interrupt::received().is_some() {
            self.unbegun.push(header.id.clone());
            return Ok(());
        }
        if error.exit == Exit::Unreachable {
            self.report.show_refusals();
            return Err(error);
        }
        not_resumed(self.report, self.context.handle, header, error).await
    }

    /// Says once, after a signal, what happens to the executions that are watched.
    fn say_stop(&mut self) {
        if interrupt::received().is_some() && self.watched > 0 && !std::mem::replace(&mut self.has_said_stop, true) {
            let left = self.ours.iter().filter(|header| !self.report.reported.contains(&header.id));
            say_that_all_stop(self.context.owner, left.map(|header| header.id.clone()).collect());
        }
    }

    /// Says once which process drives the executions that are watched; if the command stops at a wait, only if that takes long.
    fn explain(&mut self, began: Instant) {
        let Context { global, owner, watching, .. } = self.context;
        let Some(owner) = owner.filter(|_| !global.quiet) else {
            self.is_explained = true;
            return;
        };
        let is_due = watching.no_wait.is_none() || began.elapsed() >= UNEXPLAINED_MAX;
        if self.watched > 0 && self.pending == 0 && is_due && !std::mem::replace(&mut self.is_explained, true) {
            let executions = counted(self.watched, "execution");
            report!("flow: waiting for {executions} that {owner} drives; Ctrl-C ends only this command");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    #[test]
    fn executions_that_act_with_the_same_credentials_are_compared_once() {
        let header = |id: &str, profile: &str, program: &str| {
            let mut header = ExecutionHeader::new(id, "w", Arc::default());
            header.environment = Arc::new(json!({ "kind": "aws", "profile": profile, "region": "us-east-1",
                "accountId": "111111111111", "partition": "aws", "programs": [program] }));
            header
        };
        let (one, two, three) =
            (header("one", "pa", "/bin/a"), header("two", "pa", "/bin/b"), header("three", "pb", "/bin/a"));
        let local = ExecutionHeader::new("local", "w", Arc::default());
        let mut groups = Vec::new();
        for (header, has_account) in [(&one, true), (&two, true), (&three, true), (&local, false)] {
            let acts_in = has_account.then(|| (*header.environment).clone());
            let given = GivenEnvironment { acts_in, ..GivenEnvironment::default() };
            add(&mut groups, &given, header, false);
        }
        let ids = |group: &Group<'_>| group.headers.iter().map(|header| header.id.clone()).collect::<Vec<_>>();
        assert_eq!(groups.iter().map(ids).collect::<Vec<_>>(), [vec!["one", "two"], vec!["three"], vec!["local"]]);
    }
}
