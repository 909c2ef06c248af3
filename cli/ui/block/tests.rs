use super::*;

/// A terminal that understands what a block writes. It wraps lines again when it is resized, or cuts them, as terminals do.
struct Terminal {
    columns: usize,
    rewraps: bool,
    /// The rows, and whether the next row continues the line.
    rows: Vec<(Vec<char>, bool)>,
    row: usize,
    column: usize,
}

impl Terminal {
    fn new(columns: usize, rewraps: bool) -> Self {
        Terminal { columns, rewraps, rows: vec![(Vec::new(), false)], row: 0, column: 0 }
    }

    fn write(&mut self, text: &str) {
        let mut characters = text.chars();
        while let Some(c) = characters.next() {
            match c {
                '\r' => self.column = 0,
                '\n' => self.feed(false),
                '\u{1b}' => {
                    let sequence = characters.as_str();
                    let end = sequence.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(0);
                    match &sequence[1..=end] {
                        "J" => self.clear_below(),
                        "K" => self.clear_line(),
                        up if up.ends_with('A') => {
                            self.row = self.row.saturating_sub(up.trim_end_matches('A').parse().unwrap_or(0));
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
        if self.column == self.columns {
            self.feed(true);
        }
        let row = &mut self.rows[self.row].0;
        row.resize(row.len().max(self.column + 1), ' ');
        row[self.column] = c;
        self.column += 1;
    }

    fn feed(&mut self, wraps: bool) {
        self.rows[self.row].1 = wraps;
        self.row += 1;
        self.column = 0;
        if self.row == self.rows.len() {
            self.rows.push((Vec::new(), false));
        }
    }

    fn clear_below(&mut self) {
        self.rows.truncate(self.row + 1);
        self.clear_line();
    }

    fn clear_line(&mut self) {
        let (row, wraps) = &mut self.rows[self.row];
        row.truncate(self.column);
        *wraps = false;
    }

    fn resize(&mut self, columns: usize) {
        self.columns = columns;
        if !self.rewraps {
            self.rows.iter_mut().for_each(|(row, _)| row.truncate(columns));
            return;
        }
        let (mut rows, mut cursor) = (Vec::new(), 0);
        let mut line: Vec<char> = Vec::new();
        for (number, (row, wraps)) in self.rows.iter().enumerate() {
            if number == self.row {
                cursor = rows.len() + line.len() / columns;
            }
            line.extend(row);
            if !wraps {
                let parts = line.chunks(columns).count().max(1);
                let part = |n: usize| line.chunks(columns).nth(n).unwrap_or_default().to_vec();
                rows.extend((0..parts).map(|n| (part(n), n + 1 < parts)));
                line.clear();
            }
        }
        (self.rows, self.row) = (rows, cursor);
    }

    fn shown(&self) -> Vec<String> {
        self.rows.iter().map(|(row, _)| row.iter().collect::<String>().trim_end().to_owned()).collect()
    }
}

fn lines(count: usize, cells: usize) -> Vec<String> {
    (1..=count).map(|n| format!("{n} {}", "x".repeat(cells - 3))).collect()
}

#[test]
fn the_cursor_is_above_what_is_drawn_and_nothing_is_cleared_from_the_top() {
    let lines = ["one".to_owned(), "two".to_owned()];
    let drawn = "\u{1b}[?2026h\r\u{1b}[K\none\u{1b}[K\ntwo\u{1b}[K\u{1b}[J\r\u{1b}[2A\u{1b}[?2026l";
    assert_eq!(drawing(&lines), drawn);
    assert_eq!(drawing(&[]), "\u{1b}[?2026h\r\u{1b}[J\u{1b}[?2026l");
}

#[test]
fn a_terminal_that_is_resized_shows_no_debris() {
    for rewraps in [true, false] {
        let mut terminal = Terminal::new(80, rewraps);
        terminal.write("$ flow run\n");
        let mut last = Vec::new();
        for columns in [80, 40, 100, 13, 60] {
            terminal.resize(columns);
            for count in [4, 9, 2] {
                last = lines(count, columns - 1);
                terminal.write(&drawing(&last));
            }
            let wanted: Vec<String> =
                ["$ flow run".to_owned(), String::new()].into_iter().chain(last.clone()).collect();
            assert_eq!(terminal.shown(), wanted, "{columns} columns");
        }
        terminal.write("a warning\n");
        terminal.write(&drawing(&last));
        let shown = terminal.shown();
        assert_eq!((shown[1].as_str(), shown.len()), ("a warning", 3 + last.len()), "{shown:#?}");
    }
}
