//! The pauses of an activity's polls after this worker gave a task back that its settings do not allow: another worker receives the task.
//! A pause delays new polls and closes none.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// How long polls begin after a task was given back. They return what is queued already, which may be what this worker may run.
pub(super) const BEGINS_AFTER: Duration = Duration::from_millis(200);

/// The pauses of the polls of one activity.
#[derive(Debug)]
pub(super) struct Pauses(Mutex<Option<Pause>>);

#[derive(Debug, Clone, Copy)]
struct Pause {
    from: Instant,
    until: Instant,
}

impl Pauses {
    /// No pause yet.
    pub fn new() -> Self {
        Pauses(Mutex::new(None))
    }

    /// Adds a pause that ends after this duration at the earliest.
    pub fn add(&self, duration: Duration) {
        let now = Instant::now();
        let (from, until) = (now + BEGINS_AFTER, now + duration);
        let mut pause = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lasting = pause.filter(|pause| now < pause.until);
        let extended = |pause: Pause| Pause { from: pause.from.min(from), until: pause.until.max(until) };
        *pause = Some(lasting.map_or(Pause { from, until }, extended));
    }

    /// Waits while a pause lasts.
    pub async fn ended(&self) {
        loop {
            let now = Instant::now();
            let pause = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match pause.filter(|pause| pause.from <= now && now < pause.until) {
                Some(pause) => tokio::time::sleep_until(pause.until).await,
                None => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);
    const MOMENT: Duration = Duration::from_millis(1);

    #[tokio::test]
    async fn polls_begin_for_a_moment_and_then_pause() {
        let pauses = Pauses::new();
        pauses.ended().await;
        pauses.add(HOUR);
        pauses.add(BEGINS_AFTER);
        pauses.ended().await;
        tokio::time::sleep(BEGINS_AFTER).await;
        assert!(tokio::time::timeout(MOMENT, pauses.ended()).await.is_err(), "the longest pause counts");
    }

    #[tokio::test]
    async fn a_pause_that_has_ended_pauses_nothing() {
        let pauses = Pauses::new();
        pauses.add(Duration::ZERO);
        tokio::time::sleep(BEGINS_AFTER).await;
        pauses.ended().await;
    }
}
