//! Signals a call in flight that its answer is no longer needed.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::Notify;

/// Whether the attempt of a call has ended: its execution was cancelled, its state timed out, or it was answered from outside. A step
/// whose work can be ended at any time, such as a program, waits for this signal. A step that changes something and must know the
/// outcome does not. Clones share the signal.
#[derive(Debug, Clone, Default)]
pub struct Abandonment(Arc<State>);

#[derive(Debug, Default)]
struct State {
    is_abandoned: AtomicBool,
    changed: Notify,
}

impl Abandonment {
    /// Marks the attempt as ended.
    pub fn abandon(&self) {
        self.0.is_abandoned.store(true, Ordering::Release);
        self.0.changed.notify_waiters();
    }

    /// Waits until the attempt has ended.
    pub async fn abandoned(&self) {
        loop {
            // Registered before the flag is read, so that an abandonment between the two is not missed.
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
