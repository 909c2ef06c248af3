//! A row of the tree, and how its columns are laid out.

use crate::ui::{
    screen::{Line, Screen, Tone},
    text::{duration, width},
};

/// The cells of the column of names where the screen is wide enough. A constant, so that the column does not move while states come and go.
const NAME_CELLS_USUAL: usize = 35;
/// The cells of a duration, such as `1h03m`.
const TOOK_CELLS: usize = 7;
/// The cells between the columns: before and after the duration.
const GAPS: usize = 4;

/// The importance of a piece that is shown beside what a person must do: the number of iterations of a Map.
pub const ALWAYS: u8 = 9;
/// The separator of pieces, and its cells.
const SEPARATOR: &str = " · ";
const SEPARATOR_CELLS: usize = 3;
/// Pieces that have a shorter form, which is shown where that leaves room for more of them.
const SHORTER: [(&str, &str); 2] = [(" · next check was due ", " · check was due "), (" · next check ", " · next ")];

/// The kind of a row. It decides when the row is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rank {
    /// A section that was left.
    Finished,
    /// A section or a Map that contains what is active.
    Section,
    /// A state that runs, or several of them.
    Running,
    /// A state that failed or needs a person.
    Needs,
    /// The sections that were not entered yet.
    Ahead,
    /// The number of rows that are left out.
    Count,
}

/// A row of the tree.
#[derive(Debug, Clone)]
pub struct Row {
    /// The kind of the row.
    pub rank: Rank,
    /// 0 for a section, 1 for what is inside it, 2 for iterations of a Map inside it.
    pub depth: usize,
    /// One character for its status.
    pub icon: &'static str,
    /// The colour of the icon.
    pub tone: Tone,
    /// The name.
    pub name: String,
    /// The number of active states that it shows. A row that contains the states of other rows shows none.
    pub states: usize,
    /// The time since it was entered, or until it ended.
    pub took_ms: Option<u64>,
    /// Details, each with its importance.
    pub pieces: Vec<(u8, String)>,
    /// Whether a person has to do something in this section.
    pub needs_you: bool,
    /// Whether this is a section that asks a person, and shows the question.
    pub is_question: bool,
    /// Whether it only waits for a time: it is left out before a call.
    pub is_timed: bool,
}

impl Row {
    /// A row without details.
    pub fn new(depth: usize, icon: &'static str, name: String) -> Self {
        let (rank, tone, took_ms, pieces) = (Rank::Count, Tone::Plain, None, Vec::new());
        let (needs_you, is_question, is_timed) = (false, false, false);
        Row { rank, depth, icon, tone, name, states: 0, took_ms, pieces, needs_you, is_question, is_timed }
    }

    fn indent(&self) -> &'static str {
        match self.depth {
            0 => " ",
            1 => " └─",
            _ => "   └─",
        }
    }

    /// The cells of indentation, icon and space.
    fn lead(&self) -> usize {
        width(self.indent()) + width(self.icon) + 1
    }
}

/// The widths of the columns.
#[derive(Debug, Clone, Copy)]
pub struct Columns {
    name: usize,
    detail: usize,
    screen: Screen,
}

impl Columns {
    /// The widths for these rows on a screen.
    pub fn of(rows: &[Row], screen: &Screen) -> Self {
        let cells = screen.columns;
        let needed = rows.iter().filter(|row| row.took_ms.is_some()).map(|row| row.lead() + width(&row.name)).max();
        let most = cells.saturating_mul(9) / 20;
        let name = needed.unwrap_or(0).max(NAME_CELLS_USUAL).min(most);
        Columns { name, detail: cells.saturating_sub(name + TOOK_CELLS + GAPS), screen: *screen }
    }

    /// Whether the column of details has room for what a section needs, beside the numbers of a Map: iterations and failures.
    pub fn has_room(&self, row: &Row, needs_you: &str) -> bool {
        let always: Vec<&(u8, String)> =
            row.pieces.iter().filter(|(importance, _)| *importance >= ALWAYS - 1).collect();
        let lead = if always.is_empty() { 0 } else { width(&joined(&always)) + SEPARATOR_CELLS };
        lead + width(needs_you) <= self.detail
    }

    /// The row as a line. `needs_you` is the detail of a section that needs a person.
    pub fn line(&self, row: &Row, needs_you: &str) -> Line {
        let mut line = Line::new(Tone::Faint, row.indent());
        line.push(row.tone, format!("{} ", row.icon));
        let Some(took_ms) = row.took_ms else {
            line.push(row.tone, self.screen.fit(&row.name, self.name + TOOK_CELLS + GAPS + self.detail.min(80)));
            return line;
        };
        line.push(Tone::Plain, self.screen.pad(&row.name, self.name.saturating_sub(row.lead())));
        line.push(Tone::Faint, format!(" {:>TOOK_CELLS$}   ", duration(took_ms)));
        let tone = match row.rank {
            Rank::Finished => Tone::Faint,
            Rank::Needs => row.tone,
            _ => Tone::Plain,
        };
        if row.needs_you {
            let needs_you = if self.has_room(row, needs_you) { needs_you } else { "needs you" };
            let own = most_important(&row.pieces, self.detail.saturating_sub(width(needs_you) + SEPARATOR_CELLS));
            if width(&own) + SEPARATOR_CELLS + width(needs_you) <= self.detail && !own.is_empty() {
                line.push(tone, format!("{}{SEPARATOR}", self.screen.fit(&own, usize::MAX)));
            }
            line.push(Tone::Attention, self.screen.fit(needs_you, self.detail));
        } else {
            line.push(tone, self.screen.fit(&most_important(&row.pieces, self.detail), self.detail));
        }
        line
    }
}

/// The most important pieces that fit into `cells` cells, in their shorter forms if they do not fit otherwise. At least one is returned,
/// also if it is too long.
fn most_important(pieces: &[(u8, String)], cells: usize) -> String {
    let mut pieces: Vec<&(u8, String)> = pieces.iter().collect();
    let shortened =
        |pieces: &[&(u8, String)]| SHORTER.iter().fold(joined(pieces), |text, (long, short)| text.replace(long, short));
    while pieces.len() > 1 && width(&shortened(&pieces)) > cells {
        let least = pieces.iter().map(|(importance, _)| *importance).min();
        let at = pieces.iter().position(|(importance, _)| Some(*importance) == least);
        at.map(|at| pieces.remove(at));
    }
    let all = joined(&pieces);
    if width(&all) <= cells { all } else { shortened(&pieces) }
}

fn joined(pieces: &[&(u8, String)]) -> String {
    pieces.iter().map(|(_, piece)| piece.as_str()).collect::<Vec<_>>().join(SEPARATOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_check_is_shown_in_a_shorter_form_before_it_is_left_out() {
        let piece = |importance, text: &str| (importance, text.to_owned());
        let pieces = [
            piece(4, "provisioning"),
            piece(1, "checked 4.0s ago"),
            piece(3, "next check 12:10:30"),
            piece(2, "times out 12:26:52"),
        ];
        let shown = |cells| most_important(&pieces, cells);
        assert_eq!(shown(80), "provisioning · checked 4.0s ago · next check 12:10:30 · times out 12:26:52");
        assert_eq!(shown(55), "provisioning · next check 12:10:30 · times out 12:26:52");
        assert_eq!(shown(50), "provisioning · next 12:10:30 · times out 12:26:52");
        assert_eq!(shown(33), "provisioning · next 12:10:30", "a terminal of 80 columns");
        assert_eq!(shown(20), "provisioning");
        let overdue = [piece(4, "provisioning"), piece(3, "next check was due 12:10:30")];
        assert_eq!(most_important(&overdue, 40), "provisioning · check was due 12:10:30");
    }
}
