//! Reads a program's standard output and standard error with bounded memory.

use std::collections::VecDeque;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::lines::LineSplitter;

/// The number of bytes that are read at once.
const CHUNK_BYTES: usize = 16 << 10;

/// The first bytes of a stream, up to a limit.
pub(super) struct Head {
    bytes: Vec<u8>,
    bytes_max: usize,
}

impl Head {
    pub fn new(bytes_max: usize) -> Self {
        Head { bytes: Vec::new(), bytes_max }
    }

    /// Reads to the end of the stream. Calls `exceeded` once if the limit is exceeded. Further bytes are discarded, so
    /// that the program does not block.
    pub async fn fill(&mut self, stream: Option<impl AsyncRead + Unpin>, mut lines: LineSplitter, exceeded: impl Fn()) {
        let Some(mut stream) = stream else { return };
        let mut chunk = vec![0; CHUNK_BYTES];
        while let Some(bytes) = read(&mut stream, &mut chunk).await {
            lines.add(bytes);
            if self.is_exceeded() {
                continue;
            }
            // One byte more than the limit shows that it is exceeded.
            let room = self.bytes_max + 1 - self.bytes.len();
            self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
            if self.is_exceeded() {
                exceeded();
            }
        }
        lines.finish();
    }

    /// Whether the stream had more bytes than the limit.
    pub fn is_exceeded(&self) -> bool {
        self.bytes.len() > self.bytes_max
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// The last bytes of a stream.
pub(super) struct Tail {
    bytes: VecDeque<u8>,
    bytes_max: usize,
}

impl Tail {
    pub fn new(bytes_max: usize) -> Self {
        Tail { bytes: VecDeque::new(), bytes_max }
    }

    /// Reads to the end of the stream.
    pub async fn fill(&mut self, stream: Option<impl AsyncRead + Unpin>, mut lines: LineSplitter) {
        let Some(mut stream) = stream else { return };
        let mut chunk = vec![0; CHUNK_BYTES];
        while let Some(bytes) = read(&mut stream, &mut chunk).await {
            lines.add(bytes);
            self.bytes.extend(bytes);
            let surplus = self.bytes.len().saturating_sub(self.bytes_max);
            self.bytes.drain(..surplus);
        }
        lines.finish();
    }

    pub fn into_text(self) -> String {
        String::from_utf8_lossy(&Vec::from(self.bytes)).into_owned()
    }
}

/// The next bytes; `None` at the end. A read error counts as the end.
async fn read<'chunk>(stream: &mut (impl AsyncRead + Unpin), chunk: &'chunk mut [u8]) -> Option<&'chunk [u8]> {
    match stream.read(chunk).await {
        Ok(0) | Err(_) => None,
        Ok(count) => chunk.get(..count),
    }
}

/// The last `count` characters of a text.
pub(super) fn last_characters(text: &str, count: usize) -> &str {
    let start = text.char_indices().rev().take(count).last().map_or(text.len(), |(start, _)| start);
    &text[start..]
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use engine::step::StepContext;

    use super::*;
    use crate::process::lines::{Origin, ProgramStream};

    fn lines() -> LineSplitter {
        LineSplitter::new(Origin::of(&StepContext::for_test("")), ProgramStream::Output)
    }

    #[tokio::test]
    async fn a_head_is_exceeded_by_one_byte_and_keeps_no_more() {
        for (length, exceeds) in [(0, false), (99_999, false), (100_000, false), (100_001, true), (5_000_000, true)] {
            let (mut head, calls) = (Head::new(100_000), Cell::new(0));
            head.fill(Some(&vec![b'x'; length][..]), lines(), || calls.set(calls.get() + 1)).await;
            assert_eq!((head.is_exceeded(), calls.get()), (exceeds, usize::from(exceeds)), "{length}");
            assert_eq!(head.into_bytes().len(), length.min(100_001));
        }
    }

    #[tokio::test]
    async fn a_tail_keeps_the_last_bytes_only() {
        let mut tail = Tail::new(10);
        tail.fill(Some(&b"a long text that ends with: the end"[..]), lines()).await;
        assert_eq!(tail.into_text(), "h: the end");
    }

    #[test]
    fn characters_are_counted_and_not_bytes() {
        assert_eq!(last_characters("äöü", 2), "öü");
        assert_eq!(last_characters("äöü", 3), "äöü");
        assert_eq!(last_characters("äöü", 9), "äöü");
        assert_eq!(last_characters("äöü", 0), "");
    }
}
