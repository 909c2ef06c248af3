//! Lines on a terminal that are drawn over and over at the same place.
//!
//! Between two drawings the cursor is in the first column of the row below the lines, so that a shell's prompt does not overwrite them
//! if the process is killed or stopped. The next drawing moves up over the rows that the lines occupy now: a terminal that became narrower
//! has wrapped them again. It overwrites them line by line and then clears the rest. It never clears everything from the first cell of the
//! screen on: tmux would move what is cleared into its history, at every drawing. A message that another part of the program prints
//! removes the lines first; the next drawing is below it.

#[cfg(test)]
mod tests;

use std::{
    io::Write,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use unicode_width::UnicodeWidthChar;

use super::screen::{Screen, variable};
use crate::global::Color;

static BLOCK: Mutex<Block> = Mutex::new(Block::new());

/// Begins and ends a drawing that the terminal shows at once (DEC private mode 2026); others ignore it.
const BEGIN: &str = "\u{1b}[?2026h";
const END: &str = "\u{1b}[?2026l";
/// Clears the line from the cursor on.
const CLEAR_LINE: &str = "\u{1b}[K";
/// Clears the line completely, and so that it continues no other.
const CLEAR_COMPLETE_LINE: &str = "\u{1b}[2K";
/// Clears everything from the cursor on.
const CLEAR_BELOW: &str = "\u{1b}[J";

/// Drawings are much more frequent: after such a pause the process may have been stopped (SIGTSTP).
const STOPPED_MIN: Duration = Duration::from_secs(1);

/// Replaces the lines that were drawn last. They must be fewer than the screen's rows, and narrower than it.
pub fn draw(lines: &[String]) {
    let mut block = block();
    let now = Instant::now();
    let called = block.called.replace(now);
    // After a stop the shell has printed something. The handler of SIGCONT calls `leave` before the next drawing.
    if called.is_some_and(|called| now.duration_since(called) >= STOPPED_MIN) {
        return;
    }
    let terminal = Terminal::of_stdout();
    if block.lines != lines || (block.terminal != terminal && !lines.is_empty()) {
        write(&block.replace(lines, terminal));
    }
}

/// Replaces the lines that were drawn last, for good: what is printed next goes below them.
pub fn finish(lines: &[String]) {
    let mut block = block();
    if block.lines.is_empty() {
        let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
        write(&lines);
    } else {
        let drawn = block.replace(lines, Terminal::of_stdout());
        let left = block.leave();
        write(&format!("{drawn}{left}"));
    }
}

/// Removes the lines that were drawn last.
pub fn clear() {
    finish(&[]);
}

/// Leaves the lines that were drawn last as they are: what is printed next goes below them.
pub fn leave() {
    let left = block().leave();
    write(left);
}

fn block() -> MutexGuard<'static, Block> {
    BLOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A terminal that is gone does not stop the work.
fn write(text: &str) {
    if !text.is_empty() {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}

/// What decides how many rows a line occupies, and how many of them are on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Terminal {
    columns: usize,
    rows: usize,
    /// Whether it wraps lines again when its width changes.
    rewraps: bool,
}

impl Terminal {
    fn of_stdout() -> Self {
        let Screen { columns, rows, .. } = Screen::of_stdout(Color::Never);
        Terminal { columns, rows, rewraps: rewraps(variable) }
    }

    /// The rows that a line occupies. A wide character does not begin in the last column.
    fn rows_of(&self, line: &str) -> usize {
        let (mut rows, mut used) = (1, 0);
        let mut characters = line.chars();
        while let Some(c) = characters.next().filter(|_| self.rewraps) {
            if c == '\u{1b}' {
                while characters.next().is_some_and(|c| !c.is_ascii_alphabetic()) {}
                continue;
            }
            let cells = c.width().unwrap_or(0);
            if used > 0 && used + cells > self.columns {
                (rows, used) = (rows + 1, 0);
            }
            used += cells;
        }
        rows
    }
}

/// Whether the terminal wraps lines again when its width changes. The console of Linux, xterm and screen cut them.
fn rewraps(variable: impl Fn(&str) -> Option<String>) -> bool {
    let cuts = || variable("XTERM_VERSION").or_else(|| variable("STY")).is_some();
    variable("TMUX").is_some() || !cuts() && variable("TERM").is_none_or(|term| term != "linux")
}

/// What is drawn.
struct Block {
    lines: Vec<String>,
    /// Lines of earlier drawings that the terminal moved into its history when it became smaller, the last of them above the screen.
    lost: Vec<String>,
    /// The terminal at the last drawing.
    terminal: Terminal,
    /// When a drawing was last requested.
    called: Option<Instant>,
}

impl Block {
    const fn new() -> Self {
        let terminal = Terminal { columns: 0, rows: 0, rewraps: true };
        Block { lines: Vec::new(), lost: Vec::new(), terminal, called: None }
    }

    /// The text that replaces what is drawn.
    fn replace(&mut self, lines: &[String], terminal: Terminal) -> String {
        // Without this, a terminal that wrapped a line again takes what is drawn over it as one line.
        let before = if self.terminal == terminal { "" } else { CLEAR_COMPLETE_LINE };
        let up = self.rows_above_cursor(terminal);
        let mut text = format!("{BEGIN}\r");
        if up > 0 {
            text.push_str(&format!("\u{1b}[{up}A"));
        }
        match lines {
            [] if up > 0 => text.push_str(&format!("{CLEAR_LINE}\r\n{CLEAR_BELOW}\u{1b}[1A")),
            [] => text.push_str(CLEAR_LINE),
            _ => {
                let drawn: Vec<String> = lines.iter().map(|line| format!("{before}{line}{CLEAR_LINE}")).collect();
                text.push_str(&drawn.join("\r\n"));
                if lines.len() < terminal.rows {
                    text.push_str(&format!("\r\n{CLEAR_BELOW}"));
                }
            }
        }
        (self.lines, self.terminal) = (lines.to_vec(), terminal);
        text + END
    }

    /// The rows between the first line and the cursor.
    fn rows_above_cursor(&mut self, terminal: Terminal) -> usize {
        let drawn: usize = self.lines.iter().map(|line| terminal.rows_of(line)).sum();
        // A terminal that becomes taller shows the last rows of its history again.
        let taller = terminal.rows.saturating_sub(self.terminal.rows);
        let mut shown_again = 0;
        while shown_again < taller
            && let Some(line) = self.lost.pop()
        {
            shown_again += terminal.rows_of(&line);
        }
        let above = drawn + shown_again.min(taller) - usize::from(self.is_full());
        let mut above_screen = above.saturating_sub(terminal.rows.saturating_sub(1));
        for line in &self.lines {
            let rows = terminal.rows_of(line);
            if rows > above_screen {
                break;
            }
            above_screen -= rows;
            self.lost.push(line.clone());
        }
        above
    }

    /// Whether the lines fill the screen. The cursor is then at the end of the last one.
    fn is_full(&self) -> bool {
        !self.lines.is_empty() && self.lines.len() >= self.terminal.rows
    }

    /// Forgets what is drawn. Returns the text that moves the cursor below it.
    fn leave(&mut self) -> &'static str {
        let is_full = self.is_full();
        self.lines.clear();
        self.lost.clear();
        if is_full { "\r\n" } else { "" }
    }
}
