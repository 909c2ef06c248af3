//! `flow status`.

mod rows;
mod state;

use std::{io::IsTerminal, time::Duration};

use api::{
    flow::{
        DescribeExecution, DescribeExecutionRequest, DescribeExecutionResponse, ListExecutions, ListPersonTasks,
        ListPersonTasksRequest, ListRequest, ListResponse, Needs,
    },
    view::{Typical, View},
};
use clap::Args;
use engine::machine::{ExecutionHeader, ExecutionStatus, FrameRow};
use serde_json::json;

use self::state::Visits;
use super::{approvals, watch::typical};
use crate::{
    checks::state_names,
    clock,
    environments::Pinned,
    exit::{CliError, Exit},
    global::{Global, Output, ProgressDisplay},
    home::Home,
    interrupt,
    locate::{Located, locate_at},
    owner::Handle,
    proposed::{OPTIONS, state_name},
    target::{Engine, Target},
    ui::{
        block,
        display::drawing_screen,
        display_status::display_status,
        json, record,
        screen::Screen,
        status::{Detail, Listed, list},
        summary, text,
    },
};

/// The most executions that are listed of each store.
const LISTED_MAX: usize = 100;
/// The most tasks that wait for a person that are shown in front of the list.
const NEEDS_SHOWN_MAX: usize = 10;

/// The pause between two polls of `--watch`.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// Arguments of `flow status`.
#[derive(Debug, Args)]
pub struct StatusArguments {
    /// The execution: its id, a unique prefix, its ARN, or @latest; without one, all are listed.
    id: Option<String>,
    /// Show the states with this name or path: what each does now, or its last visit; with input and output.
    #[arg(long, value_name = "NAME", requires = "id", value_parser = state_name)]
    state: Option<String>,
    /// List all executions, not only the latest 100; with `-o json` all are listed anyway.
    #[arg(long, conflicts_with = "id")]
    all: bool,
    /// Poll every second until it ends; the exit code is the execution's.
    #[arg(long, requires = "id")]
    watch: bool,
    /// The engine.
    #[command(flatten)]
    target: Target,
}

/// Shows the status of executions. Never drives one.
pub async fn run(global: &Global, arguments: StatusArguments) -> Result<Exit, CliError> {
    let Some(wanted) = &arguments.id else { return list_all(global, &arguments).await };
    let Located { header: ExecutionHeader { id, .. }, mut store } =
        locate_at(global, &arguments.target, wanted).await?;
    let mut screen = Watching::new(global, &arguments);
    loop {
        let home = store.home().clone();
        let request = DescribeExecutionRequest { id: id.clone(), as_shown: false };
        let status = store.call::<DescribeExecution>(request).await?;
        if screen.typical.is_none() {
            let runs = status.execution.status == ExecutionStatus::Running;
            screen.typical = Some(if runs { typical(&store, &id).await } else { Typical::default() });
        }
        let ended = status.execution.stopped_ms.is_some();
        screen.read_visits(&store, &id).await?;
        screen.owner = store.owner_elsewhere().await;
        screen.show(&home, &status, ended)?;
        if !arguments.watch {
            store.leave();
            return Ok(Exit::Success);
        }
        if ended {
            let succeeded = status.execution.status == ExecutionStatus::Succeeded;
            return Ok(if succeeded { Exit::Success } else { Exit::Failed });
        }
        // Closes a store that no process drives during the pause, so that another process can open it.
        let at_step_functions = store.at_step_functions().await.is_some();
        let kept = at_step_functions.then_some(store);
        tokio::select! {
            exit = interrupt::requested() => {
                block::leave();
                return Ok(exit);
            }
            () = tokio::time::sleep(WATCH_INTERVAL) => {}
        }
        store = match kept {
            Some(store) => store,
            None => Handle::read(&home).await?,
        };
    }
}

/// What `flow status ID` shows, again and again with `--watch`.
struct Watching<'w> {
    global: &'w Global,
    state: Option<&'w str>,
    /// The last visits of the states with that name or path.
    visits: Visits,
    watches: bool,
    /// Whether it is drawn again at the same place.
    redraws: bool,
    /// The owner of the store, if it is another process.
    owner: Option<String>,
    typical: Option<Typical>,
    /// What was shown last: off a terminal only changes are shown.
    last: String,
    last_sequence: u64,
}

impl<'w> Watching<'w> {
    fn new(global: &'w Global, arguments: &'w StatusArguments) -> Self {
        let redraws = arguments.watch
            && global.output == Output::Human
            && match global.progress.display {
                ProgressDisplay::Auto => std::io::stdout().is_terminal(),
                ProgressDisplay::Tree => true,
                ProgressDisplay::Lines | ProgressDisplay::None => false,
            };
        let state = arguments.state.as_deref();
        Watching {
            global,
            state,
            visits: Visits::default(),
            watches: arguments.watch,
            redraws,
            owner: None,
            typical: None,
            last: String::new(),
            last_sequence: 0,
        }
    }

    /// Reads the visits of the states that are shown.
    async fn read_visits(&mut self, store: &Handle, id: &str) -> Result<(), CliError> {
        let Some(name) = self.state else { return Ok(()) };
        self.visits.update(store, id, name).await
    }

    fn show(&mut self, home: &Home, status: &DescribeExecutionResponse, ended: bool) -> Result<(), CliError> {
        let now_ms = clock::of(home).now_ms();
        let DescribeExecutionResponse { execution, frames, view, driven, .. } = status;
        if self.watches {
            self.record(status, ended, now_ms);
            if self.global.progress.display == ProgressDisplay::None && self.global.output == Output::Human && !ended {
                return Ok(());
            }
        }
        if let Some(state) = self.state {
            // A watch waits for a state that is not entered yet.
            let lines = match state::lines(self.global, status, state, &self.visits, now_ms) {
                Err(error) if error.exit == Exit::NotFound && self.watches && !ended && is_state(status, state) => {
                    not_entered(self.global, &view.id, state)
                }
                lines => lines?,
            };
            self.print_changes(lines.join("\n"), &lines);
            return Ok(());
        }
        let needs = needs_of(execution, frames);
        let display_status = display_status(execution, *driven, needs.as_ref(), now_ms);
        let typical = &self.typical.clone().unwrap_or_default();
        if self.global.output == Output::Json {
            let mut line = status_line(status, now_ms);
            let same = line.to_string();
            line["timeLeft"] = json!(view.time_left(typical, now_ms));
            if same != self.last {
                self.last = same;
                json::print(line);
            }
            if self.watches && ended {
                json::print(json::watch_end(view, *driven, now_ms));
            }
            return Ok(());
        }
        let environment_line = environment_line(view, display_status, self.owner.as_deref());
        let detail = Detail {
            header: execution,
            view,
            needs: needs.as_ref(),
            display_status,
            typical,
            environment_line: &environment_line,
            now_ms,
        };
        if self.redraws && !ended {
            block::draw(&detail.fitted(&drawing_screen(self.global.color)));
            return Ok(());
        }
        let lines = detail.lines(&Screen::of_stdout(self.global.color));
        if self.redraws {
            block::finish(&lines);
            return Ok(());
        }
        let same = format!("{display_status} {view:?}");
        self.print_changes(same, &lines);
        Ok(())
    }

    fn print_changes(&mut self, same: String, lines: &[String]) {
        if same != self.last {
            self.last = same;
            lines.iter().for_each(|line| say_raw!("{line}"));
        }
    }

    /// Records each change of what is watched, and at last its end, for `--events-file`, and the JUnit report.
    fn record(&mut self, status: &DescribeExecutionResponse, ended: bool, now_ms: u64) {
        let view = &status.view;
        record::ended(view);
        // What is printed as JSON lines is recorded with it.
        if self.global.output == Output::Json {
            return;
        }
        if view.last_sequence != self.last_sequence {
            self.last_sequence = view.last_sequence;
            record::event(&json::complete(status_line(status, now_ms)));
        }
        if ended {
            record::event(&json::complete(json::watch_end(view, status.driven, now_ms)));
        }
    }
}

/// The JSON line of an execution's status.
fn status_line(status: &DescribeExecutionResponse, now_ms: u64) -> serde_json::Value {
    let DescribeExecutionResponse { execution, frames, view, driven, .. } = status;
    let needs = needs_of(execution, frames);
    let display_status = display_status(execution, *driven, needs.as_ref(), now_ms);
    json!({
        "type": "status", "execution": view.id, "message": summary::display_line(view, display_status, now_ms),
        "standing": display_status, "header": execution, "frames": frames, "view": view,
        "needs": summary::needs(view, now_ms), "keptAnswers": execution.early_signals,
    })
}

/// Whether the definition has a state with this name, or with the last part of this path.
fn is_state(status: &DescribeExecutionResponse, state: &str) -> bool {
    let names = state_names(&status.definition);
    [state, state.rsplit('/').next().unwrap_or(state)].iter().any(|name| names.iter().any(|known| known == name))
}

/// What a watch shows of a state that is not entered yet.
fn not_entered(global: &Global, id: &str, state: &str) -> Vec<String> {
    match global.output {
        Output::Json => Vec::new(),
        Output::Human => vec![format!("{id} has not entered \"{state}\" yet")],
    }
}

/// The heading of rehearsals, whose clock may be far from this machine's.
const REHEARSALS: &str = "Rehearsals; their times are of the rehearsal's clock, which runs faster:";

async fn list_all(global: &Global, arguments: &StatusArguments) -> Result<Exit, CliError> {
    let all = arguments.all;
    let request =
        ListRequest { limit: Some(LISTED_MAX + 1).filter(|_| !all), with_needs: true, ..ListRequest::default() };
    let handles = match arguments.target.handle(global).await? {
        Some(handle) => vec![handle],
        None => {
            let (real, rehearsals) = (Home::real(global)?, Home::rehearsals(global)?);
            let (real, rehearsals) = tokio::try_join!(Handle::read(&real), Handle::read(&rehearsals))?;
            vec![real, rehearsals]
        }
    };
    let (mut any, mut more) = (false, false);
    // At Step Functions it takes one history for each execution: flow approvals reads them.
    for handle in handles.iter().filter(|_| arguments.target.engine == Engine::Local) {
        show_needs(global, handle).await?;
    }
    for handle in handles {
        // A program that reads the lines needs all of them.
        if global.output == Output::Json && arguments.target.engine == Engine::Local {
            rows::print_all(&handle).await?;
            handle.leave();
            continue;
        }
        let ListResponse { executions, driven, needs } = handle.call::<ListExecutions>(request.clone()).await?;
        let limit = if all { usize::MAX } else { LISTED_MAX };
        more |= executions.len() > limit;
        let now_ms = clock::of(handle.home()).now_ms();
        any |= !executions.is_empty();
        let listed = executions.into_iter().take(limit).map(|header| {
            let driven = driven.contains(&header.id);
            let needs = needs.iter().find(|needs| needs.execution == header.id).cloned();
            Listed { header, driven, needs }
        });
        let listed: Vec<Listed> = listed.collect();
        match global.output {
            Output::Json => listed.iter().for_each(|listed| json::print(rows::row(listed, now_ms))),
            Output::Human => {
                let screen = Screen::of_stdout(global.color);
                if handle.home().rehearsal && !listed.is_empty() {
                    say!("{}", screen.plain(REHEARSALS));
                }
                list(&listed, now_ms, &screen).iter().for_each(|line| say_raw!("{line}"));
            }
        }
        handle.leave();
    }
    match global.output {
        Output::Human if more => say!("Earlier ones:   flow status --all{OPTIONS}"),
        Output::Json if more => {
            report!("flow: only the latest are listed; all of them:   flow status --all{OPTIONS}")
        }
        _ => {}
    }
    if !any && global.output == Output::Human {
        match arguments.target.engine {
            Engine::Local => say!("No execution yet. Try   flow run endpoints-aws --rehearse{OPTIONS}"),
            Engine::Sfn => say!("No execution yet."),
        }
    }
    Ok(Exit::Success)
}

/// Shows what waits for a person, with the command to paste.
async fn show_needs(global: &Global, handle: &Handle) -> Result<(), CliError> {
    if global.output == Output::Json {
        return Ok(());
    }
    let response = handle.call::<ListPersonTasks>(ListPersonTasksRequest::default()).await?;
    let now_ms = clock::of(handle.home()).now_ms();
    for task in response.tasks.iter().take(NEEDS_SHOWN_MAX) {
        let needs = match task.timed_out_ms {
            Some(timed_out_ms) => format!("has a question that timed out {}", text::moment(timed_out_ms, now_ms)),
            None => "needs you".to_owned(),
        };
        say!("{} {needs}: {}", task.execution, text::indented(&task.instructions.sentence, 2));
        approvals::commands(task).iter().for_each(|command| say!("  {command}"));
        if let (Some(due), None) = (task.deadline_ms, task.timed_out_ms) {
            say!("  Times out {}.", text::moment(due, now_ms));
        }
        say!();
    }
    if response.tasks.len() > NEEDS_SHOWN_MAX {
        say!("… and {} more: flow approvals{OPTIONS}\n", response.tasks.len() - NEEDS_SHOWN_MAX);
    }
    Ok(())
}

/// What an execution that runs needs from outside.
fn needs_of(execution: &ExecutionHeader, frames: &[FrameRow]) -> Option<Needs> {
    let runs = !execution.is_quiescent();
    Needs::of(&execution.id, frames, execution.deadline_ms).filter(|_| runs)
}

/// Account, region and profile, if an account is pinned, and what a resume needs. A resume that is refused for its credentials leaves no
/// record, so that the next owner with the right ones continues the execution. A client that has them waits for the end of an owner
/// without them.
fn environment_line(view: &View, display_status: &str, owner: Option<&str>) -> String {
    let Ok(pinned) = serde_json::from_value::<Pinned>(view.environment.clone()) else { return String::new() };
    let described = pinned.described();
    match owner {
        _ if pinned.account.is_none() || display_status != "INTERRUPTED" => described,
        None => format!("{described}   (a resume needs credentials of this account)"),
        Some(owner) => format!(
            "{described}   (a resume needs credentials of this account; the owner of the store, {owner}, does not drive it)"
        ),
    }
}
