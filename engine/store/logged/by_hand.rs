//! Checkpoints on request, for the simulation. There is no thread: the seed decides when a checkpoint is made.

use std::sync::mpsc;

use super::*;
use crate::store::{
    compact::copy_records,
    damage::copy_mirror,
    mirror::{Mirror, MirrorFiles},
};

/// Makes the checkpoints of records without a checkpointer thread.
pub(crate) struct ByHand {
    shared: Arc<Shared>,
    orders: mpsc::Receiver<u64>,
    waiting: Option<u64>,
}

impl LoggedRecords {
    /// As [`LoggedRecords::over`], with checkpoints on request.
    pub(crate) fn by_hand(
        index: impl Index,
        files: [Box<dyn LogFile>; 2],
        log_bytes_max: u64,
    ) -> Result<(Self, ByHand), StoreError> {
        Self::over_by_hand(MirroredIndex::without_mirror(index), files, log_bytes_max)
    }

    /// As [`LoggedRecords::by_hand`], with a mirror.
    pub(crate) fn mirrored_by_hand(
        index: impl Index,
        mirror: Box<dyn MirrorFiles>,
        files: [Box<dyn LogFile>; 2],
        log_bytes_max: u64,
    ) -> Result<(Self, ByHand), StoreError> {
        Self::over_by_hand(MirroredIndex::open_in(mirror, index)?, files, log_bytes_max)
    }

    fn over_by_hand(
        index: MirroredIndex,
        files: [Box<dyn LogFile>; 2],
        log_bytes_max: u64,
    ) -> Result<(Self, ByHand), StoreError> {
        let mut by_hand = None;
        let records = Self::with(index, files, log_bytes_max, |shared| {
            let (checkpointer, orders) = Checkpointer::by_hand();
            by_hand = Some(ByHand { shared, orders, waiting: None });
            checkpointer
        })?;
        let missing = || StoreError::not_written("no checkpointer was created");
        Ok((records, by_hand.ok_or_else(missing)?))
    }
}

/// As [`crate::store::rebuild`], without folders: copies a mirror to a new index and its mirror.
pub(crate) fn rebuild_by_hand(
    from: &dyn MirrorFiles,
    index: impl Index,
    mirror: Box<dyn MirrorFiles>,
) -> Result<(), StoreError> {
    let missing = || StoreError::index_error(from.folder(), "it has no mirror".to_owned());
    let mut found = Mirror::found_in(from)?.ok_or_else(missing)?;
    copy_mirror(&mut found, &MirroredIndex::open_in(mirror, index)?, 0)
}

/// As [`crate::store::compact()`], without folders: copies records to a new index and its mirror.
pub(crate) fn compact_by_hand(
    from: &LoggedRecords,
    index: impl Index,
    mirror: Box<dyn MirrorFiles>,
) -> Result<(), StoreError> {
    copy_records(from, &MirroredIndex::open_in(mirror, index)?, 0)
}

impl ByHand {
    /// The index and its mirror differ in these records.
    pub(crate) fn scrub(&self) -> Result<Vec<StoreError>, StoreError> {
        self.shared.index.scrub()
    }

    /// Whether a checkpoint is due.
    pub(crate) fn waits(&mut self) -> bool {
        self.waiting = self.waiting.or_else(|| self.orders.try_recv().ok());
        self.waiting.is_some()
    }

    /// Makes the checkpoint.
    pub(crate) fn checkpoint(&mut self) {
        if self.waits()
            && let Some(sequence) = self.waiting.take()
        {
            self.shared.checkpoint(sequence);
        }
    }
}
