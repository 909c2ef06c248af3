//! A file of log frames that grows at its end and is read frame by frame, because it may be larger than memory.

use crate::store::{
    StoreError,
    commit_log::{
        LogFile, frame,
        header::{self, Header},
        read_error, write_error,
    },
};

/// The sequence of a log frame that was read, the offset of the next one, and the payload.
pub(super) type FrameRead = (u64, u64, Vec<u8>);

/// A file of log frames. The caller has their offsets.
pub(super) struct LogFrameFile {
    file: Box<dyn LogFile>,
    header: Header,
}

impl LogFrameFile {
    /// Prepares an empty file.
    pub fn begin(mut file: Box<dyn LogFile>) -> Result<Self, StoreError> {
        file.write(0, &[0; header::BYTES as usize]).map_err(write_error)?;
        let header = header::begin(file.as_mut(), &Header::new(1, 1))?;
        Ok(LogFrameFile { file, header })
    }

    /// Opens a file of `log`, which an error names; `None` if it was never prepared.
    pub fn open(mut file: Box<dyn LogFile>, log: &str) -> Result<Option<Self>, StoreError> {
        let header = header::read(file.as_mut(), log)?;
        Ok(header.map(|header| LogFrameFile { file, header }))
    }

    /// The offset of the first frame.
    pub(crate) fn begins_bytes(&self) -> u64 {
        header::BYTES
    }

    /// Distinguishes this file from other mirrors of the same store.
    pub(crate) fn salt(&self) -> u64 {
        self.header.salt
    }

    pub(crate) fn length_bytes(&mut self) -> Result<u64, StoreError> {
        self.file.length().map_err(read_error)
    }

    pub fn shorten(&mut self, length_bytes: u64) -> Result<(), StoreError> {
        self.file.shorten(length_bytes).map_err(write_error)
    }

    /// Writes a frame and returns the offset of its end.
    pub fn write(&mut self, at_bytes: u64, sequence: u64, payload: &[u8]) -> Result<u64, StoreError> {
        let mut bytes = Vec::with_capacity(frame::HEAD_BYTES + payload.len());
        frame::encode(&self.header, sequence, |bytes| bytes.extend_from_slice(payload), &mut bytes)?;
        self.file.write(at_bytes, &bytes).map_err(write_error)?;
        Ok(at_bytes + bytes.len() as u64)
    }

    pub(crate) fn synchronize(&mut self) -> Result<(), StoreError> {
        self.file.synchronize().map_err(write_error)
    }

    /// The offset at which the frame at `at_bytes` ends, by the length in its head.
    pub(crate) fn end_of(&mut self, at_bytes: u64) -> Result<Option<u64>, StoreError> {
        let length_bytes = self.length_bytes()?;
        let mut head = [0; frame::HEAD_BYTES];
        let payload_bytes = at_bytes + frame::HEAD_BYTES as u64;
        if payload_bytes > length_bytes {
            return Ok(None);
        }
        self.file.read(at_bytes, &mut head).map_err(read_error)?;
        let end_bytes = payload_bytes + u64::from(frame::payload_length(head));
        Ok((end_bytes > payload_bytes && end_bytes <= length_bytes).then_some(end_bytes))
    }

    /// The frame at this offset, if it is complete.
    pub fn read(&mut self, at_bytes: u64) -> Result<Option<FrameRead>, StoreError> {
        let Some(end_bytes) = self.end_of(at_bytes)? else { return Ok(None) };
        let mut bytes = vec![0; (end_bytes - at_bytes) as usize];
        self.file.read(at_bytes, &mut bytes).map_err(read_error)?;
        let Some((sequence, range)) = frame::decode(&self.header, &bytes, 0) else { return Ok(None) };
        Ok(Some((sequence, end_bytes, bytes.split_off(range.start))))
    }

    /// The sequence of a frame after this offset that is later than `next`. If one exists, the frame at this offset is damaged, not torn.
    pub(crate) fn later_than(&mut self, at_bytes: u64, next: u64) -> Result<Option<u64>, StoreError> {
        let mut bytes = vec![0; self.length_bytes()?.saturating_sub(at_bytes) as usize];
        self.file.read(at_bytes, &mut bytes).map_err(read_error)?;
        Ok(frame::later_sequence(&self.header, &bytes, 0, next))
    }
}
