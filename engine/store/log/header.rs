//! What stands at the beginning of a log file, twice: one copy is always whole, whatever a crash does to the other.

use super::{LogFile, StoreError, read_error, write_error};

/// Where the frames begin.
pub(super) const BYTES: u64 = 2 * COPY_BYTES;
const COPY_BYTES: u64 = 512;
const MAGIC: &[u8; 8] = b"flow-log";
/// Magic, four numbers, checksum.
const USED_BYTES: usize = 8 + 4 * 8 + 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// Counts the writings of headers: of two copies the later one counts.
    pub turn: u64,
    /// Part of every frame's checksum.
    pub salt: u64,
    /// The sequence of the first frame.
    pub first_sequence: u64,
    /// How long the file is at least.
    pub allocated_bytes: u64,
}

impl Header {
    /// Of a file that begins anew.
    pub fn new(turn: u64, first_sequence: u64) -> Self {
        Header { turn, salt: rand::random(), first_sequence, allocated_bytes: BYTES }
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for number in [self.turn, self.salt, self.first_sequence, self.allocated_bytes] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        let checksum = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (body, checksum) = bytes.get(..USED_BYTES)?.split_at(USED_BYTES - 4);
        if !body.starts_with(MAGIC) || crc32fast::hash(body).to_le_bytes() != checksum {
            return None;
        }
        let number = |index: usize| {
            let at = MAGIC.len() + index * 8;
            body[at..at + 8].try_into().map(u64::from_le_bytes)
        };
        Some(Header {
            turn: number(0).ok()?,
            salt: number(1).ok()?,
            first_sequence: number(2).ok()?,
            allocated_bytes: number(3).ok()?,
        })
    }
}

/// Writes a header over the older of its copies.
pub(super) fn write(file: &mut dyn LogFile, header: &Header) -> Result<(), StoreError> {
    let mut bytes = header.encode();
    bytes.resize(COPY_BYTES as usize, 0);
    file.write(header.turn % 2 * COPY_BYTES, &bytes).map_err(write_error)?;
    file.synchronize().map_err(write_error)
}

/// Writes both copies of the header of a file that begins anew and answers with the later one: the copy that an earlier turn of
/// the file left would be believed if the other were damaged.
pub(super) fn begin(file: &mut dyn LogFile, header: &Header) -> Result<Header, StoreError> {
    write(file, header)?;
    let second = Header { turn: header.turn + 1, ..*header };
    write(file, &second)?;
    Ok(second)
}

/// The header of a file; `None` for one that was never begun.
pub(super) fn read(file: &mut dyn LogFile) -> Result<Option<Header>, StoreError> {
    let length_bytes = file.length().map_err(read_error)?;
    let mut bytes = vec![0; length_bytes.min(BYTES) as usize];
    file.read(0, &mut bytes).map_err(read_error)?;
    let copies = bytes.chunks(COPY_BYTES as usize).take(2).filter_map(Header::decode);
    let Some(header) = copies.max_by_key(|header| header.turn) else {
        // No more than the headers' place is there before one of them is durable, and one of two is always whole.
        return match length_bytes > BYTES {
            true => Err(super::frame::damaged(format!("a file of {length_bytes} bytes has no header"))),
            false => Ok(None),
        };
    };
    if length_bytes < header.allocated_bytes && header.allocated_bytes > BYTES {
        let message = format!("a file of {} bytes has only {length_bytes} left", header.allocated_bytes);
        return Err(super::frame::damaged(message));
    }
    Ok(Some(header))
}
