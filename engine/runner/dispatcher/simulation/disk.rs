//! A simulated disk that distinguishes visible from durable data. A crash keeps, loses or tears unsynchronized writes, in any order. The
//! disk can also fail at any single operation.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::simulated_rng::SimulatedRng;
use crate::store::{Batch, ChangeRef, Index, LogFile, Record, Records, StoreError};

/// The size of the pieces into which a crash tears a write, in bytes: smaller than the sector of any disk.
const PIECE_BYTES: usize = 128;

type Bytes = Vec<u8>;

/// A file: visible data, durable data, and the changes between them.
#[derive(Default)]
struct File {
    seen: Bytes,
    durable: Bytes,
    waiting: Vec<FileChange>,
}

/// A change of a file that is visible and not yet durable.
enum FileChange {
    Put(usize, Bytes),
    Cut(usize),
}

/// A sorted map: visible data, durable data, and the changes between them.
#[derive(Default)]
struct Map {
    seen: BTreeMap<Bytes, Bytes>,
    durable: BTreeMap<Bytes, Bytes>,
    waiting: Vec<(Bytes, Option<Bytes>)>,
}

struct State {
    files: [File; 2],
    map: Map,
    random: SimulatedRng,
    /// The number of further operations that succeed.
    left: Option<usize>,
}

/// A handle; clones refer to the same disk.
#[derive(Clone)]
pub struct Disk(Arc<Mutex<State>>);

impl Disk {
    pub fn new(random: SimulatedRng) -> Self {
        let state = State { files: Default::default(), map: Map::default(), random, left: None };
        Disk(Arc::new(Mutex::new(state)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets `operations` more operations succeed. The next one fails in the middle, and all later ones fail.
    pub fn break_after(&self, operations: usize) {
        self.state().left = Some(operations);
    }

    pub fn is_broken(&self) -> bool {
        self.state().left == Some(0)
    }

    pub fn file(&self, index: usize) -> Box<dyn LogFile> {
        Box::new(SimulatedFile { disk: self.clone(), index })
    }

    /// Ends the process, perhaps by a loss of power: unsynchronized writes are then kept, lost or torn. Afterwards the disk works again.
    pub fn crash(&self) {
        let state = &mut *self.state();
        state.left = None;
        if state.random.in_thousand(400) {
            // Only the process ended: the next one reads everything from the system's cache, durable or not.
            return;
        }
        let kept_in_thousand = [1_000, 0, 500, 900, 100][state.random.below(5)];
        for file in &mut state.files {
            for change in std::mem::take(&mut file.waiting) {
                match change {
                    FileChange::Put(offset, bytes) => {
                        for (piece, number) in bytes.chunks(PIECE_BYTES).zip(0..) {
                            if state.random.in_thousand(kept_in_thousand) {
                                put(&mut file.durable, offset + number * PIECE_BYTES, piece);
                            }
                        }
                    }
                    FileChange::Cut(length) if state.random.in_thousand(kept_in_thousand) => {
                        file.durable.truncate(length)
                    }
                    FileChange::Cut(_) => {}
                }
            }
            file.seen.clone_from(&file.durable);
        }
        for (key, value) in std::mem::take(&mut state.map.waiting) {
            if state.random.in_thousand(kept_in_thousand) {
                set(&mut state.map.durable, key, value);
            }
        }
        state.map.seen = state.map.durable.clone();
    }
}

impl State {
    /// Counts an operation. `Err(true)` for the one that fails in the middle, `Err(false)` for all later ones.
    fn operation(&mut self) -> Result<(), bool> {
        match self.left {
            None => Ok(()),
            Some(0) => Err(false),
            Some(left) => {
                self.left = Some(left - 1);
                if left == 1 { Err(true) } else { Ok(()) }
            }
        }
    }
}

fn put(file: &mut Bytes, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[offset..end].copy_from_slice(bytes);
}

fn set(map: &mut BTreeMap<Bytes, Bytes>, key: Bytes, value: Option<Bytes>) {
    match value {
        Some(value) => drop(map.insert(key, value)),
        None => drop(map.remove(&key)),
    }
}

struct SimulatedFile {
    disk: Disk,
    index: usize,
}

fn broken() -> io::Error {
    io::Error::other("the simulated disk is broken")
}

impl LogFile for SimulatedFile {
    fn length(&mut self) -> io::Result<u64> {
        Ok(self.disk.state().files[self.index].seen.len() as u64)
    }

    fn read(&mut self, offset_bytes: u64, bytes: &mut [u8]) -> io::Result<()> {
        let state = self.disk.state();
        let from = offset_bytes as usize;
        let found = state.files[self.index].seen.get(from..from + bytes.len());
        bytes.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write(&mut self, offset_bytes: u64, bytes: &[u8]) -> io::Result<()> {
        let state = &mut *self.disk.state();
        let done = state.operation();
        if done != Err(false) {
            let kept = if done.is_ok() { bytes.len() } else { state.random.below(bytes.len()) };
            let file = &mut state.files[self.index];
            put(&mut file.seen, offset_bytes as usize, &bytes[..kept]);
            file.waiting.push(FileChange::Put(offset_bytes as usize, bytes[..kept].to_vec()));
        }
        done.map_err(|_| broken())
    }

    fn shorten(&mut self, length_bytes: u64) -> io::Result<()> {
        let state = &mut *self.disk.state();
        let done = state.operation();
        if done.is_ok() || (done == Err(true) && state.random.in_thousand(500)) {
            let file = &mut state.files[self.index];
            file.seen.truncate(length_bytes as usize);
            file.waiting.push(FileChange::Cut(length_bytes as usize));
        }
        done.map_err(|_| broken())
    }

    fn synchronize(&mut self) -> io::Result<()> {
        let state = &mut *self.disk.state();
        let done = state.operation();
        // An operation that fails in the middle may have had its complete effect.
        if done.is_ok() || (done == Err(true) && state.random.in_thousand(500)) {
            let file = &mut state.files[self.index];
            for change in file.waiting.drain(..) {
                match change {
                    FileChange::Put(offset, bytes) => put(&mut file.durable, offset, &bytes),
                    FileChange::Cut(length) => file.durable.truncate(length),
                }
            }
        }
        done.map_err(|_| broken())
    }
}

fn write_error(_: bool) -> StoreError {
    StoreError::write_error(&broken())
}

impl Records for Disk {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.state().map.seen.get(key).cloned())
    }

    fn scan(&self, prefix: &[u8], from: Option<&[u8]>, limit: usize) -> Result<Vec<Record>, StoreError> {
        let state = self.state();
        let records = state.map.seen.range(from.unwrap_or(prefix).to_vec()..);
        let records = records.take_while(|(key, _)| key.starts_with(prefix)).take(limit);
        Ok(records.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.write(&batch.by_reference())?;
        self.synchronize(None)
    }
}

impl Index for Disk {
    fn write(&self, changes: &[ChangeRef<'_>]) -> Result<(), StoreError> {
        let state = &mut *self.state();
        for (key, value) in changes {
            let (key, value) = (key.to_vec(), value.map(<[u8]>::to_vec));
            let done = state.operation();
            if done != Err(false) {
                set(&mut state.map.seen, key.clone(), value.clone());
                state.map.waiting.push((key, value));
            }
            done.map_err(write_error)?;
        }
        Ok(())
    }

    fn synchronize(&self, _position: Option<&[u8]>) -> Result<(), StoreError> {
        let state = &mut *self.state();
        let done = state.operation();
        if done.is_ok() || (done == Err(true) && state.random.in_thousand(500)) {
            for (key, value) in state.map.waiting.drain(..) {
                set(&mut state.map.durable, key, value);
            }
        }
        done.map_err(write_error)
    }

    /// None: the simulated index has no mirror.
    fn position(&self) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(None)
    }
}
