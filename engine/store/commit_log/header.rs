//! The header of a log file. It is stored twice: a crash while one copy is written leaves the other one intact.

use super::{LogFile, StoreError, read_error, write_error};

/// The offset of the first frame.
pub(in crate::store) const BYTES: u64 = 2 * COPY_BYTES;
const COPY_BYTES: u64 = 512;
const MAGIC: &[u8; 8] = b"flow-log";
/// Magic, four numbers, checksum.
const USED_BYTES: usize = 8 + 4 * 8 + 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Header {
    /// Counts the writes of headers: the copy with the larger number is valid.
    pub generation: u64,
    /// Part of every frame's checksum.
    pub salt: u64,
    /// The sequence of the first frame.
    pub first_sequence: u64,
    /// The minimum length of the file.
    pub allocated_bytes: u64,
}

impl Header {
    /// The header of a file that is used anew.
    pub fn new(generation: u64, first_sequence: u64) -> Self {
        Header { generation, salt: rand::random(), first_sequence, allocated_bytes: BYTES }
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for number in [self.generation, self.salt, self.first_sequence, self.allocated_bytes] {
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
            generation: number(0).ok()?,
            salt: number(1).ok()?,
            first_sequence: number(2).ok()?,
            allocated_bytes: number(3).ok()?,
        })
    }
}

/// Writes a header over the older of the two copies.
pub(in crate::store) fn write(file: &mut dyn LogFile, header: &Header) -> Result<(), StoreError> {
    let mut bytes = header.encode();
    bytes.resize(COPY_BYTES as usize, 0);
    file.write(header.generation % 2 * COPY_BYTES, &bytes).map_err(write_error)?;
    file.synchronize().map_err(write_error)
}

/// Writes both copies of the header when a file is used again, and returns the later copy. With only one new copy, damage to it would make
/// the copy of the earlier use valid.
pub(in crate::store) fn begin(file: &mut dyn LogFile, header: &Header) -> Result<Header, StoreError> {
    write(file, header)?;
    let second = Header { generation: header.generation + 1, ..*header };
    write(file, &second)?;
    Ok(second)
}

/// The header of a file of `log`, which an error names; `None` if the file was never used.
pub(in crate::store) fn read(file: &mut dyn LogFile, log: &str) -> Result<Option<Header>, StoreError> {
    let length_bytes = file.length().map_err(read_error)?;
    let mut bytes = vec![0; length_bytes.min(BYTES) as usize];
    file.read(0, &mut bytes).map_err(read_error)?;
    let copies = bytes.chunks(COPY_BYTES as usize).take(2).filter_map(Header::decode);
    let Some(header) = copies.max_by_key(|header| header.generation) else {
        // Until a header is durable, the file has only the space for headers. After that, one of the two copies is complete.
        return match length_bytes > BYTES {
            true => Err(super::frame::damaged(log, format!("a file of {length_bytes} bytes has no header"))),
            false => Ok(None),
        };
    };
    if length_bytes < header.allocated_bytes && header.allocated_bytes > BYTES {
        let message = format!("a file of {} bytes has only {length_bytes} left", header.allocated_bytes);
        return Err(super::frame::damaged(log, message));
    }
    Ok(Some(header))
}
