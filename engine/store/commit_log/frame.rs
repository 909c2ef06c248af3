//! A frame: length, checksum, sequence, payload. A frame without payload is the acknowledgement marker of the previous one.

use memchr::memmem;

use super::{
    NAME, StoreError,
    found::FrameAt,
    header::{self, Header},
};

const SEQUENCE_BYTES: usize = 8;
pub(in crate::store) const HEAD_BYTES: usize = 4 + 4 + SEQUENCE_BYTES;
/// The number of bytes that are compared with zero at once.
const ZEROS_AT_ONCE: usize = 64;

/// The error of damage to a log: the commit log or the mirror.
pub(in crate::store) fn damaged(log: &str, message: String) -> StoreError {
    StoreError::Damaged { key: log.to_owned(), message }
}

/// Encodes a frame into `bytes`; `write` appends the payload. An empty payload makes an acknowledgement marker: if the frame that
/// it follows is unreadable, that frame is damaged, not torn.
pub(in crate::store) fn encode(
    header: &Header,
    sequence: u64,
    write: impl FnOnce(&mut Vec<u8>),
    bytes: &mut Vec<u8>,
) -> Result<(), StoreError> {
    bytes.clear();
    bytes.resize(HEAD_BYTES, 0);
    write(bytes);
    let (head, payload) = bytes.split_at_mut(HEAD_BYTES);
    let length = u32::try_from(payload.len())
        .map_err(|_| StoreError::Encode { message: "a commit is longer than 4 GiB".to_owned() })?;
    head[..4].copy_from_slice(&length.to_le_bytes());
    head[4..8].copy_from_slice(&checksum(header, sequence, payload).to_le_bytes());
    head[8..].copy_from_slice(&sequence.to_le_bytes());
    Ok(())
}

fn checksum(header: &Header, sequence: u64, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&header.salt.to_le_bytes());
    hasher.update(&sequence.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

/// The length of the payload, as the head of a frame has it.
pub(in crate::store) fn payload_length(head: [u8; HEAD_BYTES]) -> u32 {
    let [first, second, third, fourth, ..] = head;
    u32::from_le_bytes([first, second, third, fourth])
}

/// The sequence of the frame at an offset, and the range of its payload.
pub(in crate::store) fn decode(header: &Header, bytes: &[u8], at: usize) -> Option<FrameAt> {
    let head: [u8; HEAD_BYTES] = bytes.get(at..at + HEAD_BYTES)?.try_into().ok()?;
    let length = payload_length(head) as usize;
    let stored = u32::from_le_bytes(head[4..8].try_into().ok()?);
    let sequence = u64::from_le_bytes(head[8..].try_into().ok()?);
    // Zeros were never written.
    if sequence < header.first_sequence {
        return None;
    }
    let range = at + HEAD_BYTES..at.checked_add(HEAD_BYTES)?.checked_add(length)?;
    let payload = bytes.get(range.clone())?;
    (checksum(header, sequence, payload) == stored).then_some((sequence, range))
}

/// The frames of a file, the offset after the last one, and the damage if a frame is missing.
pub(in crate::store) struct FoundFrames {
    pub frames: Vec<FrameAt>,
    pub end_bytes: u64,
    pub damage: Option<StoreError>,
}

/// Finds the frames of a file of the commit log up to the first unreadable one.
pub(in crate::store) fn find_all(header: &Header, bytes: &[u8]) -> FoundFrames {
    let mut frames = Vec::new();
    let mut at = header::BYTES as usize;
    while let Some((sequence, range)) = decode(header, bytes, at) {
        if range.is_empty() || sequence != header.first_sequence + frames.len() as u64 {
            break;
        }
        at = range.end;
        frames.push((sequence, range));
    }
    let next = header.first_sequence + frames.len() as u64;
    let damage = later_sequence(header, bytes, at, next).map(|later| match later == next {
        true => damaged(NAME, format!("the commit {next} was acknowledged and cannot be read")),
        false => damaged(NAME, format!("the commit {next} cannot be read, and the later commit {later} can")),
    });
    FoundFrames { frames, end_bytes: at as u64, damage }
}

/// The sequence that proves that the unreadable commit `next` was acknowledged: of its acknowledgement marker, or of a complete
/// later frame.
pub(in crate::store) fn later_sequence(header: &Header, bytes: &[u8], from: usize, next: u64) -> Option<u64> {
    let bytes = &bytes[..written_bytes(bytes).saturating_add(HEAD_BYTES).min(bytes.len())];
    // Even the shortest command reads the files. Searching the upper half of a sequence is faster than searching a sequence, which
    // may be any that fits into the file.
    let is_near = |sequence: u64| sequence.wrapping_sub(next) < bytes.len() as u64;
    let upper_half = |sequence: u64| ((sequence >> 32) as u32).to_le_bytes();
    let mut halves = vec![upper_half(next), upper_half(next.saturating_add(bytes.len() as u64))];
    halves.dedup();
    halves.iter().find_map(|half| {
        offsets_of(bytes, from + HEAD_BYTES - half.len(), half)
            .map(|at| at + half.len() - HEAD_BYTES)
            .filter(|at| sequence_at(bytes, *at).is_some_and(is_near))
            .filter_map(|at| decode(header, bytes, at))
            .find_map(|(sequence, range)| (range.is_empty() || sequence > next).then_some(sequence))
    })
}

/// The length without the zeros at the end of the file.
fn written_bytes(bytes: &[u8]) -> usize {
    let zeros = bytes.rchunks(ZEROS_AT_ONCE).take_while(|chunk| chunk.iter().fold(0, |all, byte| all | byte) == 0);
    bytes.len() - zeros.map(<[u8]>::len).sum::<usize>()
}

/// Every offset of `wanted` bytes from an offset on; matches may overlap.
fn offsets_of(bytes: &[u8], from: usize, wanted: &[u8]) -> impl Iterator<Item = usize> {
    let mut next = from;
    std::iter::from_fn(move || {
        let at = next + memmem::find(bytes.get(next..)?, wanted)?;
        next = at + 1;
        Some(at)
    })
}

fn sequence_at(bytes: &[u8], head_at: usize) -> Option<u64> {
    let sequence = bytes.get(head_at + HEAD_BYTES - SEQUENCE_BYTES..head_at + HEAD_BYTES)?;
    sequence.try_into().ok().map(u64::from_le_bytes)
}
