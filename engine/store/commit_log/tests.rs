//! The fear: an acknowledged commit is lost, or a torn one is applied.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::*;

/// A file in memory; clones are the same file.
#[derive(Clone, Default)]
struct Bytes(Arc<Mutex<Vec<u8>>>);

impl LogFile for Bytes {
    fn length(&mut self) -> std::io::Result<u64> {
        Ok(self.0.lock().unwrap().len() as u64)
    }

    fn read(&mut self, offset_bytes: u64, bytes: &mut [u8]) -> std::io::Result<()> {
        let from = offset_bytes as usize;
        bytes.copy_from_slice(&self.0.lock().unwrap()[from..from + bytes.len()]);
        Ok(())
    }

    fn write(&mut self, offset_bytes: u64, bytes: &[u8]) -> std::io::Result<()> {
        let mut file = self.0.lock().unwrap();
        let end = offset_bytes as usize + bytes.len();
        if file.len() < end {
            file.resize(end, 0);
        }
        file[offset_bytes as usize..end].copy_from_slice(bytes);
        Ok(())
    }

    fn shorten(&mut self, length_bytes: u64) -> std::io::Result<()> {
        self.0.lock().unwrap().truncate(length_bytes as usize);
        Ok(())
    }

    fn synchronize(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Writes the payload of a frame.
fn bytes<B: AsRef<[u8]>>(payload: B) -> impl FnOnce(&mut Vec<u8>) {
    move |bytes| bytes.extend_from_slice(payload.as_ref())
}

type Frames = Vec<(u64, Vec<u8>)>;

fn open(files: &[Bytes; 2], checkpoint: u64) -> Result<(CommitLog, Frames), StoreError> {
    let begun = files.iter().any(|file| !file.0.lock().unwrap().is_empty());
    let files: [Box<dyn LogFile>; 2] = [Box::new(files[0].clone()), Box::new(files[1].clone())];
    let (log, found) = CommitLog::open(files, begun.then_some(checkpoint))?;
    let frames = found.iter().flat_map(FoundFile::frames).map(|(sequence, bytes)| (sequence, bytes.to_vec()));
    Ok((log, frames.collect()))
}

#[test]
fn what_was_appended_is_found_in_order_after_any_number_of_turns() {
    let files = [Bytes::default(), Bytes::default()];
    let (mut log, found) = open(&files, 0).unwrap();
    assert!(found.is_empty());
    for number in 1..=20_u64 {
        assert_eq!(log.append(bytes(format!("commit {number}"))).unwrap(), number);
        if number % 6 == 0 {
            assert_eq!(log.switch().unwrap(), number);
        }
    }
    drop(log);
    // The switch at 18 implies that the index has everything up to 12.
    let (mut log, found) = open(&files, 12).unwrap();
    assert_eq!(found.iter().map(|(sequence, _)| *sequence).collect::<Vec<_>>(), (13..=20).collect::<Vec<_>>());
    assert_eq!(found[7].1, b"commit 20");
    assert_eq!(log.append(bytes(b"next")).unwrap(), 21);
    drop(log);
    assert_eq!(open(&files, 12).unwrap().1.last().unwrap(), &(21, b"next".to_vec()));
    assert_eq!(open(&files, 20).unwrap().1.len(), 1, "what the index has is not returned again");
    let error = open(&files, 3).err().unwrap();
    assert!(error.to_string().contains("from 4 to 12 are missing"), "{error}");
}

#[test]
fn a_torn_last_frame_is_ignored_and_overwritten() {
    let files = [Bytes::default(), Bytes::default()];
    let (mut log, _) = open(&files, 0).unwrap();
    log.append(bytes(b"first")).unwrap();
    let complete = log.offset_bytes as usize;
    log.append(bytes([7; 300])).unwrap();
    log.acknowledge();
    drop(log);
    // To the end: the acknowledgement marker follows it.
    files[0].0.lock().unwrap()[complete + 100..].fill(0);
    let (mut log, found) = open(&files, 0).unwrap();
    assert_eq!(found, [(1, b"first".to_vec())]);
    log.append(bytes(b"second")).unwrap();
    drop(log);
    assert_eq!(open(&files, 0).unwrap().1, [(1, b"first".to_vec()), (2, b"second".to_vec())]);
}

#[test]
fn a_truncated_file_is_reported() {
    let files = [Bytes::default(), Bytes::default()];
    open(&files, 0).unwrap().0.append(bytes(b"first")).unwrap();
    files[0].0.lock().unwrap().truncate(5_000);
    let error = open(&files, 0).err().unwrap();
    assert!(error.to_string().contains("only 5000 left"), "{error}");
    files[0].0.lock().unwrap().clear();
    let error = open(&files, 0).err().unwrap();
    assert!(error.to_string().contains("file 0 is gone"), "{error}");
    files[0].0.lock().unwrap().resize(header::BYTES as usize, 0);
    let error = open(&files, 0).err().unwrap();
    assert!(error.to_string().contains("neither file has a header"), "{error}");
}

#[test]
fn a_file_that_a_burst_made_long_is_short_again_when_its_turn_comes() {
    let files = [Bytes::default(), Bytes::default()];
    let (mut log, _) = open(&files, 0).unwrap();
    for _ in 0..100 {
        log.append(bytes([7; 10_000])).unwrap();
    }
    assert_eq!(log.switch().unwrap(), 100);
    log.append(bytes(b"between")).unwrap();
    let long = files[0].0.lock().unwrap().clone();
    assert_eq!(log.switch().unwrap(), 101);
    assert_eq!(files[0].0.lock().unwrap().len() as u64, KEPT_BYTES_MAX);
    log.append(bytes(b"after")).unwrap();
    drop(log);
    assert_eq!(open(&files, 101).unwrap().1, [(102, b"after".to_vec())]);
    // The power failed before the truncation was durable.
    let cut = files[0].0.lock().unwrap().len();
    files[0].0.lock().unwrap().extend_from_slice(&long[cut..]);
    let (mut log, found) = open(&files, 101).unwrap();
    assert_eq!(found, [(102, b"after".to_vec())]);
    log.append(bytes([8; 500_000])).unwrap();
    drop(log);
    assert_eq!(open(&files, 102).unwrap().1, [(103, vec![8; 500_000])]);
}

/// The commits 1 and 2 are in the index, 3 is in the active file.
fn on_its_second_turn() -> [Bytes; 2] {
    let files = [Bytes::default(), Bytes::default()];
    let (mut log, _) = open(&files, 0).unwrap();
    for _ in 0..2 {
        log.append(bytes([1; 100])).unwrap();
        log.switch().unwrap();
    }
    log.append(bytes(b"third")).unwrap();
    files
}

#[test]
fn the_header_of_an_earlier_use_does_not_replace_a_damaged_one() {
    for at in 0..header::BYTES as usize {
        let files = on_its_second_turn();
        files[0].0.lock().unwrap()[at] ^= 0x41;
        assert_eq!(open(&files, 2).unwrap().1, [(3, b"third".to_vec())], "byte {at}: one copy is complete");
    }
    let files = on_its_second_turn();
    files[0].0.lock().unwrap()[..header::BYTES as usize].fill(0);
    let error = open(&files, 2).err().unwrap();
    assert!(error.to_string().contains("has no header"), "{error}");
}

proptest! {
    /// The process was killed without a power failure: every frame was acknowledged, including the last one.
    #[test]
    fn a_flipped_byte_of_what_was_acknowledged_is_never_taken_for_the_end(at in any::<prop::sample::Index>(), bits in 1_u8..) {
        let files = [Bytes::default(), Bytes::default()];
        let (mut log, _) = open(&files, 0).unwrap();
        for number in 0..10_u8 {
            log.append(bytes([number; 150])).unwrap();
        }
        log.acknowledge();
        let frames_bytes = log.used_bytes() as usize;
        drop(log);
        let at = header::BYTES as usize + at.index(frames_bytes);
        files[0].0.lock().unwrap()[at] ^= bits;
        let error = open(&files, 0).err();
        prop_assert!(matches!(error, Some(StoreError::Damaged { .. })), "{error:?}");
    }

    #[test]
    fn no_bytes_make_the_log_panic(bytes in proptest::collection::vec(any::<u8>(), 0..3_000)) {
        let files = [Bytes::default(), Bytes::default()];
        *files[0].0.lock().unwrap() = bytes;
        let _ = open(&files, 0);
    }
}

/// Tries every offset.
fn later_sequence_slowly(header: &Header, bytes: &[u8], from: usize, next: u64) -> Option<u64> {
    let near = |sequence: u64| sequence.wrapping_sub(next) < bytes.len() as u64;
    (from..bytes.len())
        .filter_map(|at| frame::decode(header, bytes, at))
        .filter(|(sequence, _)| near(*sequence))
        .find_map(|(sequence, range)| (range.is_empty() || sequence > next).then_some(sequence))
}

proptest! {
    /// The fear: the fast search misses the proof that a commit is missing.
    #[test]
    fn the_proof_of_an_acknowledgement_is_found_at_every_offset(
        first in prop_oneof![Just(1_u64), (1_u64 << 32) - 40..(1 << 32) + 40, any::<u32>().prop_map(|first| u64::from(first) << 20)],
        before in proptest::collection::vec(prop_oneof![4 => Just(0_u8), 1 => any::<u8>()], 0..200),
        (ahead, length, after) in (0_u64..30, 0_usize..40, 0_usize..300),
    ) {
        let (header, next) = (Header::new(7, first), first + 20);
        let (mut bytes, mut frame) = (before, Vec::new());
        frame::encode(&header, next - 20 + ahead, self::bytes(vec![9; length]), &mut frame).unwrap();
        bytes.extend(frame);
        bytes.resize(bytes.len() + after, 0);
        prop_assert_eq!(frame::later_sequence(&header, &bytes, 0, next), later_sequence_slowly(&header, &bytes, 0, next));
    }
}
