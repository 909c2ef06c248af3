//! How a call in flight learns that nobody waits for its answer any more.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::Notify;

/// Whether the attempt that a call belongs to is over: its execution was cancelled, its state timed out, or somebody answered it
/// from outside. A step whose work can be ended at any time, such as a program, waits for it; a step that changes something and
/// must know the outcome does not. Clones are one.
#[derive(Debug, Clone, Default)]
pub struct Abandonment(Arc<State>);

#[derive(Debug, Default)]
struct State {
    is_abandoned: AtomicBool,
    changed: Notify,
}

impl Abandonment {
    /// Declares the attempt over.
    pub fn abandon(&self) {
        self.0.is_abandoned.store(true, Ordering::Release);
        self.0.changed.notify_waiters();
    }

    /// Returns when the attempt is over; otherwise never.
    pub async fn abandoned(&self) {
        loop {
            // Registered before the flag is read: an abandonment between the two is not missed.
            let changed = self.0.changed.notified();
            if self.0.is_abandoned.load(Ordering::Acquire) {
                return;
            }
            changed.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn every_clone_learns_of_it_before_and_after() {
        let abandonment = Abandonment::default();
        let other = abandonment.clone();
        let mut waiting = Box::pin(other.abandoned());
        assert!(waiting.as_mut().now_or_never().is_none());
        abandonment.abandon();
        waiting.await;
        other.abandoned().await;
    }
}
