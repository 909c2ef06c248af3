//! Lines on a terminal that are drawn over and over at the same place.
//!
//! Between two drawings the cursor is above the lines, on an empty line. The next drawing overwrites what is below the cursor, line by
//! line, and then clears the rest: it leaves no debris, however a terminal wraps lines when it is resized. It does not clear everything
//! first: at the top of the screen, tmux would move what is cleared into its history, at every drawing. A message that another part of
//! the program prints meanwhile takes the empty line, and the drawing continues below it.

#[cfg(test)]
mod tests;

use std::{
    io::Write,
    sync::atomic::{AtomicUsize, Ordering},
};

/// The number of drawn lines below the cursor.
static BELOW: AtomicUsize = AtomicUsize::new(0);

/// Begins and ends a drawing that the terminal shows at once (DEC private mode 2026); others ignore it.
const BEGIN: &str = "\u{1b}[?2026h";
const END: &str = "\u{1b}[?2026l";
/// Clears everything from the cursor on.
const CLEAR: &str = "\u{1b}[J";
/// Clears the line from the cursor on.
const CLEAR_LINE: &str = "\u{1b}[K";
/// To the first column, then clear everything from the cursor on.
const CLEAR_BELOW: &str = "\r\u{1b}[J";

/// Replaces the lines that were drawn last. They must be fewer than the screen's rows, and narrower than it.
pub fn draw(lines: &[String]) {
    write(&drawing(lines));
    BELOW.store(lines.len(), Ordering::Relaxed);
}

/// Replaces the lines that were drawn last, for good: what is printed next goes below them.
pub fn finish(lines: &[String]) {
    let clear = if BELOW.swap(0, Ordering::Relaxed) > 0 { CLEAR_BELOW } else { "" };
    let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
    write(&format!("{clear}{lines}"));
}

/// Removes the lines that were drawn last.
pub fn clear() {
    finish(&[]);
}

/// Leaves the lines that were drawn last as they are, and the cursor below them.
pub fn leave() {
    let below = BELOW.swap(0, Ordering::Relaxed);
    if below > 0 {
        write(&format!("\u{1b}[{below}B\r\n"));
    }
}

fn drawing(lines: &[String]) -> String {
    if lines.is_empty() {
        return format!("{BEGIN}{CLEAR_BELOW}{END}");
    }
    let below: String = lines.iter().map(|line| format!("\n{line}{CLEAR_LINE}")).collect();
    format!("{BEGIN}\r{CLEAR_LINE}{below}{CLEAR}\r\u{1b}[{}A{END}", lines.len())
}

/// A terminal that is gone does not stop the work.
fn write(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
