//! The lines that a block has drawn, and their position after the terminal's size has changed.
//!
//! Everything that the block must overwrite is in consecutive rows that end above the cursor: this is so at every size. What follows from
//! the size is how many rows the lines occupy, and how many of those rows the terminal has moved into its history, where nothing can be
//! overwritten. They are shown again when the terminal becomes taller, so the block keeps them, with what was printed below them. A
//! terminal does not report where the cursor is. While rows are in the history, the block therefore fills the screen, and the cursor is
//! in the last row, from which the terminal does not move it.
//!
//! Where the cursor may be above the last row, as in a terminal that is not full or that becomes taller, the number of rows in the history
//! is not known: terminals differ in how many they show again. The block then scrolls everything above the cursor into the history.

use std::time::Instant;

use unicode_width::UnicodeWidthChar;

use crate::{
    global::Color,
    ui::screen::{Screen, variable},
};

/// Begins and ends a drawing that the terminal shows at once (DEC private mode 2026); others ignore it.
const BEGIN: &str = "\u{1b}[?2026h";
const END: &str = "\u{1b}[?2026l";
/// Clears the line from the cursor on.
const CLEAR_LINE: &str = "\u{1b}[K";
/// Clears the complete line, so that the terminal no longer joins it with the next row.
const CLEAR_COMPLETE_LINE: &str = "\u{1b}[2K";
/// Clears everything from the cursor on.
const CLEAR_BELOW: &str = "\u{1b}[J";
/// The most lines kept above the first one. If there are more, all are dropped: no screen shows them again.
const ABOVE_MAX: usize = 1_000;

/// The sizes that determine how many rows a line occupies, and how many of these rows are on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    /// Its width in cells.
    pub columns: usize,
    /// Its height in rows.
    pub rows: usize,
    /// Whether it wraps lines again when its width changes.
    pub rewraps: bool,
}

impl Terminal {
    /// No terminal.
    pub const NONE: Terminal = Terminal { columns: 0, rows: 0, rewraps: true };

    /// The terminal of standard output.
    pub fn of_stdout() -> Self {
        let Screen { columns, rows, .. } = Screen::of_stdout(Color::Never);
        Terminal { columns, rows, rewraps: rewraps(variable) }
    }

    /// The most rows above the cursor.
    fn above_max(&self) -> usize {
        self.rows.saturating_sub(1)
    }

    /// The rows of a text that was printed, each as the position of its end. A wide character does not begin in the last column.
    fn printed_ends(&self, text: &str) -> Vec<usize> {
        let (mut ends, mut used) = (Vec::new(), 0);
        let mut characters = text.char_indices();
        while let Some((at, c)) = characters.next() {
            if c == '\u{1b}' {
                while characters.next().is_some_and(|(_, c)| !c.is_ascii_alphabetic()) {}
                continue;
            }
            let cells = c.width().unwrap_or(0);
            if used > 0 && used + cells > self.columns {
                ends.push(at);
                used = 0;
            }
            used += cells;
        }
        ends.push(text.len());
        ends
    }

    /// The same for a text that was printed when the width was another one.
    fn ends(&self, text: &str) -> Vec<usize> {
        if self.rewraps { self.printed_ends(text) } else { vec![text.len()] }
    }

    /// The rows that a line occupies.
    pub fn rows_of(&self, line: &str) -> usize {
        self.ends(line).len()
    }
}

/// Whether the terminal wraps lines again when its width changes. The console of Linux, xterm and screen cut them.
pub fn rewraps(variable: impl Fn(&str) -> Option<String>) -> bool {
    let cuts = || variable("XTERM_VERSION").or_else(|| variable("STY")).is_some();
    variable("TMUX").is_some() || !cuts() && variable("TERM").is_none_or(|term| term != "linux")
}

/// A line of the terminal that the block keeps.
#[derive(Debug, Clone)]
struct Owned {
    text: String,
    /// The byte at which a printed text begins; what precedes it was drawn. `None` if the complete line was drawn.
    printed: Option<usize>,
}

/// The first action of a block after the size has changed.
#[derive(Default)]
struct Resized {
    /// The number of line feeds.
    scrolled: usize,
    /// The number of rows to move up.
    up: usize,
    /// The printed texts in the rows that are overwritten below: they are printed again.
    printed_again: Vec<String>,
}

/// The lines that are drawn on the terminal.
pub struct Block {
    /// The time at which a drawing was last requested.
    pub called: Option<Instant>,
    /// Until when nothing is drawn, because the process may just have been continued.
    pub rests_until: Option<Instant>,
    lines: Vec<String>,
    /// The rows from the first line on that belong to the block: lines, and empty rows below them.
    height: usize,
    /// The lines above the first one: those of earlier drawings in the terminal's history, and what was printed below them. Empty if no
    /// line of an earlier drawing is left.
    above: Vec<Owned>,
    /// The number of rows of `above` in the history, where they cannot be overwritten.
    lost: usize,
    /// Whether the last line of `above` continues in the row of the first line.
    joined: bool,
    /// The terminal at the last drawing.
    terminal: Terminal,
}

impl Block {
    /// Nothing is drawn.
    pub const fn new() -> Self {
        let terminal = Terminal::NONE;
        Block {
            called: None,
            rests_until: None,
            lines: Vec::new(),
            height: 0,
            above: Vec::new(),
            lost: 0,
            joined: false,
            terminal,
        }
    }

    /// Whether lines are drawn.
    pub fn is_drawn(&self) -> bool {
        !self.lines.is_empty()
    }

    /// Whether rows of the terminal belong to the block.
    pub fn is_used(&self) -> bool {
        self.is_drawn() || self.height > 0 || !self.above.is_empty()
    }

    /// Whether a drawing of these lines changes something.
    pub fn differs(&self, lines: &[String], terminal: Terminal) -> bool {
        self.lines != lines || (self.terminal != terminal && !lines.is_empty())
    }

    /// The text that replaces what is drawn. `is_resized` if the terminal had another size since the last drawing.
    pub fn replace(&mut self, lines: &[String], terminal: Terminal, is_resized: bool) -> String {
        self.drawing(lines, terminal, is_resized, true)
    }

    /// The text that replaces what is drawn for the last time: the cursor is below the last line.
    pub fn finish(&mut self, lines: &[String], terminal: Terminal, is_resized: bool) -> String {
        self.drawing(lines, terminal, is_resized, false)
    }

    /// The text that removes what is drawn: the cursor is where the first line was.
    pub fn clear(&mut self, terminal: Terminal, is_resized: bool) -> String {
        let is_gone = !self.is_drawn() && self.terminal == terminal;
        if is_gone { String::new() } else { self.drawing(&[], terminal, is_resized, true) }
    }

    /// A text and a line feed were printed where the first line was.
    pub fn printed(&mut self, text: &str, terminal: Terminal) {
        for line in text.split('\n') {
            let line = line.replace('\t', "        ");
            let rows = terminal.printed_ends(&line).len();
            if !self.above.is_empty() {
                self.push(&line, terminal);
                self.lost += rows.saturating_sub(self.height);
            }
            self.height = self.height.saturating_sub(rows);
        }
        if self.above.len() > ABOVE_MAX {
            (self.lost, self.joined) = (0, false);
            self.above.clear();
        }
    }

    /// Discards what is drawn. Returns the text that moves the cursor below it.
    pub fn leave(&mut self) -> &'static str {
        let left = if self.is_full() { "\r\n" } else { "" };
        *self = Block { called: self.called, ..Block::new() };
        left
    }

    fn drawing(&mut self, lines: &[String], terminal: Terminal, is_resized: bool, fills: bool) -> String {
        let is_resized = is_resized || self.terminal != terminal;
        let Resized { scrolled, up, printed_again } = match is_resized {
            true => self.resize(terminal),
            false if self.is_drawn() => Resized { up: self.height - usize::from(self.is_full()), ..Resized::default() },
            false => Resized::default(),
        };
        self.terminal = terminal;
        let most = terminal.above_max().max(1);
        let (mut rows, mut taken) = (0, Vec::new());
        for line in lines {
            let more = terminal.printed_ends(line).len();
            if rows + more > most {
                break;
            }
            rows += more;
            taken.push(line.clone());
        }
        self.lines = taken;
        let mut height = 0;
        if self.is_drawn() {
            height = if fills { rows.max(self.height).min(most) } else { rows };
            self.height = height;
        }
        if !self.above.is_empty() {
            let above: usize = self.above.iter().map(|line| terminal.rows_of(&line.text)).sum();
            let all = (above + height).saturating_sub(self.lost + usize::from(self.is_full()));
            self.lost += all.saturating_sub(terminal.above_max());
        }
        let empty = vec![String::new(); height - rows];
        let all = [printed_again, self.lines.clone(), empty].concat();
        let drawn = match is_resized {
            true => format!("{}{}{}", "\r\n".repeat(scrolled), cleared(up), self.rows(&all, "", "")),
            false if all.is_empty() && up > 0 => {
                format!("\r{}{CLEAR_LINE}\r\n{CLEAR_BELOW}{}", move_up(up), move_up(1))
            }
            false if all.is_empty() => format!("\r{CLEAR_LINE}"),
            false => format!("\r{}{}", move_up(up), self.rows(&all, CLEAR_LINE, CLEAR_BELOW)),
        };
        format!("{BEGIN}{drawn}{END}")
    }

    /// The text of rows: `after` follows each of them, and `below` follows the last one, in the row below it.
    fn rows(&self, rows: &[String], after: &str, below: &str) -> String {
        let last = if rows.is_empty() || self.is_full() { String::new() } else { format!("\r\n{below}") };
        let rows: Vec<String> = rows.iter().map(|row| format!("{row}{after}")).collect();
        rows.join("\r\n") + &last
    }

    /// Whether the lines fill the screen. The cursor is then at the end of the last one.
    pub fn is_full(&self) -> bool {
        self.is_drawn() && self.terminal.rows <= 1
    }

    /// The lines above the cursor.
    fn owned(&self) -> Vec<Owned> {
        let mut owned = self.above.clone();
        if !self.is_drawn() {
            return owned;
        }
        let rows: usize = self.lines.iter().map(|line| self.terminal.printed_ends(line).len()).sum();
        let empty = vec![String::new(); self.height.saturating_sub(rows)];
        let mut joined = self.joined;
        for text in self.lines.iter().cloned().chain(empty) {
            match owned.last_mut().filter(|_| joined) {
                Some(last) => last.text.push_str(&text),
                None => owned.push(Owned { text, printed: None }),
            }
            joined = false;
        }
        owned
    }

    /// Whether the number of rows in the history follows from the size: those that do not fit above the last row. It does if all fit above
    /// the cursor as before, or if the cursor is in the last row before or after the change.
    fn is_known(&self, owned: &[Owned], above_cursor: usize, terminal: Terminal) -> bool {
        let before = self.terminal;
        let total: usize = owned.iter().map(|line| before.rows_of(&line.text)).sum();
        let shown = total.saturating_sub(usize::from(self.is_full()) + self.lost);
        let is_at_bottom = self.lost > 0 || shown >= before.above_max();
        let below = if self.is_drawn() { 0 } else { self.height };
        // The fewest rows above the cursor.
        let fewest = if is_at_bottom { before.above_max().saturating_sub(below) } else { shown };
        above_cursor <= fewest.min(terminal.above_max())
            || is_at_bottom && terminal.rows <= before.rows
            || terminal.above_max() <= fewest
    }

    /// Recomputes the rows after the size has changed.
    fn resize(&mut self, terminal: Terminal) -> Resized {
        let owned = self.owned();
        let total: usize = owned.iter().map(|line| terminal.rows_of(&line.text)).sum();
        let most = terminal.above_max();
        let (is_drawn, inside) = (self.is_drawn(), usize::from(self.is_full()));
        // Rows below the cursor, after something was printed. A terminal that becomes shorter removes them first.
        let shorter = self.terminal.rows.saturating_sub(terminal.rows);
        let mut below = if is_drawn { 0 } else { self.height.saturating_sub(shorter).min(most) };
        let above_cursor = total.saturating_sub(inside);
        let (mut up, mut scrolled) = (above_cursor.min(most - below), 0);
        let is_known = self.is_known(&owned, above_cursor, terminal);
        self.lost = above_cursor - up;
        if !is_known {
            // Wherever the cursor is, as many line feeds as there are rows below the first one move its row to the top.
            (up, below, scrolled, self.lost) = (most, 0, most + inside, total);
        }
        self.above.clear();
        self.joined = false;
        let (mut left, mut printed_again) = (self.lost, Vec::new());
        for line in owned {
            let ends = terminal.ends(&line.text);
            if left > 0 && ends.len() <= left {
                left -= ends.len();
                self.above.push(line);
                continue;
            }
            let cut = if left > 0 { ends[left - 1] } else { 0 };
            if left > 0 {
                let printed = line.printed.filter(|from| *from < cut);
                self.above.push(Owned { text: line.text[..cut].to_owned(), printed });
                (self.joined, left) = (true, 0);
            }
            if let Some(from) = line.printed {
                printed_again.push(line.text[from.max(cut)..].to_owned());
            }
        }
        let again: usize = printed_again.iter().map(|text| terminal.printed_ends(text).len()).sum();
        self.height = ((up + inside).min(most) + below).saturating_sub(again);
        if !self.above.is_empty() {
            printed_again.iter().for_each(|text| self.push(text, terminal));
        }
        Resized { scrolled, up, printed_again }
    }

    /// Adds a printed line to what precedes the first line.
    fn push(&mut self, text: &str, terminal: Terminal) {
        if !terminal.rewraps {
            let mut begin = 0;
            for end in terminal.printed_ends(text) {
                self.above.push(Owned { text: text[begin..end].to_owned(), printed: Some(0) });
                begin = end;
            }
            return;
        }
        match self.above.last_mut().filter(|_| self.joined) {
            Some(last) => {
                last.printed.get_or_insert(last.text.len());
                last.text.push_str(text);
            }
            None => self.above.push(Owned { text: text.to_owned(), printed: Some(0) }),
        }
        self.joined = false;
    }
}

/// The text that clears the row of the cursor and `up` rows above it, and moves to the first of them. The rows are cleared completely:
/// otherwise a terminal that has wrapped a line again treats the text that is drawn over it as one line.
fn cleared(up: usize) -> String {
    let rows = format!("{CLEAR_COMPLETE_LINE}\r\n").repeat(up);
    let below = if up > 0 { CLEAR_BELOW } else { "" };
    format!("\r{}{rows}{CLEAR_COMPLETE_LINE}{below}{}", move_up(up), move_up(up))
}

fn move_up(rows: usize) -> String {
    if rows > 0 { format!("\u{1b}[{rows}A") } else { String::new() }
}
