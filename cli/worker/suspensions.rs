//! Suspensions of this process: it was stopped by a signal, or its machine was suspended. A response that is read after one may have
//! arrived long ago, and the service may have given its task to another worker since.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use engine::runner::{Clock, SystemClock};

/// The interval at which the process records that it runs.
const TICK: Duration = Duration::from_secs(1);
/// The shortest time without a record that counts as a suspension.
const SUSPENSION_MIN_MS: u64 = 2_000;
/// The time after a suspension in which responses may be read that arrived during it.
const READ_WITHIN_MS: u64 = 10_000;

/// The last suspension of this process. Times are in milliseconds since the Unix epoch: a monotonic clock stops with the machine.
#[derive(Debug)]
pub(super) struct Suspensions {
    clock: SystemClock,
    records: Mutex<Records>,
}

#[derive(Debug, Clone, Copy)]
struct Records {
    /// When the process ran last.
    running_ms: u64,
    last: Option<Suspension>,
}

#[derive(Debug, Clone, Copy)]
struct Suspension {
    from_ms: u64,
    until_ms: u64,
}

impl Suspensions {
    /// No suspension yet.
    pub fn new() -> Self {
        let clock = SystemClock::default();
        let records = Mutex::new(Records { running_ms: clock.now_ms(), last: None });
        Suspensions { clock, records }
    }

    /// Records that the process runs, every second. Does not return.
    pub async fn watch(&self) {
        loop {
            tokio::time::sleep(TICK).await;
            self.arrival_ms();
        }
    }

    /// The current time.
    pub fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// The earliest time at which a response that is read now may have arrived.
    pub fn arrival_ms(&self) -> u64 {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.arrival_ms(self.clock.now_ms())
    }
}

impl Records {
    /// Records that the process runs now. Returns the earliest time at which a response that is read now may have arrived.
    fn arrival_ms(&mut self, now_ms: u64) -> u64 {
        let is_recent = |suspension: &Suspension, now_ms: u64| now_ms <= suspension.until_ms + READ_WITHIN_MS;
        if now_ms.saturating_sub(self.running_ms) >= SUSPENSION_MIN_MS {
            let previous = self.last.filter(|previous| is_recent(previous, self.running_ms));
            let from_ms = previous.map_or(self.running_ms, |previous| previous.from_ms);
            self.last = Some(Suspension { from_ms, until_ms: now_ms });
        }
        self.running_ms = now_ms;
        let last = self.last.filter(|last| is_recent(last, now_ms));
        last.map_or(now_ms, |last| last.from_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_that_is_read_after_a_suspension_may_have_arrived_when_it_began() {
        let mut records = Records { running_ms: 1_000, last: None };
        assert_eq!(records.arrival_ms(2_000), 2_000);
        assert_eq!(records.arrival_ms(1_500), 1_500, "the clock was set back");
        assert_eq!(records.arrival_ms(16_000), 1_500, "nothing ran for longer than a second");
        assert_eq!(records.arrival_ms(17_000), 1_500, "other responses are read later");
        assert_eq!(records.arrival_ms(30_000), 1_500, "suspended again at once");
        for now_ms in (31_000..=40_000).step_by(1_000) {
            assert_eq!(records.arrival_ms(now_ms), 1_500);
        }
        assert_eq!(records.arrival_ms(41_000), 41_000);
    }
}
