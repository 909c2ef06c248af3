//! Leaves out rows until a tree fits. What is left out is counted.

use super::row::{Rank, Row};
use crate::ui::{screen::Tone, text::one_or};

/// Reduces a tree to at most `limit` rows. The last row counts the states of the rows that are left out.
pub fn fit(mut rows: Vec<Row>, limit: usize) -> Vec<Row> {
    count_finished(&mut rows, limit);
    merge(&mut rows, limit);
    if rows.len() > limit {
        rows.retain(|row| row.rank != Rank::Ahead);
    }
    let mut surplus = rows.len().saturating_sub(limit);
    rows.retain(|row| {
        let leaves_out = surplus > 0 && row.rank == Rank::Finished;
        surplus -= usize::from(leaves_out);
        !leaves_out
    });
    if rows.len() <= limit {
        return rows;
    }
    let mut hidden = Hidden::default();
    let failed = |row: &Row| row.rank == Rank::Needs && row.tone == Tone::Bad;
    let is_timed = |row: &Row| row.rank == Rank::Running && row.is_timed;
    let has_calls = rows.iter().any(|row| row.rank == Rank::Running && !row.is_timed);
    hidden.take(&mut rows, limit, usize::from(!has_calls), is_timed);
    hidden.take(&mut rows, limit, 1, |row| row.rank == Rank::Running);
    hidden.take(&mut rows, limit, 0, |row| row.rank == Rank::Section && row.pieces.is_empty());
    hidden.take(&mut rows, limit, 1, failed);
    hidden.take(&mut rows, limit, 1, |row| row.rank == Rank::Needs && !failed(row));
    hidden.take(&mut rows, limit, 0, failed);
    hidden.take(&mut rows, limit, 0, |row| row.rank == Rank::Running);
    // A Map's row, which has the number of its iterations, stays longer than other sections.
    hidden.take(&mut rows, limit, 0, |row| row.rank == Rank::Section);
    hidden.take(&mut rows, limit, 0, |row| row.rank == Rank::Needs);
    rows.extend(hidden.row(rows.is_empty()));
    rows.truncate(limit);
    rows
}

/// The numbers of states that need a person, failed and run, each with its sign; empty if all are zero.
pub fn counts(rows: &[Row]) -> Vec<(Tone, String)> {
    let mut all = Hidden::default();
    rows.iter().for_each(|row| all.count(row));
    let numbers =
        [(all.need_you, Tone::Attention, "⏸"), (all.failed, Tone::Bad, "✖"), (all.running, Tone::Active, "●")];
    let numbers = numbers.into_iter().filter(|(number, ..)| *number > 0);
    numbers.map(|(number, tone, icon)| (tone, format!("{icon} {number}"))).collect()
}

/// The numbers of states whose rows are left out.
#[derive(Default)]
struct Hidden {
    need_you: usize,
    failed: usize,
    running: usize,
}

impl Hidden {
    /// Leaves out the last of these rows until the others fit, with the row of the numbers; at least `kept` of them remain.
    fn take(&mut self, rows: &mut Vec<Row>, limit: usize, kept: usize, is_one: impl Fn(&Row) -> bool) {
        let mut stay = vec![true; rows.len()];
        let mut left = rows.len();
        let mut removable = rows.iter().filter(|row| is_one(row)).count().saturating_sub(kept);
        for (row, stays) in rows.iter().zip(&mut stay).rev() {
            if left + usize::from(self.is_any()) <= limit || removable == 0 {
                break;
            }
            if !is_one(row) {
                continue;
            }
            self.count(row);
            (*stays, left, removable) = (false, left - 1, removable - 1);
        }
        let mut stay = stay.into_iter();
        rows.retain(|_| stay.next().unwrap_or(true));
    }

    fn count(&mut self, row: &Row) {
        let number = match (row.rank, row.tone) {
            (Rank::Needs, Tone::Bad) => &mut self.failed,
            (Rank::Needs, _) => &mut self.need_you,
            _ => &mut self.running,
        };
        *number += row.states;
    }

    fn is_any(&self) -> bool {
        self.need_you + self.failed + self.running > 0
    }

    /// The row of the numbers. `alone`: no other row is shown.
    fn row(&self, alone: bool) -> Option<Row> {
        let Hidden { need_you, failed, running } = *self;
        let numbers = [(need_you, one_or(need_you, "needs you", "need you")), (failed, "failed"), (running, "running")];
        let numbers: Vec<(usize, &str)> = numbers.into_iter().filter(|(number, _)| *number > 0).collect();
        let more = if alone { "" } else { "more " };
        let words: Vec<String> = numbers
            .iter()
            .enumerate()
            .map(|(index, (number, what))| format!("{number} {}{what}", if index == 0 { more } else { "" }))
            .collect();
        let (icon, tone) = match numbers.first()?.1 {
            "running" => ("●", Tone::Active),
            "failed" => ("✖", Tone::Bad),
            _ => ("⏸", Tone::Attention),
        };
        let and = if alone { "" } else { "… and " };
        Some(Row { tone, ..Row::new(0, icon, format!("{and}{}", words.join(", "))) })
    }
}

/// Replaces as many of the first finished sections as needed by one row with their number.
fn count_finished(rows: &mut Vec<Row>, limit: usize) {
    let surplus = rows.len().saturating_sub(limit);
    let is_finished = |row: &Row| row.rank == Rank::Finished;
    let removed = (surplus + 1).min(rows.iter().filter(|row| is_finished(row)).count());
    let Some(first) = rows.iter().position(is_finished) else { return };
    // One row would be replaced by one row.
    if surplus == 0 || removed < 2 {
        return;
    }
    let mut left = removed;
    rows.retain(|row| {
        let leaves_out = left > 0 && is_finished(row);
        left -= usize::from(leaves_out);
        !leaves_out
    });
    let count = Row::new(0, "✔", format!("{removed} finished"));
    rows.insert(first, Row { rank: Rank::Finished, tone: Tone::Good, ..count });
}

/// Gives sections and their only row one line, the earliest first.
fn merge(rows: &mut Vec<Row>, limit: usize) {
    let mut surplus = rows.len().saturating_sub(limit);
    let depths: Vec<usize> = rows.iter().map(|row| row.depth).collect();
    let mut section: Option<Row> = None;
    let mut merged = Vec::with_capacity(rows.len());
    for (at, mut row) in std::mem::take(rows).into_iter().enumerate() {
        if let Some(section) = section.take() {
            row.name = format!("{} › {}", section.name, row.name);
            (row.depth, row.needs_you) = (section.depth, section.needs_you);
            merged.push(row);
            continue;
        }
        let is_inside = |index: usize| depths.get(index).is_some_and(|depth| *depth > row.depth);
        let is_only = row.rank == Rank::Section && is_inside(at + 1) && !is_inside(at + 2);
        if surplus > 0 && is_only && row.pieces.is_empty() {
            surplus -= 1;
            section = Some(row);
        } else {
            merged.push(row);
        }
    }
    *rows = merged;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A section with states that run, one that waits for a person and one that failed.
    fn rows(running: usize) -> Vec<Row> {
        let row = |rank, tone, states, name: &str| Row { rank, tone, states, ..Row::new(1, "●", name.to_owned()) };
        let mut rows = vec![Row { rank: Rank::Section, ..Row::new(0, "●", "All".to_owned()) }];
        rows.push(row(Rank::Needs, Tone::Attention, 1, "Ask"));
        rows.push(row(Rank::Needs, Tone::Bad, 3, "Broken"));
        rows.extend((0..running).map(|number| row(Rank::Running, Tone::Active, 2, &format!("Call {number}"))));
        rows
    }

    #[test]
    fn states_that_are_left_out_are_counted_at_every_height() {
        for limit in 1..25 {
            let fitted = fit(rows(20), limit);
            assert!(fitted.len() <= limit, "{limit} rows: {fitted:?}");
            let shown: usize = fitted.iter().filter(|row| row.rank == Rank::Running).map(|row| row.states).sum();
            let count = fitted.last().filter(|row| row.rank == Rank::Count).map_or("", |row| row.name.as_str());
            let is_counted = count.contains(&format!("{} ", 40 - shown)) && count.ends_with("running");
            assert!(shown == 40 || is_counted, "{limit} rows: {count}");
            let asks = fitted.iter().any(|row| row.name == "Ask") || count.contains("1 needs you");
            assert!(asks, "{limit} rows: {count}");
        }
        let names = |limit| fit(rows(20), limit).into_iter().map(|row| row.name).collect::<Vec<_>>();
        assert_eq!(names(1), ["1 needs you, 3 failed, 40 running"]);
        assert_eq!(names(2), ["Ask", "… and 3 more failed, 40 running"]);
        assert_eq!(names(5), ["All", "Ask", "Broken", "Call 0", "… and 38 more running"]);
        assert_eq!(names(23).len(), 23, "all fit");
    }

    #[test]
    fn what_waits_for_a_time_is_left_out_before_a_call() {
        let row = |is_timed, name: &str| Row {
            rank: Rank::Running,
            states: 1,
            is_timed,
            ..Row::new(0, "●", name.to_owned())
        };
        let all: Vec<Row> = (0..9).map(|number| row(number != 7, &format!("State {number}"))).collect();
        let names = |limit| fit(all.clone(), limit).into_iter().map(|row| row.name).collect::<Vec<_>>();
        assert_eq!(names(4), ["State 0", "State 1", "State 7", "… and 6 more running"]);
        assert_eq!(names(2), ["State 7", "… and 8 more running"]);
        let waits = all.into_iter().filter(|row| row.is_timed).collect();
        assert_eq!(fit(waits, 2)[0].name, "State 0", "one of them stays");
    }

    #[test]
    fn signs_with_numbers_count_each_state_once() {
        let texts = |rows: &[Row]| counts(rows).into_iter().map(|(_, text)| text).collect::<Vec<_>>();
        assert_eq!(texts(&rows(20)), ["⏸ 1", "✖ 3", "● 40"]);
        assert_eq!(texts(&[]), Vec::<String>::new());
    }

    #[test]
    fn finished_sections_are_counted_first() {
        let finished = |number| Row { rank: Rank::Finished, ..Row::new(0, "✔", format!("Done {number}")) };
        let all = || (0..5).map(finished).chain(rows(1)).collect::<Vec<_>>();
        let names = |limit| fit(all(), limit).into_iter().map(|row| row.name).collect::<Vec<_>>();
        assert_eq!(names(9).len(), 9);
        assert_eq!(names(8)[..4], ["2 finished", "Done 2", "Done 3", "Done 4"]);
        assert_eq!(names(5), ["5 finished", "All", "Ask", "Broken", "Call 0"]);
        assert_eq!(names(4), ["All", "Ask", "Broken", "Call 0"]);
    }
}
