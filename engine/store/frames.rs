//! Frames as they stand in the store: the top one in the record that says how its execution stands, each other for itself.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Batch, Store, StoreError, codec, commit::put, keys};
use crate::machine::{FrameId, FrameRow, FrameWrite, Part, TOP_FRAME};

/// A frame's row, and which of its values lie for themselves: a letter for each [`Part`].
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct StoredFrame<'f>(Cow<'f, FrameRow>, String);

impl<'f> StoredFrame<'f> {
    fn of(frame: &'f FrameWrite) -> Self {
        if frame.apart.is_empty() {
            return StoredFrame(Cow::Borrowed(&frame.row), String::new());
        }
        let mut row = frame.row.clone();
        frame.apart.iter().for_each(|part| row.set_part(*part, Value::Null));
        StoredFrame(Cow::Owned(row), frame.apart.iter().map(|part| *part as u8 as char).collect())
    }
}

/// Writes the frames of a turn; answers the top one, which belongs to how the execution stands.
pub(super) fn put_all<'f>(
    batch: &mut Batch,
    id: &str,
    frames: &'f [FrameWrite],
) -> Result<Option<StoredFrame<'f>>, StoreError> {
    let mut top = None;
    for frame in frames {
        for part in &frame.written {
            put(batch, keys::part(id, frame.row.id, *part as u8), &frame.row.part(*part))?;
        }
        frame.left.iter().for_each(|part| batch.delete(keys::part(id, frame.row.id, *part as u8)));
        match frame.row.id {
            TOP_FRAME => top = Some(StoredFrame::of(frame)),
            number => put(batch, keys::frame(id, number), &StoredFrame::of(frame))?,
        }
    }
    Ok(top)
}

/// Deletes frames with their long values.
pub(super) fn delete_all(batch: &mut Batch, id: &str, frames: &[(FrameId, Vec<Part>)]) {
    for (frame, parts) in frames {
        if *frame != TOP_FRAME {
            batch.delete(keys::frame(id, *frame));
        }
        parts.iter().for_each(|part| batch.delete(keys::part(id, *frame, *part as u8)));
    }
}

impl Store {
    /// An execution's frames, in the order of their numbers.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn frames(&self, id: &str) -> Result<Vec<FrameRow>, StoreError> {
        self.at_one_moment(id, || match self.standing(id)? {
            Some(standing) => self.frames_below(id, standing.began.is_some(), standing.top),
            None => Ok(Vec::new()),
        })
    }

    /// One frame of an execution, which costs the same however many others it has.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn frame(&self, id: &str, number: u64) -> Result<Option<FrameRow>, StoreError> {
        let found = self.at_one_moment(id, || {
            let Some(standing) = self.standing(id)? else { return Ok(Vec::new()) };
            let top = standing.top.filter(|top| top.0.id == number);
            self.frames_under(&keys::frame(id, number), id, standing.began.is_some(), top)
        })?;
        Ok(found.into_iter().find(|row| row.id == number))
    }

    /// The same, of which the top one has been read. Of an execution that has gone on in this format, the top frame of format 2
    /// is not believed any more.
    pub(super) fn frames_below(
        &self,
        id: &str,
        has_gone_on: bool,
        top: Option<StoredFrame<'_>>,
    ) -> Result<Vec<FrameRow>, StoreError> {
        self.frames_under(&keys::frames(id), id, has_gone_on, top)
    }

    /// The frames whose keys begin with `scanned`.
    fn frames_under(
        &self,
        scanned: &[u8],
        id: &str,
        has_gone_on: bool,
        top: Option<StoredFrame<'_>>,
    ) -> Result<Vec<FrameRow>, StoreError> {
        let prefix = keys::frames(id);
        let mut frames: Vec<StoredFrame<'_>> = top.into_iter().collect();
        for (key, bytes) in self.records.scan(scanned, None, usize::MAX)? {
            // A part lies right behind its frame and has a byte more.
            let (number, part) = key[prefix.len()..].split_at(8.min(key.len() - prefix.len()));
            match part.first().and_then(|part| Part::of(*part)) {
                Some(part) => {
                    let frame =
                        frames.last_mut().ok_or_else(|| codec::damaged(&key, "its frame is missing".to_owned()))?;
                    frame.0.to_mut().set_part(part, codec::decode(&key, &bytes)?);
                    frame.1.retain(|waited| waited != part as u8 as char);
                }
                None if has_gone_on && number == TOP_FRAME.to_be_bytes() => {}
                None => frames.push(codec::decode(&key, &bytes)?),
            }
        }
        frames.into_iter().map(|frame| whole(id, frame)).collect()
    }
}

/// The row of a frame all of whose long values were found.
fn whole(id: &str, StoredFrame(row, missing): StoredFrame<'_>) -> Result<FrameRow, StoreError> {
    match missing.bytes().next() {
        None => Ok(row.into_owned()),
        Some(part) => Err(codec::damaged(&keys::part(id, row.id, part), "it is missing".to_owned())),
    }
}
