//! The commit log: committed changes that are not in the index yet, in two files that alternate.
//!
//! A commit is one write at the end of a preallocated file and one fdatasync: as fast as the disk. Each file begins with a header, stored
//! twice, that has a salt. Frames of an earlier use of the file have another salt and are ignored. Commits are appended one at a time, so a
//! crash can only tear the last frame, which was not acknowledged. When the dispatcher is idle, it appends an acknowledgement marker
//! without fsync. The system's cache survives the process: after any crash but a power failure the marker distinguishes a damaged last
//! frame from a torn one.

mod file;
mod found;
pub(super) mod frame;
pub(super) mod header;
mod salvage;
#[cfg(test)]
mod tests;

pub(super) use file::count_synchronization;
pub use file::{DiskFile, LogFile, synchronizations};
pub use found::FoundFile;
use header::Header;
pub(super) use salvage::salvage;

use super::StoreError;

/// Its name in errors.
pub(super) const NAME: &str = "commit log";
/// The first allocation of a new log file. Opening a store reads its log files completely, so a store with few executions must keep
/// them short.
const ALLOCATION_BYTES_MIN: u64 = if cfg!(test) { 32 * 1024 } else { 64 * 1024 };
/// The largest allocation. Allocations double, so that a file is full after five of them.
const ALLOCATION_BYTES_MAX: u64 = if cfg!(test) { 256 * 1024 } else { 1088 * 1024 };
/// The largest buffer that is kept for the next frame.
const SCRATCH_BYTES_MAX: usize = 256 * 1024;
/// The maximum length of a file when it is used again. A burst makes files longer, and every opening reads them completely.
const KEPT_BYTES_MAX: u64 = if cfg!(test) { 128 * 1024 } else { 1536 * 1024 };

/// The two files of a log, and the offset of the next frame.
pub struct CommitLog {
    files: [Box<dyn LogFile>; 2],
    active: usize,
    header: Header,
    offset_bytes: u64,
    next_sequence: u64,
    /// Whether the last frame has its acknowledgement marker.
    is_acknowledged: bool,
    /// The buffer for encoding frames.
    scratch: Vec<u8>,
}

impl CommitLog {
    /// Opens a log and returns the files that have frames after `checkpoint`; the last of them is the active one. `checkpoint` is
    /// the last sequence in the index, `None` for a new index.
    ///
    /// # Errors
    /// The files cannot be read or written, or a frame that was acknowledged is missing or damaged.
    pub fn open(files: [Box<dyn LogFile>; 2], checkpoint: Option<u64>) -> Result<(Self, Vec<FoundFile>), StoreError> {
        let mut files = files;
        let mut generations = Vec::new();
        for (index, file) in files.iter_mut().enumerate() {
            if checkpoint.is_some() && file.length().map_err(read_error)? < header::BYTES {
                return Err(frame::damaged(NAME, format!("file {index} is gone, or was cut off")));
            }
            if let Some(header) = header::read(file.as_mut(), NAME)? {
                generations.push((index, header));
            }
        }
        generations.sort_by_key(|(_, header)| header.first_sequence);
        let is_in_index =
            |header: &Header| checkpoint.is_some_and(|checkpoint| header.first_sequence <= checkpoint + 1);
        if generations.get(1).is_some_and(|(_, header)| is_in_index(header)) {
            // The index has everything that is in the earlier file.
            generations.remove(0);
        }
        let mut next_sequence = checkpoint.unwrap_or_default() + 1;
        let mut found = Vec::new();
        let mut end = None;
        for (index, header) in generations {
            let (file, end_bytes) = read(files[index].as_mut(), &header, next_sequence)?;
            next_sequence = file.last_sequence().map_or(next_sequence, |last| last + 1);
            found.push(file);
            end = Some((index, header, end_bytes));
        }
        let is_new = end.is_none();
        let (active, header, offset_bytes) = match end {
            Some(end) => end,
            None if checkpoint.is_some() => return Err(frame::damaged(NAME, "neither file has a header".to_owned())),
            None => (0, begin(&mut files, next_sequence)?, header::BYTES),
        };
        // Synchronize first: a frame that only the system's cache has would be acted on, and then lost in a power failure.
        files[active].synchronize().map_err(write_error)?;
        let mut log = CommitLog {
            files,
            active,
            header,
            offset_bytes,
            next_sequence,
            is_acknowledged: true,
            scratch: Vec::new(),
        };
        if is_new {
            log.allocate(header::BYTES + ALLOCATION_BYTES_MIN)?;
        }
        Ok((log, found))
    }

    /// Appends a frame, encoded by `write`, and returns its sequence when it is durable.
    ///
    /// # Errors
    /// The disk cannot be written. Whether the frame is durable is unknown.
    pub fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Result<u64, StoreError> {
        let sequence = self.next_sequence;
        let mut bytes = std::mem::take(&mut self.scratch);
        frame::encode(&self.header, sequence, write, &mut bytes)?;
        let end_bytes = self.offset_bytes + bytes.len() as u64;
        self.allocate(end_bytes + frame::HEAD_BYTES as u64)?;
        let file = self.files[self.active].as_mut();
        file.write(self.offset_bytes, &bytes).map_err(write_error)?;
        file.synchronize().map_err(write_error)?;
        bytes.clear();
        bytes.shrink_to(SCRATCH_BYTES_MAX);
        self.scratch = bytes;
        self.offset_bytes = end_bytes;
        self.next_sequence += 1;
        self.is_acknowledged = false;
        Ok(sequence)
    }

    /// Writes the acknowledgement marker after the last frame. The next frame overwrites it. Only called when the dispatcher is
    /// idle: a later frame acknowledges the previous one too, and a marker after each frame would cost a quarter of their rate.
    pub fn acknowledge(&mut self) {
        if std::mem::replace(&mut self.is_acknowledged, true) {
            return;
        }
        // Without the marker nothing is lost, but damage to the last frame is not detected.
        let mut bytes = Vec::new();
        if frame::encode(&self.header, self.next_sequence - 1, |_| (), &mut bytes).is_ok() {
            let _ = self.files[self.active].write(self.offset_bytes, &bytes);
        }
    }

    /// Makes the other file the active one; the index has all its frames. Returns the last sequence of the previous file.
    ///
    /// # Errors
    /// The disk cannot be written.
    pub fn switch(&mut self) -> Result<u64, StoreError> {
        let other = 1 - self.active;
        let length_bytes = self.files[other].length().map_err(write_error)?;
        let kept_bytes = length_bytes.clamp(header::BYTES, KEPT_BYTES_MAX);
        let header =
            Header { allocated_bytes: kept_bytes, ..Header::new(self.header.generation + 1, self.next_sequence) };
        let header = header::begin(self.files[other].as_mut(), &header)?;
        // After the header: a file that is shorter than the length in its header is reported as damaged.
        if length_bytes > kept_bytes {
            self.files[other].shorten(kept_bytes).map_err(write_error)?;
        }
        self.acknowledge();
        (self.active, self.header, self.offset_bytes) = (other, header, header::BYTES);
        Ok(self.next_sequence - 1)
    }

    /// The length of the frames in the active file.
    pub fn used_bytes(&self) -> u64 {
        self.offset_bytes - header::BYTES
    }

    /// Preallocates with zeros, so that an append changes no other blocks than those it writes.
    fn allocate(&mut self, end_bytes: u64) -> Result<(), StoreError> {
        if end_bytes <= self.header.allocated_bytes {
            return Ok(());
        }
        let file = self.files[self.active].as_mut();
        let from_bytes = self.header.allocated_bytes;
        let to_bytes = end_bytes.max(from_bytes + from_bytes.clamp(ALLOCATION_BYTES_MIN, ALLOCATION_BYTES_MAX));
        let zeros = vec![0; (to_bytes - from_bytes) as usize];
        file.write(from_bytes, &zeros).map_err(write_error)?;
        file.synchronize().map_err(write_error)?;
        self.header.allocated_bytes = to_bytes;
        self.header.generation += 1;
        header::write(file, &self.header)
    }
}

/// Reads the frames of a file from `next_sequence` on, and the offset of the next frame.
fn read(file: &mut dyn LogFile, header: &Header, next_sequence: u64) -> Result<(FoundFile, u64), StoreError> {
    let (found, end_bytes, damage) = read_frames(file, header, next_sequence)?;
    damage.map_or(Ok((found, end_bytes)), Err)
}

/// Reads the complete frames of a file from `next_sequence` on, the offset of the next frame, and the damage.
fn read_frames(
    file: &mut dyn LogFile,
    header: &Header,
    next_sequence: u64,
) -> Result<(FoundFile, u64, Option<StoreError>), StoreError> {
    let bytes = file.read_all().map_err(read_error)?;
    let frame::FoundFrames { mut frames, end_bytes, damage } = frame::find_all(header, &bytes);
    frames.retain(|(sequence, _)| *sequence >= next_sequence);
    let missing = frames.first().filter(|(first, _)| *first > next_sequence).map(|(first, _)| {
        frame::damaged(NAME, format!("the commits from {next_sequence} to {} are missing", first - 1))
    });
    Ok((FoundFile { bytes, frames }, end_bytes, missing.or(damage)))
}

/// Prepares both files for the first frame.
fn begin(files: &mut [Box<dyn LogFile>; 2], next_sequence: u64) -> Result<Header, StoreError> {
    let header = Header::new(1, next_sequence);
    // From here on a file that is shorter is reported as damaged.
    files[1].write(0, &[0; header::BYTES as usize]).map_err(write_error)?;
    files[1].synchronize().map_err(write_error)?;
    files[0].write(0, &[0; header::BYTES as usize]).map_err(write_error)?;
    header::begin(files[0].as_mut(), &header)
}

pub(super) fn write_error(error: std::io::Error) -> StoreError {
    StoreError::write_error(&error)
}

pub(super) fn read_error(error: std::io::Error) -> StoreError {
    StoreError::read_error(&error)
}
