//! The lines that running programs print, for displays that follow them live.

use std::sync::{Arc, LazyLock};

use engine::step::StepContext;
use tokio::sync::broadcast;

/// The most lines that wait for a slow follower. It loses older ones (`RecvError::Lagged`).
const LINES_MAX: usize = 1_024;
/// The longest line, in bytes. A longer one is split.
const LINE_BYTES_MAX: usize = 1_024;

static LINES: LazyLock<broadcast::Sender<ProgramOutput>> = LazyLock::new(|| broadcast::Sender::new(LINES_MAX));

/// The stream of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgramStream {
    /// Standard output, which becomes the result.
    Output,
    /// Standard error.
    Error,
}

/// A line that a running program printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramOutput {
    /// The execution's id.
    pub execution: Arc<str>,
    /// The path of the Task.
    pub state_path: Arc<str>,
    /// The attempt within the visit, from 1.
    pub attempt: u32,
    /// The stream on which it was printed.
    pub stream: ProgramStream,
    /// The line without its end, at most 1,024 bytes before the replacement of invalid UTF-8.
    pub text: String,
}

/// Receives the lines of all programs of this process from now on. A follower that is 1,024 lines late loses the
/// oldest. It never slows a program.
pub fn follow_programs() -> broadcast::Receiver<ProgramOutput> {
    LINES.subscribe()
}

/// The attempt of a program.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    execution: Arc<str>,
    state_path: Arc<str>,
    attempt: u32,
}

impl Origin {
    pub fn of(context: &StepContext) -> Self {
        Origin {
            execution: context.execution.as_str().into(),
            state_path: context.state_path.as_str().into(),
            attempt: context.attempt,
        }
    }
}

/// Splits a stream into lines and sends them to the followers.
pub(super) struct LineSplitter {
    origin: Origin,
    stream: ProgramStream,
    partial: Vec<u8>,
}

impl LineSplitter {
    pub fn new(origin: Origin, stream: ProgramStream) -> Self {
        LineSplitter { origin, stream, partial: Vec::new() }
    }

    /// Adds bytes and sends the lines that they complete.
    pub fn add(&mut self, bytes: &[u8]) {
        if LINES.receiver_count() == 0 {
            self.partial.clear();
            return;
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let ends = piece.ends_with(b"\n");
            let mut rest = piece.strip_suffix(b"\n").unwrap_or(piece);
            while self.partial.len() + rest.len() > LINE_BYTES_MAX {
                let (head, tail) = rest.split_at(LINE_BYTES_MAX - self.partial.len());
                self.partial.extend_from_slice(head);
                self.send();
                rest = tail;
            }
            self.partial.extend_from_slice(rest);
            if ends {
                self.send();
            }
        }
    }

    /// Sends the last line if it has no line end.
    pub fn finish(&mut self) {
        if !self.partial.is_empty() {
            self.send();
        }
    }

    fn send(&mut self) {
        let text = String::from_utf8_lossy(&self.partial).into_owned();
        self.partial.clear();
        let Origin { execution, state_path, attempt } = self.origin.clone();
        // An error means that there is no follower.
        let _ = LINES.send(ProgramOutput { execution, state_path, attempt, stream: self.stream, text });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// The received lines of `state_path`: other tests print lines too.
    fn texts(follower: &mut broadcast::Receiver<ProgramOutput>, state_path: &str) -> Vec<String> {
        let lines = std::iter::from_fn(|| follower.try_recv().ok());
        lines.filter(|line| &*line.state_path == state_path).map(|line| line.text).collect()
    }

    #[test]
    fn lines_are_cut_at_their_ends_and_at_their_limit() {
        let mut follower = follow_programs();
        let mut splitter =
            LineSplitter::new(Origin::of(&StepContext::for_test("cut into lines")), ProgramStream::Output);
        splitter.add(b"one\ntw");
        splitter.add(b"o\n\n");
        splitter.add("x".repeat(LINE_BYTES_MAX * 2 + 3).as_bytes());
        splitter.finish();
        splitter.finish();
        let found = texts(&mut follower, "cut into lines");
        assert_eq!(found[..3], ["one", "two", ""]);
        assert_eq!(found[3..].iter().map(String::len).collect::<Vec<_>>(), [LINE_BYTES_MAX, LINE_BYTES_MAX, 3]);
    }

    #[test]
    fn a_follower_that_reads_nothing_costs_a_bounded_number_of_lines() {
        let mut follower = follow_programs();
        let mut splitter = LineSplitter::new(Origin::of(&StepContext::for_test("many lines")), ProgramStream::Error);
        splitter.add("line\n".repeat(LINES_MAX * 3).as_bytes());
        assert!(matches!(follower.try_recv(), Err(broadcast::error::TryRecvError::Lagged(_))));
        assert!(texts(&mut follower, "many lines").len() <= LINES_MAX);
    }
}
