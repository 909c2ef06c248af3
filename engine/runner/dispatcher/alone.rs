//! A commit that nothing else goes on beside is made by the dispatcher itself: where the disk takes as long as one thread needs to wake
//! another, an execution that goes on alone is nearly twice as fast without the second one.

use std::time::Instant;

use super::{occasions::Occasions, *};

/// Where commits take longer they are left to the thread: messages wait for this one.
const QUICK: Duration = Duration::from_millis(1);
/// After how long without news the last commit is said to be acknowledged.
const RESTS_AFTER: Duration = Duration::from_millis(2);

/// The commit that waits to be made here, and whether that is worth trying.
pub(super) struct Alone {
    commit: Option<Commit>,
    quick: Duration,
    occasions: Occasions,
    /// Whether there is something to say behind the last commit.
    rests: bool,
}

impl Default for Alone {
    fn default() -> Self {
        Alone::where_quick_is(QUICK)
    }
}

impl Alone {
    /// One that leaves to the thread what takes longer than this.
    pub fn where_quick_is(quick: Duration) -> Self {
        Alone { commit: None, quick, occasions: Occasions::default(), rests: false }
    }

    /// Takes a commit, the only one under way.
    pub fn waits(&mut self, commit: Commit) {
        self.commit = Some(commit);
    }

    #[cfg(test)]
    pub fn is_waiting(&self) -> bool {
        self.commit.is_some()
    }

    /// The commit that waits, if one does: another came that goes with it.
    pub fn take(&mut self) -> Option<Commit> {
        self.commit.take()
    }

    /// After how long the store is told that nothing more comes, if it is not told yet.
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
    /// Makes the commit that waits durable, here where nothing else goes on, by the thread otherwise.
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
