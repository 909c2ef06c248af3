//! Reads and writes frames. The execution record contains the top frame; each other frame has a record of its own.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Batch, Store, StoreError, codec, keys, write::put};
use crate::machine::{FrameId, FrameRow, FrameWrite, Part, TOP_FRAME};

/// A frame's row, and a letter for each [`Part`] that is stored in a record of its own.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct StoredFrame<'f>(Cow<'f, FrameRow>, String);

impl<'f> StoredFrame<'f> {
    fn of(frame: &'f FrameWrite) -> Self {
        if frame.own_records.is_empty() {
            return StoredFrame(Cow::Borrowed(&frame.row), String::new());
        }
        let mut row = frame.row.clone();
        frame.own_records.iter().for_each(|part| row.set_part(*part, Value::Null));
        StoredFrame(Cow::Owned(row), frame.own_records.iter().map(|part| *part as u8 as char).collect())
    }
}

/// Writes the frames of a turn. Returns the top frame, which belongs to the execution record.
pub(super) fn put_all<'f>(
    batch: &mut Batch,
    id: &str,
    frames: &'f [FrameWrite],
) -> Result<Option<StoredFrame<'f>>, StoreError> {
    let mut top = None;
    for frame in frames {
        for part in &frame.changed {
            put(batch, keys::part(id, frame.row.id, *part as u8), &frame.row.part(*part))?;
        }
        frame.removed.iter().for_each(|part| batch.delete(keys::part(id, frame.row.id, *part as u8)));
        match frame.row.id {
            TOP_FRAME => top = Some(StoredFrame::of(frame)),
            number => put(batch, keys::frame(id, number), &StoredFrame::of(frame))?,
        }
    }
    Ok(top)
}

/// Deletes frames and their parts.
pub(super) fn delete_all(batch: &mut Batch, id: &str, frames: &[(FrameId, Vec<Part>)]) {
    for (frame, parts) in frames {
        if *frame != TOP_FRAME {
            batch.delete(keys::frame(id, *frame));
        }
        parts.iter().for_each(|part| batch.delete(keys::part(id, *frame, *part as u8)));
    }
}

impl Store {
    /// The frames of an execution, ordered by number.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn frames(&self, id: &str) -> Result<Vec<FrameRow>, StoreError> {
        self.at_one_moment(id, || match self.execution_record(id)? {
            Some(execution_record) => self.frames_below(id, execution_record.began.is_some(), execution_record.top),
            None => Ok(Vec::new()),
        })
    }

    /// One frame of an execution. The cost does not depend on the number of frames.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn frame(&self, id: &str, number: u64) -> Result<Option<FrameRow>, StoreError> {
        let found = self.at_one_moment(id, || {
            let Some(execution_record) = self.execution_record(id)? else { return Ok(Vec::new()) };
            let top = execution_record.top.filter(|top| top.0.id == number);
            self.frames_under(&keys::frame(id, number), id, execution_record.began.is_some(), top)
        })?;
        Ok(found.into_iter().find(|row| row.id == number))
    }

    /// All frames, with a top frame that was read already. The top frame of format 2 is ignored if the execution has continued in a
    /// later format.
    pub(super) fn frames_below(
        &self,
        id: &str,
        has_continued: bool,
        top: Option<StoredFrame<'_>>,
    ) -> Result<Vec<FrameRow>, StoreError> {
        self.frames_under(&keys::frames(id), id, has_continued, top)
    }

    /// The frames whose keys begin with `scanned`.
    fn frames_under(
        &self,
        scanned: &[u8],
        id: &str,
        has_continued: bool,
        top: Option<StoredFrame<'_>>,
    ) -> Result<Vec<FrameRow>, StoreError> {
        let prefix = keys::frames(id);
        let mut frames: Vec<StoredFrame<'_>> = top.into_iter().collect();
        for (key, bytes) in self.records.scan(scanned, None, usize::MAX)? {
            // A part follows its frame: its key has one byte more.
            let (number, part) = key[prefix.len()..].split_at(8.min(key.len() - prefix.len()));
            match part.first().and_then(|part| Part::of(*part)) {
                Some(part) => {
                    let frame =
                        frames.last_mut().ok_or_else(|| codec::damaged(&key, "its frame is missing".to_owned()))?;
                    frame.0.to_mut().set_part(part, codec::decode(&key, &bytes)?);
                    frame.1.retain(|waited| waited != part as u8 as char);
                }
                None if has_continued && number == TOP_FRAME.to_be_bytes() => {}
                None => frames.push(codec::decode(&key, &bytes)?),
            }
        }
        frames.into_iter().map(|frame| complete(id, frame)).collect()
    }
}

/// The row of a frame, if all its parts were found.
fn complete(id: &str, StoredFrame(row, missing): StoredFrame<'_>) -> Result<FrameRow, StoreError> {
    match missing.bytes().next() {
        None => Ok(row.into_owned()),
        Some(part) => Err(codec::damaged(&keys::part(id, row.id, part), "it is missing".to_owned())),
    }
}
