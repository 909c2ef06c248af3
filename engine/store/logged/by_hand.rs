//! Checkpoints on request, for the simulation. There is no thread: the seed decides when a checkpoint is made.

use std::sync::mpsc;

use super::*;

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
        let mut by_hand = None;
        let records = Self::with(MirroredIndex::without_mirror(index), files, log_bytes_max, |shared| {
            let (checkpointer, orders) = Checkpointer::by_hand();
            by_hand = Some(ByHand { shared, orders, waiting: None });
            checkpointer
        })?;
        let missing = || StoreError::not_written("no checkpointer was created");
        Ok((records, by_hand.ok_or_else(missing)?))
    }
}

impl ByHand {
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
