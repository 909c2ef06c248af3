//! Inline commits: the dispatcher itself makes a commit if nothing else is in progress. On a disk whose fdatasync takes no longer than
//! waking a thread, a single execution is nearly twice as fast without the committer thread.

use std::time::{Duration, Instant};

use super::{Dispatcher, adaptive_gate::AdaptiveGate};
use crate::{runner::committer::Commit, store::Store};

/// If commits take longer, they are left to the committer, because the dispatcher's messages wait meanwhile.
const QUICK: Duration = Duration::from_millis(1);
/// The idle time after which the last commit's acknowledgement marker is written.
const IDLE_AFTER: Duration = Duration::from_millis(2);

/// The commit that may be made inline, and whether inline commits have been fast.
pub(super) struct InlineCommit {
    commit: Option<Commit>,
    quick: Duration,
    gate: AdaptiveGate,
    /// Whether the acknowledgement marker of the last commit is still to be written.
    marker_is_due: bool,
}

impl Default for InlineCommit {
    fn default() -> Self {
        InlineCommit::with_quick(QUICK)
    }
}

impl InlineCommit {
    /// Leaves commits to the committer if they take longer than `quick`.
    pub fn with_quick(quick: Duration) -> Self {
        InlineCommit { commit: None, quick, gate: AdaptiveGate::default(), marker_is_due: false }
    }

    /// Stores a commit, the only one in progress.
    pub fn store(&mut self, commit: Commit) {
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
    pub fn idle_after(&self) -> Option<Duration> {
        self.marker_is_due.then_some(IDLE_AFTER)
    }

    pub fn on_idle(&mut self, store: &Store) {
        if std::mem::take(&mut self.marker_is_due) {
            store.on_idle();
        }
    }
}

impl Dispatcher {
    /// Makes the stored commit durable: inline if nothing else is in progress, else by the committer.
    pub(super) fn commit_inline(&mut self, inbox_is_empty: bool) {
        while let Some(commit) = self.inline_commit.take() {
            let is_alone = inbox_is_empty && self.calls_in_flight + self.turns_in_lanes == 0 && self.failed.is_none();
            if !is_alone || !self.inline_commit.gate.permits() {
                self.send(commit);
                return;
            }
            let began = Instant::now();
            let done = self.committer.batches.commit(vec![commit]);
            self.inline_commit.gate.record(began.elapsed() < self.inline_commit.quick);
            self.inline_commit.marker_is_due = true;
            self.receive(done);
        }
    }
}
