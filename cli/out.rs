//! Standard output. A closed pipe does not stop the work. Any other failure is recorded and makes the command fail.

use std::{
    fmt::Arguments,
    io::{ErrorKind, IsTerminal, Write},
    sync::Mutex,
    sync::PoisonError,
};

use crate::ui::{block, screen::printed};

/// The first failure other than a closed pipe.
static FAILURE: Mutex<Option<String>> = Mutex::new(None);
/// Whether the pipe is closed.
static CLOSED: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

/// Prints text for people and a line feed, as [`printed`] says.
pub fn line(text: Arguments<'_>) {
    block::clear();
    let mut out = std::io::stdout().lock();
    let terminal = out.is_terminal();
    note(writeln!(out, "{}", printed(&text.to_string(), terminal)));
}

/// Prints text as it is and a line feed: JSON for programs, or a line whose colours [`crate::ui::screen::Screen`] made.
pub fn raw_line(text: Arguments<'_>) {
    block::clear();
    let mut out = std::io::stdout().lock();
    note(writeln!(out, "{text}"));
}

/// Prints a line for people on standard error, as [`line`] does. What cannot be written is lost: a command whose terminal or pipe is gone
/// still ends in order, with its exit code.
pub fn report(text: Arguments<'_>) {
    block::clear();
    let mut out = std::io::stderr().lock();
    let terminal = out.is_terminal();
    let _ = writeln!(out, "{}", printed(&text.to_string(), terminal));
}

/// Prints text without a line feed and flushes.
pub fn text(text: &str) {
    block::clear();
    let mut out = std::io::stdout().lock();
    note(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

/// Flushes the buffer.
pub fn flush() {
    note(std::io::stdout().lock().flush());
}

/// Whether the reader has closed the pipe.
pub fn is_closed() -> bool {
    CLOSED.load(std::sync::atomic::Ordering::Relaxed)
}

/// The first failure other than a closed pipe.
pub fn failure() -> Option<String> {
    FAILURE.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn note(written: std::io::Result<()>) {
    match written {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {
            CLOSED.store(true, std::sync::atomic::Ordering::Relaxed);
        }
        Err(error) => {
            FAILURE.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error.to_string());
        }
    }
}
