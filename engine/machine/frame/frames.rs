//! The frames of an execution: a hash map by number, iterated in order.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    ops::{Index, IndexMut},
    sync::Arc,
};

use serde_json::{Map, Value};

use super::{Frame, FrameId};

/// The frames of an execution. Every event reads several frames: with five thousand iterations, a tree map would double the cost.
#[derive(Debug, Clone, Default)]
pub struct Frames {
    by_number: HashMap<FrameId, Box<Frame>, BuildHasherDefault<NumberHasher>>,
    no_input: Arc<Value>,
    no_variables: Arc<Map<String, Value>>,
}

impl Frames {
    /// The number of frames.
    pub fn len(&self) -> usize {
        self.by_number.len()
    }

    /// Whether no frames are left: the execution has succeeded.
    pub fn is_empty(&self) -> bool {
        self.by_number.is_empty()
    }

    /// The frame with this number.
    pub fn get(&self, id: FrameId) -> Option<&Frame> {
        self.by_number.get(&id).map(Box::as_ref)
    }

    /// The frame with this number, for changes.
    pub fn get_mut(&mut self, id: FrameId) -> Option<&mut Frame> {
        self.by_number.get_mut(&id).map(Box::as_mut)
    }

    /// The frames in the order of their numbers.
    pub fn in_order(&self) -> std::vec::IntoIter<&Frame> {
        let mut frames: Vec<&Frame> = self.by_number.values().map(Box::as_ref).collect();
        frames.sort_unstable_by_key(|frame| frame.row.id);
        frames.into_iter()
    }

    /// Input and variables of a frame that has not entered its first state, or has left its last one. Thousands of frames share them.
    pub(in crate::machine) fn no_data(&self) -> (Arc<Value>, Arc<Map<String, Value>>) {
        (self.no_input.clone(), self.no_variables.clone())
    }

    pub(in crate::machine) fn insert(&mut self, frame: Frame) {
        self.by_number.insert(frame.row.id, Box::new(frame));
    }

    pub(in crate::machine) fn remove(&mut self, id: FrameId) -> Option<Box<Frame>> {
        self.by_number.remove(&id)
    }
}

impl Index<FrameId> for Frames {
    type Output = Frame;

    fn index(&self, id: FrameId) -> &Frame {
        self.get(id).unwrap_or_else(|| used_after_end(id))
    }
}

impl IndexMut<FrameId> for Frames {
    fn index_mut(&mut self, id: FrameId) -> &mut Frame {
        self.get_mut(id).unwrap_or_else(|| used_after_end(id))
    }
}

fn used_after_end(id: FrameId) -> ! {
    unreachable!("frame {id} is used after it ended")
}

/// Hashes a frame's number to itself: numbers are consecutive, so neighbouring frames have adjacent buckets. hashbrown first compares
/// a tag of the 7 highest bits, so the hash copies the lowest bits to them.
#[derive(Debug, Clone, Copy, Default)]
struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 << 57)
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}
