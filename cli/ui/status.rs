//! The screens of `flow status`: the list, and one execution in detail.

use std::collections::{HashMap, HashSet};

use api::{
    flow::{ListResponse, Needs, NextDue},
    view::{Typical, View},
};
use engine::machine::ExecutionHeader;

use super::{
    cells::filled,
    display_status::{display_status, is_driven},
    next::{Awaited, Next, awaited, next, resume},
    output,
    screen::{ID_CELLS_USUAL, Line, Screen, Tone},
    summary,
    text::{duration, moment, width},
    tones,
    tree::{Shown, tree},
};
use crate::proposed::{OPTIONS, in_order, quote_id};

/// The widths of the columns of status, start and duration.
const DISPLAY_STATUS_CELLS: usize = 11;
const STARTED_CELLS: usize = 16;
const TOOK_CELLS: usize = 7;

/// A row of the list.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The execution.
    pub header: ExecutionHeader,
    /// Whether a process drives it.
    pub driven: bool,
    /// The answers that it needs from outside.
    pub needs: Option<Needs>,
    /// The next due event of the execution.
    pub due: Option<NextDue>,
}

impl Listed {
    /// The rows of a list, in its order.
    pub fn rows(response: ListResponse) -> impl Iterator<Item = Self> {
        let ListResponse { executions, driven, needs, mut due } = response;
        let driven: HashSet<String> = driven.into_iter().collect();
        let mut needs: HashMap<String, Needs> =
            needs.into_iter().map(|needs| (needs.execution.clone(), needs)).collect();
        executions.into_iter().map(move |header| {
            let (driven, needs) = (driven.contains(&header.id), needs.remove(&header.id));
            let due = due.remove(&header.id);
            Listed { header, driven, needs, due }
        })
    }

    /// Its status in one word.
    pub fn display_status(&self, now_ms: u64) -> &'static str {
        display_status(&self.header, self.driven, self.needs.as_ref(), now_ms)
    }

    /// The time of its last journal entry. `None` at Step Functions, whose list does not have it.
    pub fn last_change_ms(&self) -> Option<u64> {
        Some(self.header.last_timestamp_ms).filter(|changed_ms| *changed_ms > 0)
    }

    /// The time of its last change, if it has not ended.
    fn changed(&self, now_ms: u64) -> Option<String> {
        let changed_ms = self.last_change_ms().filter(|_| self.header.stopped_ms.is_none())?;
        Some(format!("changed {} ago", duration(now_ms.saturating_sub(changed_ms))))
    }

    /// Its need, and the command that acts.
    pub fn next(&self, now_ms: u64) -> Next {
        next(&self.header, self.display_status(now_ms), self.needs.as_ref(), self.due, now_ms)
    }
}

/// The list: id, status, start, duration, the need with the command that acts, and the last change if there is room. An id that is too long
/// is cut in its middle. A command is never cut: it has a line of its own where the row has no room.
pub fn list(executions: &[Listed], now_ms: u64, screen: &Screen) -> Vec<String> {
    let longest = executions.iter().map(|listed| width(&listed.header.id)).max().unwrap_or(0);
    let fixed = DISPLAY_STATUS_CELLS + TOOK_CELLS + 2;
    let id_cells = longest.max(ID_CELLS_USUAL).min(screen.id_cells_max()).min(screen.columns.saturating_sub(fixed));
    let shows_start = screen.columns > id_cells + fixed + STARTED_CELLS;
    executions.iter().flat_map(|listed| row(listed, now_ms, (id_cells, shows_start), screen)).collect()
}

fn row(listed: &Listed, now_ms: u64, (id_cells, shows_start): (usize, bool), screen: &Screen) -> Vec<String> {
    let header = &listed.header;
    let display_status = listed.display_status(now_ms);
    let mut line = Line::new(Tone::Plain, format!("{} ", filled(screen.fit_id(&header.id, id_cells), id_cells)));
    line.push(tones::tone(display_status), format!("{display_status:<DISPLAY_STATUS_CELLS$} "));
    let mut used = id_cells + DISPLAY_STATUS_CELLS + TOOK_CELLS + 2;
    if shows_start {
        line.push(Tone::Faint, format!("{:<STARTED_CELLS$} ", moment(header.started_ms, now_ms)));
        used += STARTED_CELLS + 1;
    }
    line.push(Tone::Plain, format!("{:>TOOK_CELLS$}", duration(header.active_ms(now_ms))));
    let next = listed.next(now_ms).text();
    let is_in_row = next.is_empty() || used + 3 + width(&next) <= screen.columns;
    if is_in_row && !next.is_empty() {
        line.push(Tone::Plain, format!("   {next}"));
        used += 3 + width(&next);
    }
    if let Some(changed) = listed.changed(now_ms).filter(|changed| used + 3 + width(changed) <= screen.columns) {
        line.push(Tone::Faint, format!("   {changed}"));
    }
    match is_in_row {
        true => vec![screen.paint(&line)],
        false => vec![screen.paint(&line), format!("    {}", screen.plain(&next))],
    }
}

/// One execution in detail.
pub struct Detail<'d> {
    /// The execution.
    pub header: &'d ExecutionHeader,
    /// Its view.
    pub view: &'d View,
    /// The answers that it needs from outside.
    pub needs: Option<&'d Needs>,
    /// The next due event of the execution.
    pub due: Option<NextDue>,
    /// Its status in one word.
    pub display_status: &'d str,
    /// The times that its states took in earlier executions.
    pub typical: &'d Typical,
    /// Account, region and profile; empty if no account is pinned.
    pub environment_line: &'d str,
    /// The environment variables that the proposed `flow resume` needs, each with a space after it.
    pub resume_variables: &'d str,
    /// The commands that continue it, one after the other, beside an owner of the store without its credentials; empty in any other case.
    pub beside_owner: &'d [String],
    /// The current time, in milliseconds since the Unix epoch.
    pub now_ms: u64,
}

impl Detail<'_> {
    /// The tree, the environment of the execution, its waits or its end, and the next command.
    pub fn lines(&self, screen: &Screen) -> Vec<String> {
        let below = self.below(screen);
        let mut lines = self.tree(&Screen { rows: usize::MAX, ..*screen });
        lines.extend(below);
        lines
    }

    fn shown(&self) -> Shown<'_> {
        let Detail { view, display_status, typical, now_ms, .. } = *self;
        Shown { view, display_status, typical: Some(typical), now_ms }
    }

    fn tree(&self, screen: &Screen) -> Vec<String> {
        tree(&self.shown(), screen).iter().map(|line| screen.paint(line)).collect()
    }

    fn below(&self, screen: &Screen) -> Vec<String> {
        let Detail { header, view, now_ms, .. } = *self;
        let mut lines = Vec::new();
        if !self.environment_line.is_empty() {
            lines.push(format!("  {}", self.environment_line));
        }
        lines.extend(summary::end(view, is_driven(self.display_status), now_ms));
        lines.extend(summary::kept_answers(header));
        let awaited = awaited(view, self.needs);
        lines.extend(match self.beside_owner {
            [] => continues(header, self.display_status, self.resume_variables, awaited, self.due, now_ms),
            commands => Some(format!(
                "The owner of the store has no credentials of the execution's account. Nothing is lost. To continue:   {}",
                in_order(commands)
            )),
        });
        let mut rows: Vec<String> = lines.iter().flat_map(|line| tones::rows(line, screen)).collect();
        rows.extend(output::first_lines(view).iter().map(|line| screen.plain(line)));
        rows
    }
}

/// The command that continues an execution that no process drives. `variables`: the environment variables that precede it, each with a
/// space after it. `due`: the next due event.
pub fn continues(
    header: &ExecutionHeader,
    display_status: &str,
    variables: &str,
    awaited: Awaited,
    due: Option<NextDue>,
    now_ms: u64,
) -> Option<String> {
    match display_status {
        "INTERRUPTED" => {
            let call_in_flight = header.awake && !header.only_waits;
            let recorded = if call_in_flight { "" } else { "Every answer is recorded. " };
            let id = quote_id(&header.id);
            Some(format!("No process drives it. {recorded}Nothing is lost: {variables}flow resume {id}{OPTIONS}"))
        }
        "WAITING" => Some(format!("No process drives it. {}", resume(&header.id, variables, awaited, due, now_ms))),
        _ => None,
    }
}
