//! The content of a log file at opening.

use std::ops::Range;

/// The sequence of a frame, and the range of its payload in its file.
pub(super) type FrameAt = (u64, Range<usize>);

/// A log file as it was read, and its frames that are not in the index yet. Payloads are not copied: after a burst there may be
/// many.
pub struct FoundFile {
    pub(super) bytes: Vec<u8>,
    pub(super) frames: Vec<FrameAt>,
}

impl FoundFile {
    /// The sequences and payloads of the frames, in order.
    pub fn frames(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.frames.iter().map(|(sequence, range)| (*sequence, &self.bytes[range.clone()]))
    }

    /// The sequence of the last frame.
    pub fn last_sequence(&self) -> Option<u64> {
        self.frames.last().map(|(sequence, _)| *sequence)
    }
}
