//! The pauses of an activity's polls after this worker gave a task back that its settings do not allow: another worker receives the task.

use std::time::Duration;

use tokio::{sync::watch, time::Instant};

/// The time for which polls continue after a task was given back. They return tasks that are queued already, which this worker may be able
/// to run.
const BEGINS_AFTER: Duration = Duration::from_millis(200);

/// The pauses of the polls of one activity.
#[derive(Debug)]
pub(super) struct Pauses(watch::Sender<Option<Pause>>);

#[derive(Debug, Clone, Copy)]
struct Pause {
    from: Instant,
    until: Instant,
}

impl Pauses {
    /// No pause yet.
    pub fn new() -> Self {
        Pauses(watch::Sender::new(None))
    }

    /// Adds a pause that ends after this duration at the earliest.
    pub fn add(&self, duration: Duration) {
        let now = Instant::now();
        let (from, until) = (now + BEGINS_AFTER, now + duration);
        self.0.send_modify(|pause| {
            let lasting = pause.filter(|pause| now < pause.until);
            let extended = |pause: Pause| Pause { from: pause.from.min(from), until: pause.until.max(until) };
            *pause = Some(lasting.map_or(Pause { from, until }, extended));
        });
    }

    /// Waits while a pause lasts.
    pub async fn ended(&self) {
        loop {
            let now = Instant::now();
            let pause = *self.0.borrow();
            match pause.filter(|pause| pause.from <= now && now < pause.until) {
                Some(pause) => tokio::time::sleep_until(pause.until).await,
                None => return,
            }
        }
    }

    /// Waits until a pause begins.
    pub async fn begun(&self) {
        let mut changes = self.0.subscribe();
        loop {
            let pause = *changes.borrow_and_update();
            if let Some(pause) = pause.filter(|pause| Instant::now() < pause.until) {
                return tokio::time::sleep_until(pause.from).await;
            }
            if changes.changed().await.is_err() {
                // The sender is a field of this value, so it exists.
                return std::future::pending().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);
    const MOMENT: Duration = Duration::from_millis(1);

    #[tokio::test]
    async fn polls_continue_for_a_moment_and_then_pause() {
        let pauses = Pauses::new();
        pauses.ended().await;
        assert!(tokio::time::timeout(MOMENT, pauses.begun()).await.is_err(), "no pause was added");
        pauses.add(HOUR);
        pauses.add(BEGINS_AFTER);
        tokio::time::timeout(HOUR, pauses.begun()).await.unwrap();
        assert!(tokio::time::timeout(MOMENT, pauses.ended()).await.is_err(), "the longest pause counts");
    }

    #[tokio::test]
    async fn a_pause_that_has_ended_pauses_nothing() {
        let pauses = Pauses::new();
        pauses.add(Duration::ZERO);
        pauses.ended().await;
        assert!(tokio::time::timeout(MOMENT, pauses.begun()).await.is_err());
    }
}
