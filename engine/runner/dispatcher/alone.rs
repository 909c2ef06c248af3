//! Inline commits: the dispatcher itself makes a commit if nothing else is in progress. On a disk whose fdatasync takes no longer than
//! waking a thread, a single execution is nearly twice as fast without the committer thread.

use std::time::Instant;

use super::{occasions::Occasions, *};

/// If commits take longer, they are left to the committer, because the dispatcher's messages wait meanwhile.
const QUICK: Duration = Duration::from_millis(1);
/// The idle time after which the last commit's acknowledgement marker is written.
const RESTS_AFTER: Duration = Duration::from_millis(2);

/// The commit that may be made inline, and whether inline commits have been fast.
pub(super) struct Alone {
    commit: Option<Commit>,
    quick: Duration,
    occasions: Occasions,
    /// Whether the acknowledgement marker of the last commit is still to be written.
    rests: bool,
}

impl Default for Alone {
    fn default() -> Self {
        Alone::where_quick_is(QUICK)
    }
}

impl Alone {
    /// Leaves commits to the committer if they take longer than `quick`.
    pub fn where_quick_is(quick: Duration) -> Self {
        Alone { commit: None, quick, occasions: Occasions::default(), rests: false }
    }

    /// Stores a commit, the only one in progress.
    pub fn waits(&mut self, commit: Commit) {
        self.commit = Some(commit);
    }

    #[cfg(test)]
    pub fn is_waiting(&self) -> bool {
        self.commit.is_some()
    }

    /// The stored commit, if any: another one follows that can share its batch.
    pub fn take(&mut self) -> Option<Commit> {
        self.commit.take()
    }

    /// The idle time after which the acknowledgement marker is due, if it is not written yet.
    pub fn rests_after(&self) -> Option<Duration> {
        self.rests.then_some(RESTS_AFTER)
    }

    pub fn rest(&mut self, store: &Store) {
        if std::mem::take(&mut self.rests) {
            store.rest();
        }
    }
}

impl Dispatcher {
    /// Makes the stored commit durable: inline if nothing else is in progress, else by the committer.
    pub(super) fn commit_alone(&mut self, quiet: bool) {
        while let Some(commit) = self.alone.take() {
            let quiet = quiet && self.looks_in_flight + self.turns_beside == 0 && self.failed.is_none();
            if !quiet || !self.alone.occasions.taken() {
                self.send(commit);
                return;
            }
            let began = Instant::now();
            let done = self.committer.batches.commit(vec![commit]);
            self.alone.occasions.ended(began.elapsed() < self.alone.quick);
            self.alone.rests = true;
            self.receive(done);
        }
    }
}
