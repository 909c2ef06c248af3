//! Leaves out rows until a tree fits. What is left out is counted.

use super::row::{Rank, Row};
use crate::ui::screen::Tone;

/// At most so many rows.
pub fn fit(mut rows: Vec<Row>, limit: usize) -> Vec<Row> {
    count(&mut rows, limit, Rank::Finished, 0, End::First, |n| Row {
        tone: Tone::Good,
        ..Row::new(0, "✔", format!("{n} finished"))
    });
    merge(&mut rows, limit);
    if rows.len() > limit {
        rows.retain(|row| row.rank != Rank::Ahead);
    }
    remove(&mut rows, limit, |row| row.rank == Rank::Finished);
    count(&mut rows, limit, Rank::Running, 1, End::Last, |n| Row {
        tone: Tone::Active,
        ..Row::new(0, "●", format!("… and {n} more that run"))
    });
    // A Map's row, which has the number of its iterations, stays longer than other sections.
    remove(&mut rows, limit, |row| row.rank == Rank::Section && row.pieces.is_empty());
    count(&mut rows, limit, Rank::Needs, 1, End::Last, |n| Row {
        tone: Tone::Attention,
        ..Row::new(0, "⏸", format!("… and {n} more that need you or failed"))
    });
    remove(&mut rows, limit, |row| matches!(row.rank, Rank::Section | Rank::Count));
    rows.truncate(limit);
    rows
}

/// The end at which rows are left out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    First,
    Last,
}

/// Replaces as many rows of a rank as needed by one with their number; at least `kept` of them stay.
fn count(rows: &mut Vec<Row>, limit: usize, rank: Rank, kept: usize, end: End, row: impl Fn(usize) -> Row) {
    let Some(surplus) = rows.len().checked_sub(limit).filter(|surplus| *surplus > 0) else { return };
    let indexes: Vec<usize> = (0..rows.len()).filter(|index| rows[*index].rank == rank).collect();
    let removed = (surplus + 1).min(indexes.len().saturating_sub(kept));
    // One row would be replaced by one row.
    if removed < 2 {
        return;
    }
    let indexes = match end {
        End::First => &indexes[..removed],
        End::Last => &indexes[indexes.len() - removed..],
    };
    let (first, last) = (indexes[0], indexes[removed - 1]);
    let mut index = 0;
    rows.retain(|_| {
        index += 1;
        !indexes.contains(&(index - 1))
    });
    let at = match end {
        End::First => first,
        End::Last => last + 1 - removed,
    };
    rows.insert(at, row(removed));
}

/// Gives sections and their only row one line, the earliest first.
fn merge(rows: &mut Vec<Row>, limit: usize) {
    let mut at = 0;
    while rows.len() > limit && at + 1 < rows.len() {
        let is_inside = |index: usize| rows.get(index).is_some_and(|row: &Row| row.depth > rows[at].depth);
        let is_only = rows[at].rank == Rank::Section && is_inside(at + 1) && !is_inside(at + 2);
        if is_only && rows[at].pieces.is_empty() {
            let section = rows.remove(at);
            let row = &mut rows[at];
            row.name = format!("{} › {}", section.name, row.name);
            (row.depth, row.needs_you) = (section.depth, section.needs_you);
        }
        at += 1;
    }
}

fn remove(rows: &mut Vec<Row>, limit: usize, is_removed: impl Fn(&Row) -> bool) {
    while rows.len() > limit
        && let Some(index) = rows.iter().position(&is_removed)
    {
        rows.remove(index);
    }
}
