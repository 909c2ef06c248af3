//! What a file of the log held when it was opened.

use std::ops::Range;

/// The sequence of a frame, and where what it holds lies in its file.
pub(super) type FrameAt = (u64, Range<usize>);

/// A file as it was read, and where in it the frames are that have not arrived at their final place. Nothing is copied: a burst
/// may have left many.
pub struct FoundFile {
    pub(super) bytes: Vec<u8>,
    pub(super) frames: Vec<FrameAt>,
}

impl FoundFile {
    /// The sequences of the frames and what they hold, in order.
    pub fn frames(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.frames.iter().map(|(sequence, range)| (*sequence, &self.bytes[range.clone()]))
    }

    /// The sequence of the last frame.
    pub fn last_sequence(&self) -> Option<u64> {
        self.frames.last().map(|(sequence, _)| *sequence)
    }
}
