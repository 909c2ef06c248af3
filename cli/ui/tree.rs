//! The tree of an execution: a line for each section, and below it what runs, waits or failed.

mod below;
mod contents;
mod detail;
mod fit;
mod groups;
mod row;

use std::collections::HashMap;

use api::view::{MapProgress, StateStatus, StateView, StepChange, Typical, View, is_inside, is_or_is_inside};
use engine::{journal::StateType, machine::ExecutionStatus, step::Approval};

pub use below::{tree_with_last_line, tree_with_questions};
use contents::Contents;
pub use detail::{detail, next_check};
pub use groups::{foremost, groups, innermost_map};
use row::{ALWAYS, Rank, Row};

use super::{
    display_status::is_driven,
    next,
    screen::{Line, Screen, Tone},
    text::{duration, duration_range, short_id, width},
    tones,
};
use crate::proposed::{OPTIONS, quote_id};

/// The cells between the parts of the first line.
const GAP_CELLS: usize = 3;
/// The cells to which the id in the first line is cut before anything after it is left out.
const HEADER_ID_CELLS: usize = 20;
/// The cells to which it is cut before the time left, and after that the number of sections done, is left out.
const HEADER_ID_CELLS_MIN: usize = 10;

/// The data that a tree shows.
#[derive(Clone, Copy)]
pub struct Shown<'s> {
    /// The execution.
    pub view: &'s View,
    /// One word for it, see [`super::display_status`].
    pub display_status: &'s str,
    /// The times that its states took in earlier executions.
    pub typical: Option<&'s Typical>,
    /// The current time, in milliseconds since the Unix epoch.
    pub now_ms: u64,
}

impl Shown<'_> {
    /// Whether a process drives the execution.
    fn driven(&self) -> bool {
        is_driven(self.display_status)
    }
}

/// The tree, in at most the screen's rows. If the rows do not suffice, finished sections become one line; then sections and their only
/// states share a line; then running states are counted. Running states and those that need a person are left out last.
pub fn tree(shown: &Shown, screen: &Screen) -> Vec<Line> {
    let all = rows(shown);
    let columns = row::Columns::of(&all, screen);
    let needs = needs_you(shown.view, screen.columns, shown.now_ms);
    let limit = |has_command_line: bool| screen.rows.saturating_sub(1 + usize::from(has_command_line));
    let asks = |rows: &[Row]| rows.iter().any(|row| row.needs_you);
    let mut has_command_line = all.iter().any(|row| row.is_question || row.needs_you && !columns.has_room(row, &needs));
    let mut rows = fit::fit(all.clone(), limit(has_command_line));
    if !has_command_line && asks(&all) && !asks(&rows) {
        has_command_line = true;
        rows = fit::fit(all.clone(), limit(has_command_line));
    }
    // A name that was joined from two may need a wider column, unless it takes the room of the command.
    let wider = row::Columns::of(&rows, screen);
    let hides_command = rows.iter().any(|row| row.needs_you && !wider.has_room(row, &needs));
    let columns = if hides_command && !has_command_line { columns } else { wider };
    let header = match limit(has_command_line) {
        0 => only_row(shown, all, screen),
        _ => header(shown, screen),
    };
    let mut lines = vec![header];
    lines.extend(rows.iter().map(|row| columns.line(row, &needs)));
    if has_command_line {
        lines.push(Line::new(Tone::Attention, format!(" {needs}")));
    }
    lines.truncate(screen.rows);
    lines
}

/// The first line if it is the only one, beside a command: it has the text of the only row. If that does not fit while the execution runs,
/// it has the numbers of states that need a person, failed and run, and as much of the id as fits.
fn only_row(shown: &Shown, all: Vec<Row>, screen: &Screen) -> Line {
    let mut header = header(shown, screen);
    let counts = fit::counts(&all);
    let name = fit::fit(all, 1).pop().map_or_else(String::new, |row| format!("   {}", row.name));
    header.push(Tone::Plain, name);
    let cells = |line: &Line| line.0.iter().map(|(_, span)| width(span)).sum::<usize>();
    if cells(&header) <= screen.columns || shown.view.stopped_ms.is_some() || counts.is_empty() {
        return header;
    }
    let mut line = Line::default();
    for (tone, count) in counts {
        line.push(tone, format!("{count} "));
    }
    let id_cells = screen.columns.saturating_sub(cells(&line));
    line.push(Tone::Plain, screen.fit_id(&shown.view.id, id_cells));
    line
}

/// The command that answers the only approval that waits. If something else or more than one state waits for a person, or the screen would
/// cut the answering command, the command that shows the instructions. After a question has timed out, the command that resumes.
fn needs_you(view: &View, cells: usize, now_ms: u64) -> String {
    let asking = view.active().filter(|state| state.status.needs_person());
    let (over, waiting): (Vec<&StateView>, Vec<&StateView>) = asking.partition(|state| has_timed_out(state, now_ms));
    let approval = match waiting.as_slice() {
        [] if !over.is_empty() => return format!("timed out: flow resume {}{OPTIONS}", quote_id(&view.id)),
        [only] => approval_of(only).filter(|approval| approval.problem.is_none()),
        _ => None,
    };
    let command = approval.map(|approval| format!("needs you: {}", next::shortest_answer(&view.id, "", approval)));
    let fits = command.filter(|command| width(command) < cells);
    fits.unwrap_or_else(|| format!("needs you: flow status {}{OPTIONS}", quote_id(&view.id)))
}

/// Whether a state's deadline has passed without a process that records it.
fn has_timed_out(state: &StateView, now_ms: u64) -> bool {
    state.status.timed_out_ms(now_ms).is_some()
}

/// The approval that a state waits for.
fn approval_of(state: &StateView) -> Option<&Approval> {
    match &state.status {
        StateStatus::Waiting(wait) => wait.instructions.as_ref()?.approval.as_deref(),
        _ => None,
    }
}

/// Id, status, sections done, time taken and time left. If they do not fit, the id is cut in its middle; then fields are left out, the
/// sections done last.
fn header(shown: &Shown, screen: &Screen) -> Line {
    let Shown { view, display_status, typical, now_ms } = *shown;
    let (done, total) = (view.sections_done(), view.sections.len());
    let cells = |text: &str| GAP_CELLS + width(text);
    let mut pieces = vec![(1, Tone::Plain, duration(view.took_ms(now_ms)))];
    let mut always = cells(display_status);
    // A success leaves nothing to do: a section whose failure was caught, or that was not entered, is no remainder.
    if done == total || view.status != ExecutionStatus::Succeeded {
        let sections = format!("{done}/{total}");
        always += cells(&sections);
        pieces.insert(0, (3, Tone::Plain, sections));
    }
    let beside_sections = screen.columns.saturating_sub(always);
    if let Some(left) = typical.and_then(|typical| view.time_left(typical, now_ms)) {
        let range = format!("{} left", duration_range(left.low_ms, left.high_ms));
        always += cells(&range);
        pieces.push((2, Tone::Faint, range));
        if left.needs_person {
            pieces.push((0, Tone::Faint, "+ your answer".to_owned()));
        }
    }
    // What belongs to the time left follows it after one space.
    let gap = |importance: u8| if importance == 0 { 1 } else { GAP_CELLS };
    let of_pieces = |pieces: &[(u8, Tone, String)]| -> usize {
        pieces.iter().map(|(importance, _, piece)| gap(*importance) + width(piece)).sum()
    };
    let beside_all = screen.columns.saturating_sub(cells(display_status) + of_pieces(&pieces));
    let beside_time_left = screen.columns.saturating_sub(always);
    let id_cells = match (beside_time_left, beside_sections) {
        (HEADER_ID_CELLS_MIN.., _) => beside_all.max(beside_time_left.min(HEADER_ID_CELLS)),
        (_, HEADER_ID_CELLS_MIN..) => beside_sections.min(HEADER_ID_CELLS),
        _ => screen.columns.saturating_sub(cells(display_status)),
    };
    let id = screen.fit_id(&view.id, id_cells);
    let used = |pieces: &[(u8, Tone, String)]| width(&id) + cells(display_status) + of_pieces(pieces);
    while used(&pieces) > screen.columns
        && let Some(least) = pieces.iter().map(|(importance, ..)| *importance).min()
    {
        pieces.retain(|(importance, ..)| *importance != least);
    }
    let mut line = Line::new(Tone::Plain, id);
    line.push(Tone::Plain, " ".repeat(GAP_CELLS));
    line.push(tones::tone(display_status), display_status);
    for (importance, tone, piece) in pieces {
        line.push(Tone::Plain, " ".repeat(gap(importance)));
        line.push(tone, piece);
    }
    line
}

fn rows(shown: &Shown) -> Vec<Row> {
    let view = shown.view;
    let (mut rows, mut ahead) = (Vec::new(), Vec::new());
    let (all, nothing) = (contents::by_section(view), Contents::default());
    for section in &view.sections {
        let contents = all.get(section.path.as_str()).unwrap_or(&nothing);
        match view.states.get(&section.path) {
            None => ahead.push(section.name.as_str()),
            Some(state) => {
                let inner = match state.status {
                    StateStatus::Exited { .. } | StateStatus::Caught { .. } => Vec::new(),
                    _ => inner_rows(shown, state, contents),
                };
                let states = usize::from(inner.is_empty() && !state.status.is_left());
                rows.push(Row { states, ..section_row(shown, state, contents) });
                rows.extend(inner);
            }
        }
    }
    if let Some(first) = ahead.first().filter(|_| view.stopped_ms.is_none()) {
        let more = if ahead.len() > 1 { format!(" and {} more", ahead.len() - 1) } else { String::new() };
        rows.push(Row { rank: Rank::Ahead, tone: Tone::Faint, ..Row::new(0, "◌", format!("{first}{more}")) });
    }
    rows
}

fn section_row(shown: &Shown, state: &StateView, contents: &Contents<'_>) -> Row {
    let Shown { view, now_ms, .. } = *shown;
    let within = |path: &str| is_or_is_inside(path, &state.path);
    let asks =
        |active: &&StateView| matches!(&active.status, StateStatus::Waiting(wait) if wait.instructions.is_some());
    let needs_you = contents.active.iter().any(asks);
    let ended_it = view.failed_state().is_some_and(|failed| within(&failed.path));
    let failed = contents.has_failed;
    let paused = contents.active.iter().any(|active| matches!(active.status, StateStatus::Paused { .. }));
    let ended_ms = view.stopped_ms.unwrap_or(now_ms);
    let (icon, tone, until_ms) = match &state.status {
        StateStatus::Exited { stopped_ms } => ("✔", Tone::Good, *stopped_ms),
        StateStatus::Failed { stopped_ms, .. } | StateStatus::Caught { stopped_ms, .. } => {
            ("✖", Tone::Bad, *stopped_ms)
        }
        _ if ended_it => ("✖", Tone::Bad, ended_ms),
        StateStatus::Stopped { stopped_ms } => ("■", Tone::Attention, *stopped_ms),
        _ if needs_you || paused => ("⏸", Tone::Attention, now_ms),
        _ if failed && !view.maps.contains_key(&state.path) => ("✖", Tone::Bad, ended_ms),
        _ => ("●", Tone::Active, now_ms),
    };
    let mut pieces = view.maps.get(&state.path).map(map_pieces).unwrap_or_default();
    match &state.status {
        StateStatus::Exited { .. } => pieces.extend(changed_in(contents).map(|changed| (2, changed))),
        StateStatus::Stopped { .. } if ended_it => {}
        StateStatus::Stopped { .. } => pieces.push((2, "stopped".to_owned())),
        _ => pieces.extend(detail::pieces(state, shown.driven(), now_ms)),
    }
    let rank = match &state.status {
        StateStatus::Exited { .. } => Rank::Finished,
        StateStatus::Failed { .. } | StateStatus::Caught { .. } => Rank::Needs,
        status if status.needs_person() => Rank::Needs,
        // Such as a Wait of a workflow without sections.
        status if !status.is_left() && !matches!(state.state_type, StateType::Parallel | StateType::Map) => {
            Rank::Running
        }
        _ => Rank::Section,
    };
    let took_ms = Some(view.active_ms(state.entered_ms, until_ms));
    // The row of an approval shows its question; the command has a line of its own.
    let is_question = approval_of(state).is_some();
    let needs_you = needs_you && !is_question;
    let is_timed = is_timed(state);
    Row { rank, tone, took_ms, pieces, needs_you, is_question, is_timed, ..Row::new(0, icon, state.name.clone()) }
}

/// The number of iterations of a Map that have ended.
fn map_pieces(map: &MapProgress) -> Vec<(u8, String)> {
    let mut pieces = vec![(ALWAYS, format!("{}/{}", map.ended(), map.total))];
    if map.failed > 0 {
        pieces.push((ALWAYS - 1, format!("{} failed", map.failed)));
    }
    pieces
}

fn changed_in(contents: &Contents<'_>) -> Option<String> {
    let mut changes: Vec<&StepChange> = contents.changes.clone();
    // What costs is what the section is about: the instance, not its key pair.
    changes.sort_by_key(|step| !step.change.billed);
    match changes.as_slice() {
        [] => None,
        [one] => Some(short_id(&one.change.id)),
        [first, rest @ ..] => Some(format!("{} and {} more", short_id(&first.change.id), rest.len())),
    }
}

/// The rows of what is active inside a section: each Map followed by its iterations.
fn inner_rows(shown: &Shown, section: &StateView, contents: &Contents<'_>) -> Vec<Row> {
    let Shown { view, now_ms, .. } = *shown;
    let mut of_map: HashMap<Option<&str>, Vec<&StateView>> = HashMap::new();
    for state in contents.active.iter().copied().filter(|state| state.path != section.path) {
        let map = innermost_map(view, state).filter(|map| is_inside(map, &section.path));
        of_map.entry(map).or_default().push(state);
    }
    let mut rows = states_rows(shown, section, 1, of_map.remove(&None).unwrap_or_default());
    for map in contents.maps.iter().copied() {
        let path = map.path.as_str();
        let pieces = view.maps.get(path).map(map_pieces).unwrap_or_default();
        let took_ms = Some(view.active_ms(map.entered_ms, now_ms));
        let name = inside_name(map, section);
        rows.push(Row { rank: Rank::Section, tone: Tone::Active, took_ms, pieces, ..Row::new(1, "●", name) });
        rows.extend(states_rows(shown, map, 2, of_map.remove(&Some(path)).unwrap_or_default()));
    }
    rows
}

/// The rows of states inside a section or a Map. Of many iterations in the same state the number is shown.
fn states_rows(shown: &Shown, outer: &StateView, depth: usize, states: Vec<&StateView>) -> Vec<Row> {
    let rows = groups(shown.view, states).into_iter().filter_map(|group| match group.as_slice() {
        [state] => Some(state_row(shown, depth, state, outer)),
        several => group_row(shown, depth, several),
    });
    rows.collect()
}

fn state_row(shown: &Shown, depth: usize, state: &StateView, outer: &StateView) -> Row {
    let now_ms = shown.now_ms;
    let (icon, tone, rank) = icon(state);
    let until_ms = match &state.status {
        StateStatus::Failed { stopped_ms, .. } => *stopped_ms,
        _ => now_ms,
    };
    let took_ms = Some(shown.view.active_ms(state.entered_ms, until_ms));
    let pieces = detail::pieces(state, shown.driven(), now_ms);
    let is_timed = is_timed(state);
    Row { rank, tone, states: 1, took_ms, pieces, is_timed, ..Row::new(depth, icon, inside_name(state, outer)) }
}

fn is_timed(state: &StateView) -> bool {
    state.state_type == StateType::Wait
}

/// One row for many iterations. It shows the iteration that takes longest, failed last, or is repeated next.
fn group_row(shown: &Shown, depth: usize, group: &[&StateView]) -> Option<Row> {
    let now_ms = shown.now_ms;
    let first = foremost(group)?;
    let (icon, tone, rank) = icon(first);
    let took_ms = Some(shown.view.active_ms(first.entered_ms, now_ms));
    let mut pieces = detail::pieces(first, shown.driven(), now_ms);
    // The details and the time are those of one of them. The time of the next attempt needs no more words.
    match &first.status {
        StateStatus::Retrying { .. } => {}
        StateStatus::Failed { .. } => pieces.push((1, "the last of them".to_owned())),
        status if status.needs_person() => pieces.push((1, "the first of them".to_owned())),
        _ => pieces.push((1, "the longest of them".to_owned())),
    }
    let (states, name) = (group.len(), format!("{} × {}", group.len(), first.name));
    Some(Row { rank, tone, states, took_ms, pieces, is_timed: is_timed(first), ..Row::new(depth, icon, name) })
}

/// The name of a state inside a section or a Map, with the branch or iteration that it is in: `[2] Ask`.
fn inside_name(state: &StateView, outer: &StateView) -> String {
    let inside = state.path.strip_prefix(outer.path.as_str()).unwrap_or_default();
    match inside.split_once('/') {
        Some((index, _)) if !index.is_empty() => format!("{index} {}", state.name),
        _ => state.name.clone(),
    }
}

fn icon(state: &StateView) -> (&'static str, Tone, Rank) {
    match &state.status {
        StateStatus::Failed { .. } => ("✖", Tone::Bad, Rank::Needs),
        status if status.needs_person() => ("⏸", Tone::Attention, Rank::Needs),
        StateStatus::Retrying { .. } => ("●", Tone::Attention, Rank::Running),
        _ => ("●", Tone::Active, Rank::Running),
    }
}
