//! Standard output. A closed pipe does not stop the work, and nothing more is written to it. Any other failure is recorded and makes the
//! command fail.

use std::{
    fmt::Arguments,
    io::{ErrorKind, IsTerminal, Write},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::ui::{block, screen::printed};

/// The first failure other than a closed pipe.
static FAILURE: Mutex<Option<String>> = Mutex::new(None);
/// Whether the pipe is closed.
static CLOSED: AtomicBool = AtomicBool::new(false);

/// Prints text for people and a line feed, like [`printed`].
pub fn line(text: Arguments<'_>) {
    let text = printed(&text.to_string(), std::io::stdout().is_terminal());
    block::print(&text, || write(|out| writeln!(out, "{text}")));
}

/// Prints text as it is and a line feed: JSON for programs, or a line whose colours [`crate::ui::screen::Screen`] made.
pub fn raw_line(text: Arguments<'_>) {
    let text = text.to_string();
    block::print(&text, || write(|out| writeln!(out, "{text}")));
}

/// Prints a line for people on standard error, as [`line`] does. What cannot be written is lost: a command whose terminal or pipe is gone
/// still ends in order, with its exit code.
pub fn report(text: Arguments<'_>) {
    let text = printed(&text.to_string(), std::io::stderr().is_terminal());
    on_standard_error(format!("{text}\n").as_bytes());
}

/// Lines of the log on standard error.
pub struct Log;

impl Write for Log {
    fn write(&mut self, lines: &[u8]) -> std::io::Result<usize> {
        on_standard_error(lines);
        Ok(lines.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Prints complete lines. Those that are on the same terminal as a drawing are printed in its place.
fn on_standard_error(lines: &[u8]) {
    let print = || drop(std::io::stderr().write_all(lines));
    match std::io::stderr().is_terminal() {
        true => block::print(String::from_utf8_lossy(lines).trim_end_matches('\n'), print),
        false => print(),
    }
}

/// Prints text without a line feed and flushes.
pub fn text(text: &str) {
    // What a person types may follow it.
    block::clear();
    write(|out| out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

fn write(print: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) {
    if !is_closed() {
        note(print(&mut std::io::stdout().lock()));
    }
}

/// Flushes the buffer.
pub fn flush() {
    note(std::io::stdout().lock().flush());
}

/// Whether a write has failed because the reader has closed the pipe.
pub fn is_closed() -> bool {
    CLOSED.load(Ordering::Relaxed)
}

/// Whether nobody can read standard output any more, also if nothing was written since the reader has closed the pipe.
pub fn has_no_reader() -> bool {
    if !is_closed() && is_broken(&std::io::stdout()) {
        CLOSED.store(true, Ordering::Relaxed);
    }
    is_closed()
}

/// Whether the other end of a pipe, a socket or a terminal is closed.
fn is_broken(file: &impl std::os::fd::AsFd) -> bool {
    let mut polled = [PollFd::new(file, PollFlags::empty())];
    let polls = poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok();
    polls && polled[0].revents().intersects(PollFlags::ERR | PollFlags::HUP)
}

/// The first failure other than a closed pipe.
pub fn failure() -> Option<String> {
    FAILURE.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn note(written: std::io::Result<()>) {
    match written {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {
            CLOSED.store(true, Ordering::Relaxed);
        }
        Err(error) => {
            FAILURE.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::is_broken;

    #[test]
    fn a_pipe_without_a_reader_is_noticed_without_a_write() {
        let (reader, writer) = std::io::pipe().unwrap();
        assert!(!is_broken(&writer));
        drop(reader);
        assert!(is_broken(&writer));
        for file in ["/dev/null", "/proc/self/exe"] {
            assert!(!is_broken(&std::fs::File::open(file).unwrap()), "{file}");
        }
    }
}
