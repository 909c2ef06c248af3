//! Standard output. A reader that has gone is no reason to stop the work; any other failure is remembered, and is the command's.

use std::{
    fmt::Arguments,
    io::{ErrorKind, Write},
    sync::Mutex,
    sync::PoisonError,
};

/// The first failure that was not a reader's going.
static FAILURE: Mutex<Option<String>> = Mutex::new(None);
/// Whether the reader has gone.
static CLOSED: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

/// Prints text and a line feed.
pub fn line(text: Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    note(writeln!(out, "{text}"));
}

/// Prints text as it is, and makes it visible.
pub fn text(text: &str) {
    let mut out = std::io::stdout().lock();
    note(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

/// Makes visible what is still in a buffer.
pub fn flush() {
    note(std::io::stdout().lock().flush());
}

/// Whether nobody reads any more.
pub fn is_closed() -> bool {
    CLOSED.load(std::sync::atomic::Ordering::Relaxed)
}

/// What kept standard output from being written, if anything did.
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
