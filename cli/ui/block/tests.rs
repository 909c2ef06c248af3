#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::{
    drawn::{Block, Terminal, rewraps},
    undrawn,
};

/// A terminal that understands what a block writes. When it is resized it wraps lines again, or cuts them, and moves rows into its history
/// and back, as tmux and most others do.
struct Emulator {
    terminal: Terminal,
    /// Whether a terminal that becomes taller shows all rows again that it has room for. tmux shows only as many as were moved into the
    /// history by line feeds and lower heights, less those that wrapping lines again took out of it.
    shows_all: bool,
    /// The most rows that tmux shows again.
    scrolled: usize,
    /// The rows of the history and of the screen, and whether the next row continues the line.
    rows: Vec<(Vec<char>, bool)>,
    /// The number of rows in the history.
    history: usize,
    row: usize,
    column: usize,
}

impl Emulator {
    fn new(columns: usize, rows: usize, rewraps: bool) -> Self {
        let terminal = Terminal { columns, rows, rewraps };
        let lines = vec![(Vec::new(), false); rows];
        Emulator { terminal, shows_all: true, scrolled: 0, rows: lines, history: 0, row: 0, column: 0 }
    }

    fn write(&mut self, text: &str) {
        let mut characters = text.chars();
        while let Some(c) = characters.next() {
            match c {
                '\r' => self.column = 0,
                '\n' => self.feed(),
                '\u{1b}' => {
                    let sequence = characters.as_str();
                    let end = sequence.find(|c: char| c.is_ascii_alphabetic()).unwrap();
                    match &sequence[1..=end] {
                        "J" => self.clear_below(),
                        "K" => self.clear_from(self.column),
                        "2K" => self.clear_from(0),
                        up if up.ends_with('A') => {
                            let up: usize = up.trim_end_matches('A').parse().unwrap();
                            self.row = self.row.saturating_sub(up).max(self.history);
                        }
                        _ => {}
                    }
                    characters = sequence[end + 1..].chars();
                }
                c => self.put(c),
            }
        }
    }

    fn put(&mut self, c: char) {
        if self.column == self.terminal.columns {
            self.rows[self.row].1 = true;
            self.feed();
        }
        let row = &mut self.rows[self.row].0;
        row.resize(row.len().max(self.column + 1), ' ');
        row[self.column] = c;
        self.column += 1;
    }

    fn feed(&mut self) {
        self.row += 1;
        self.column = 0;
        if self.row == self.rows.len() {
            self.rows.push((Vec::new(), false));
            (self.history, self.scrolled) = (self.history + 1, self.scrolled + 1);
        }
    }

    fn clear_below(&mut self) {
        assert_ne!((self.row, self.column), (self.history, 0), "tmux moves a screen that is cleared into its history");
        self.rows[self.row + 1..].iter_mut().for_each(|row| *row = (Vec::new(), false));
        self.clear_from(self.column);
    }

    fn clear_from(&mut self, column: usize) {
        let (row, wraps) = &mut self.rows[self.row];
        row.truncate(column);
        // What begins a row keeps what continues it.
        *wraps &= column > 0;
    }

    fn resize(&mut self, columns: usize, rows: usize) {
        let before = self.terminal;
        self.terminal = Terminal { columns, rows, ..before };
        if rows < before.rows {
            let fewer = before.rows - rows;
            let below = fewer.min(self.rows.len() - 1 - self.row);
            self.rows.truncate(self.rows.len() - below);
            (self.history, self.scrolled) = (self.history + fewer - below, self.scrolled + fewer - below);
        } else {
            let more = rows - before.rows;
            let shown_again = more.min(if self.shows_all { self.history } else { self.scrolled });
            (self.history, self.scrolled) = (self.history - shown_again, self.scrolled.saturating_sub(shown_again));
            self.rows.resize(self.rows.len() + more - shown_again, (Vec::new(), false));
        }
        if !self.terminal.rewraps {
            self.rows.iter_mut().for_each(|(row, _)| row.truncate(columns));
            self.column = self.column.min(columns);
        } else if columns != before.columns {
            self.rewrap();
        }
    }

    fn rewrap(&mut self) {
        let Terminal { columns, rows: height, .. } = self.terminal;
        let (mut rows, mut cursor, mut begin) = (Vec::new(), (0, 0), None);
        let mut line: Vec<char> = Vec::new();
        for (number, (row, wraps)) in self.rows.iter().enumerate() {
            if number == self.row {
                begin = Some(line.len() + self.column);
            }
            line.extend(row);
            if !wraps {
                let parts = line.chunks(columns).count().max(1);
                if let Some(at) = begin.take() {
                    let part = (at / columns).min(parts - 1);
                    cursor = (rows.len() + part, (at - part * columns).min(columns));
                }
                let part = |n: usize| line.chunks(columns).nth(n).unwrap_or_default().to_vec();
                rows.extend((0..parts).map(|n| (part(n), n + 1 < parts)));
                line.clear();
            }
        }
        let length = rows.len().max(height);
        rows.resize(length, (Vec::new(), false));
        (self.history, self.rows) = (length - height, rows);
        self.scrolled = self.scrolled.min(self.history);
        (self.row, self.column) = (cursor.0.max(self.history), cursor.1);
    }

    /// Prints lines as another part of the program does while something is drawn.
    fn print(&mut self, block: &mut Block, text: &str) {
        let cleared = block.clear(self.terminal, false);
        self.write(&cleared);
        self.write(&format!("{text}\r\n"));
        block.printed(text, self.terminal);
    }

    fn draw(&mut self, block: &mut Block, lines: &[String]) {
        let drawn = block.replace(lines, self.terminal, false);
        self.write(&drawn);
    }

    /// The rows of the history and of the screen, without empty ones at the end.
    fn all(&self) -> Vec<String> {
        let text = |row: &[char]| row.iter().collect::<String>().trim_end().to_owned();
        let mut rows: Vec<String> = self.rows.iter().map(|(row, _)| text(row)).collect();
        while rows.last().is_some_and(String::is_empty) {
            rows.pop();
        }
        rows
    }

    /// The lines of the history and of the screen.
    fn lines(&self) -> Vec<String> {
        let (mut lines, mut line) = (Vec::new(), String::new());
        for (row, wraps) in &self.rows {
            line.extend(row);
            if !wraps {
                lines.push(std::mem::take(&mut line));
            }
        }
        lines
    }

    fn shown(&self) -> Vec<String> {
        self.all().split_off(self.history)
    }
}

fn lines(count: usize, cells: usize) -> Vec<String> {
    (1..=count).map(|n| format!("{n} {}", "x".repeat(cells.saturating_sub(3).max(1)))).collect()
}

const PRINTED: [&str; 3] = ["$ printed 1", "$ printed 2", "$ flow run"];

fn printed(columns: usize, rows: usize, rewraps: bool) -> (Emulator, Block) {
    let mut emulator = Emulator::new(columns, rows, rewraps);
    PRINTED.iter().for_each(|line| emulator.write(&format!("{line}\r\n")));
    (emulator, Block::new())
}

#[test]
fn the_cursor_is_below_what_is_drawn_and_nothing_is_cleared_from_the_first_cell() {
    let (terminal, mut block) = (Terminal { columns: 80, rows: 24, rewraps: true }, Block::new());
    let lines = ["one".to_owned(), "two".to_owned()];
    let first = "\u{1b}[?2026h\r\u{1b}[2Kone\r\ntwo\r\n\u{1b}[?2026l";
    assert_eq!(block.replace(&lines, terminal, false), first);
    let again = "\u{1b}[?2026h\r\u{1b}[2Aone\u{1b}[K\r\n\u{1b}[K\r\n\u{1b}[J\u{1b}[?2026l";
    assert_eq!(block.replace(&lines[..1], terminal, false), again, "the cursor stays in its row");
    let removed = "\u{1b}[?2026h\r\u{1b}[2A\u{1b}[K\r\n\u{1b}[J\u{1b}[1A\u{1b}[?2026l";
    assert_eq!(block.clear(terminal, false), removed);
    assert_eq!(block.clear(terminal, false), "", "nothing is drawn any more");
}

#[test]
fn a_prompt_after_a_kill_is_below_what_is_drawn() {
    let (mut emulator, mut block) = printed(80, 8, true);
    emulator.draw(&mut block, &lines(7, 79));
    emulator.write("$ ");
    let shown = emulator.shown();
    assert_eq!((shown[..7].to_vec(), shown[7].as_str()), (lines(7, 79), "$"));
    // After a stop, the next drawing is below what the shell printed.
    block.leave();
    emulator.write("fg\r\n");
    emulator.draw(&mut block, &lines(2, 79));
    let all = emulator.all();
    assert_eq!(all[all.len() - 3..], ["$ fg".to_owned(), lines(2, 79)[0].clone(), lines(2, 79)[1].clone()]);
}

#[test]
fn a_terminal_that_is_resized_shows_no_debris() {
    for rewraps in [true, false] {
        let (mut emulator, mut block) = printed(80, 24, rewraps);
        let sizes = [(80, 10), (80, 24), (80, 5), (80, 40), (80, 24), (40, 24), (13, 24), (100, 24), (60, 24)];
        for (columns, rows) in sizes {
            emulator.resize(columns, rows);
            let mut last = Vec::new();
            for count in [4, 9, 15] {
                last = lines(count.min(rows - 1), columns - 1);
                emulator.draw(&mut block, &last);
            }
            let mut above = emulator.shown();
            let drawn = above.split_off(above.len() - last.len());
            assert_eq!(drawn, last, "{columns}x{rows}");
            assert!(above.iter().all(|row| row.starts_with("$ ")), "{columns}x{rows}: {above:#?}");
            let printed: Vec<String> = emulator.all().into_iter().filter(|row| row.starts_with("$ ")).collect();
            assert_eq!(printed, PRINTED, "{columns}x{rows}: nothing else is overwritten");
        }
    }
}

/// A person may be typing at the prompt while a command ends in the background.
#[test]
fn the_end_in_the_background_begins_on_a_new_line() {
    let lines = ["one".to_owned(), "two".to_owned()];
    assert_eq!((undrawn(&lines, true), undrawn(&lines, false)), ("one\ntwo\n".to_owned(), "\none\ntwo\n".to_owned()));
    assert_eq!(undrawn(&[], false), "");
}

#[test]
fn drawing_again_leaves_the_history_as_it_is() {
    let (mut emulator, mut block) = printed(80, 10, true);
    for number in 0..100 {
        emulator.draw(&mut block, &lines([9, 4, 9, 1][number % 4], 79));
        assert_eq!(emulator.history, 3, "the printed lines");
    }
    let cleared = block.clear(emulator.terminal, false);
    emulator.write(&cleared);
    assert_eq!(emulator.all(), PRINTED, "cleared");
    assert_eq!((emulator.row, emulator.column), (3, 0));
}

#[test]
fn a_terminal_of_one_row_shows_one_line() {
    let (mut emulator, mut block) = printed(80, 1, true);
    for _ in 0..5 {
        emulator.draw(&mut block, &lines(1, 79));
    }
    assert_eq!((emulator.shown(), emulator.history), (lines(1, 79), 3));
    assert_eq!((block.leave(), block.leave()), ("\r\n", ""));
}

#[test]
fn the_rows_of_a_line_are_those_that_the_terminal_needs() {
    let terminal = Terminal { columns: 5, rows: 9, rewraps: true };
    let rows =
        ["", "12345", "123456", "1234デ", "データベ", "\u{1b}[32m1234\u{1b}[0m5"].map(|line| terminal.rows_of(line));
    assert_eq!(rows, [1, 1, 2, 2, 2, 1]);
    assert_eq!(terminal.rows_of("データベース"), 3, "a wide character does not begin in the last column");
    assert_eq!(Terminal { rewraps: false, ..terminal }.rows_of("123456"), 1);
    let only = |set: &'static [&'static str]| {
        move |name: &str| {
            set.iter().find_map(|text| Some(text.split_once('=')?.1.to_owned()).filter(|_| text.starts_with(name)))
        }
    };
    assert!(rewraps(only(&["TERM=xterm-256color"])) && rewraps(only(&["XTERM_VERSION=1", "TMUX=/tmp/t"])));
    assert!(!rewraps(only(&["TERM=linux"])) && !rewraps(only(&["XTERM_VERSION=1"])) && !rewraps(only(&["STY=1"])));
}

/// The events between two drawings.
#[derive(Debug, Clone)]
enum Between {
    /// The terminal is resized; not every size is seen by a drawing.
    Sizes(Vec<(usize, usize)>),
    /// A line of so many cells is printed.
    Printed(usize),
    Nothing,
}

fn between() -> impl Strategy<Value = Between> {
    let size = (
        prop_oneof![1..=200_usize, 10..=60_usize, Just(80_usize)],
        prop_oneof![1..=60_usize, 1..=6_usize, Just(24_usize)],
    );
    prop_oneof![
        5 => proptest::collection::vec(size, 1..4).prop_map(Between::Sizes),
        2 => (1..120_usize).prop_map(Between::Printed),
        3 => Just(Between::Nothing),
    ]
}

/// The lines that this test prints begin with a dollar sign, as the rest of a line that a drawing began in the history may.
fn printed_in(emulator: &Emulator) -> Vec<String> {
    emulator.lines().iter().filter_map(|line| Some(line[line.find('$')?..].to_owned())).collect()
}

/// `above`: how many lines are printed before the first drawing.
fn stays_clean(rewraps: bool, shows_all: bool, above: usize, steps: &[(Between, usize, usize)]) {
    let (mut emulator, mut block) = (Emulator::new(80, 24, rewraps), Block::new());
    emulator.shows_all = shows_all;
    let mut printed: Vec<String> = (0..above).map(|number| format!("$ {number}")).collect();
    printed.iter().for_each(|line| emulator.write(&format!("{line}\r\n")));
    for (number, (between, count, cells)) in steps.iter().enumerate() {
        match between {
            Between::Sizes(sizes) => sizes.iter().for_each(|(columns, rows)| emulator.resize(*columns, *rows)),
            Between::Printed(cells) => {
                let line = format!("$ line {number} {}", "x".repeat(*cells));
                emulator.print(&mut block, &line);
                printed.push(line);
            }
            Between::Nothing => {}
        }
        let Terminal { columns, rows, .. } = emulator.terminal;
        let count = (*count).min(rows.saturating_sub(1)).max(1);
        let widest = columns.saturating_sub(1).max(1);
        let line = |at: usize| -> String {
            format!("t{number}.{at} {}", "y".repeat((cells + at) % widest)).chars().take(widest).collect()
        };
        let drawn: Vec<String> = (0..count).map(line).collect();
        emulator.draw(&mut block, &drawn);
        let trimmed: Vec<String> = drawn.iter().map(|line| line.trim_end().to_owned()).collect();
        let mut above = emulator.shown();
        assert!(
            above.ends_with(&trimmed),
            "step {number} at {columns}x{rows}: {above:#?} does not end with {drawn:#?}"
        );
        above.truncate(above.len() - trimmed.len());
        assert!(!above.iter().any(|row| row.starts_with('t')), "step {number} at {columns}x{rows}: {above:#?}");
    }
    let cleared = block.clear(emulator.terminal, false);
    emulator.write(&cleared);
    // A terminal that does not wrap lines again cuts what was printed.
    if rewraps {
        assert_eq!(printed_in(&emulator), printed, "everything was printed once and in order");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_sizes_drawings_and_printed_lines_leaves_stale_lines(
        rewraps in any::<bool>(),
        shows_all in any::<bool>(),
        // With few lines the terminal is not full, as after `clear`.
        above in prop_oneof![Just(130_usize), 0..30_usize, 0..3_usize],
        steps in proptest::collection::vec((between(), 1..60_usize, 0..200_usize), 1..30),
    ) {
        stays_clean(rewraps, shows_all, above, &steps);
    }
}

#[test]
fn a_terminal_that_was_small_for_a_while_shows_no_stale_line() {
    let small_and_back = |columns, rows| Between::Sizes(vec![(columns, rows)]);
    for rewraps in [true, false] {
        stays_clean(
            rewraps,
            true,
            130,
            &[
                (Between::Nothing, 15, 79),
                (small_and_back(20, 2), 1, 19),
                (Between::Printed(50), 1, 10),
                (small_and_back(80, 24), 15, 79),
                (small_and_back(1, 1), 1, 0),
                (small_and_back(200, 60), 15, 120),
            ],
        );
    }
}

#[test]
fn a_terminal_that_is_not_full_shows_no_stale_line_after_changes_of_its_size() {
    let sizes = [(20, 2), (80, 24), (1, 1), (200, 60), (40, 8), (80, 24)];
    let steps = sizes.map(|size| (Between::Sizes(vec![size]), 2, 79));
    let steps = [vec![(Between::Nothing, 2, 79)], steps.to_vec()].concat();
    for (shows_all, above) in [(true, 1), (true, 2), (false, 1), (false, 20)] {
        stays_clean(true, shows_all, above, &steps);
    }
}

/// The position of the cursor is not known: above it, a terminal that was never full may have fewer rows than it has room for.
#[test]
fn what_was_printed_is_never_overwritten_in_a_terminal_that_is_not_full() {
    for sizes in [[(40, 24), (80, 40)], [(20, 2), (80, 24)], [(13, 9), (120, 60)]] {
        let (mut emulator, mut block) = printed(80, 24, true);
        for (columns, rows) in sizes {
            emulator.draw(&mut block, &lines(10.min(emulator.terminal.rows - 1), emulator.terminal.columns - 1));
            emulator.resize(columns, rows);
        }
        emulator.draw(&mut block, &lines(10, 60));
        assert!(emulator.shown().ends_with(&lines(10, 60)));
        assert_eq!(printed_in(&emulator), PRINTED);
    }
}
