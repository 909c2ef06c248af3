//! The commit log: what was committed and is not yet in its final place, in two files that take turns.
//!
//! A commit is one write at the end of a file whose blocks are there already, and one fdatasync: as fast as the disk. Each file
//! begins with a header that exists twice and names a salt; a frame that an earlier turn of the file left behind has another
//! salt and is not believed. One append at a time: a crash can tear the last frame, which nobody was told of, and no other. Behind
//! the last one stands, as soon as nothing more comes and without waiting for the disk, that it was acknowledged: what the system's
//! cache has outlives the process, so after anything but a loss of power a damaged last frame is told from a torn one.

mod file;
mod found;
mod frame;
mod framed;
mod header;
mod salvage;
#[cfg(test)]
mod tests;

pub(super) use file::count_synchronization;
pub use file::{DiskFile, LogFile, synchronizations};
pub use found::FoundFile;
pub(super) use framed::FramedFile;
use header::Header;
pub(super) use salvage::salvage;

use super::StoreError;

/// The first allocation of a new log file. Opening a store reads its log files completely, so a store with few executions must keep
/// them short.
const ALLOCATION_BYTES_MIN: u64 = if cfg!(test) { 32 * 1024 } else { 64 * 1024 };
/// The largest allocation. Allocations double, so that filling a file allocates five times.
const ALLOCATION_BYTES_MAX: u64 = if cfg!(test) { 256 * 1024 } else { 1088 * 1024 };
/// How much memory is kept ready for the next frame.
const SCRATCH_BYTES_MAX: usize = 256 * 1024;
/// What a file that a burst made longer keeps when it begins anew: it is read whole whenever the store is opened.
const KEPT_BYTES_MAX: u64 = if cfg!(test) { 128 * 1024 } else { 1536 * 1024 };

/// The two files of a log and where in them the next frame goes.
pub struct CommitLog {
    files: [Box<dyn LogFile>; 2],
    active: usize,
    header: Header,
    offset_bytes: u64,
    next_sequence: u64,
    /// Whether there is nothing left to say about the last frame.
    is_acknowledged: bool,
    /// What frames are written in.
    scratch: Vec<u8>,
}

impl CommitLog {
    /// Opens a log and answers with the files that hold frames behind `checkpoint`, the last sequence that is in its final place
    /// already (`None` where the final place has never heard of a log); the last of them is the one that grows.
    ///
    /// # Errors
    /// The files cannot be read or written, or a frame that was acknowledged is missing or damaged.
    pub fn open(files: [Box<dyn LogFile>; 2], checkpoint: Option<u64>) -> Result<(Self, Vec<FoundFile>), StoreError> {
        let mut files = files;
        let mut generations = Vec::new();
        for (index, file) in files.iter_mut().enumerate() {
            if checkpoint.is_some() && file.length().map_err(read_error)? < header::BYTES {
                return Err(frame::damaged(format!("file {index} is gone, or was cut off")));
            }
            if let Some(header) = header::read(file.as_mut())? {
                generations.push((index, header));
            }
        }
        generations.sort_by_key(|(_, header)| header.first_sequence);
        let arrived = |header: &Header| checkpoint.is_some_and(|checkpoint| header.first_sequence <= checkpoint + 1);
        if generations.get(1).is_some_and(|(_, header)| arrived(header)) {
            // The earlier file has nothing that is not in its final place.
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
            None if checkpoint.is_some() => return Err(frame::damaged("neither file has a header".to_owned())),
            None => (0, begin(&mut files, next_sequence)?, header::BYTES),
        };
        // A frame that only the system's cache still has would be acted on, and then lost with the power.
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

    /// Appends a frame of what `write` writes and returns its sequence when it is durable.
    ///
    /// # Errors
    /// The disk cannot be written: whether the frame is durable is not known.
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

    /// Says behind the last frame that it was acknowledged; the next frame takes the place of that. For when nothing more comes
    /// for now: a frame that is behind another says the same, and writing this after each of them costs a quarter of their rate.
    pub fn acknowledge(&mut self) {
        if std::mem::replace(&mut self.is_acknowledged, true) {
            return;
        }
        // Without it nothing is lost, only less is noticed.
        let mut bytes = Vec::new();
        if frame::encode(&self.header, self.next_sequence - 1, |_| (), &mut bytes).is_ok() {
            let _ = self.files[self.active].write(self.offset_bytes, &bytes);
        }
    }

    /// Goes on in the other file, whose frames are in their final place; answers the last sequence of this one.
    ///
    /// # Errors
    /// The disk cannot be written.
    pub fn switch(&mut self) -> Result<u64, StoreError> {
        let other = 1 - self.active;
        let length_bytes = self.files[other].length().map_err(write_error)?;
        let kept_bytes = length_bytes.clamp(header::BYTES, KEPT_BYTES_MAX);
        let header = Header { allocated_bytes: kept_bytes, ..Header::new(self.header.turn + 1, self.next_sequence) };
        let header = header::begin(self.files[other].as_mut(), &header)?;
        // Only now: a file that is shorter than its header says has lost something.
        if length_bytes > kept_bytes {
            self.files[other].shorten(kept_bytes).map_err(write_error)?;
        }
        self.acknowledge();
        (self.active, self.header, self.offset_bytes) = (other, header, header::BYTES);
        Ok(self.next_sequence - 1)
    }

    /// How long the active file's frames are.
    pub fn used_bytes(&self) -> u64 {
        self.offset_bytes - header::BYTES
    }

    /// Fills with zeros ahead, so that an append changes no more than the blocks it writes.
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
        self.header.turn += 1;
        header::write(file, &self.header)
    }
}

/// Reads the frames of a file that are not before `next_sequence`, and where the next one goes.
fn read(file: &mut dyn LogFile, header: &Header, next_sequence: u64) -> Result<(FoundFile, u64), StoreError> {
    let (found, end_bytes, damage) = read_whole(file, header, next_sequence)?;
    damage.map_or(Ok((found, end_bytes)), Err)
}

/// Reads the frames of a file that are whole and not before `next_sequence`, where the next one goes, and what is wrong.
fn read_whole(
    file: &mut dyn LogFile,
    header: &Header,
    next_sequence: u64,
) -> Result<(FoundFile, u64, Option<StoreError>), StoreError> {
    let bytes = file.read_whole().map_err(read_error)?;
    let frame::Frames { places: mut frames, end_bytes, damage } = frame::find_all(header, &bytes);
    frames.retain(|(sequence, _)| *sequence >= next_sequence);
    let missing = frames
        .first()
        .filter(|(first, _)| *first > next_sequence)
        .map(|(first, _)| frame::damaged(format!("the commits from {next_sequence} to {} are missing", first - 1)));
    Ok((FoundFile { bytes, frames }, end_bytes, missing.or(damage)))
}

/// Makes both files ready for the first frame.
fn begin(files: &mut [Box<dyn LogFile>; 2], next_sequence: u64) -> Result<Header, StoreError> {
    let header = Header::new(1, next_sequence);
    // From here on a file that is shorter has lost something.
    files[1].write(0, &[0; header::BYTES as usize]).map_err(write_error)?;
    files[1].synchronize().map_err(write_error)?;
    files[0].write(0, &[0; header::BYTES as usize]).map_err(write_error)?;
    header::begin(files[0].as_mut(), &header)
}

fn write_error(error: std::io::Error) -> StoreError {
    StoreError::write_error(&error)
}

fn read_error(error: std::io::Error) -> StoreError {
    StoreError::read_error(&error)
}
