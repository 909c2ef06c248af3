//! Clocks of a runner.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// A clock in milliseconds since the Unix epoch that never decreases within a process.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now_ms(&self) -> u64;
    /// The wall-clock time until this clock shows `due_ms`.
    fn real_duration_until(&self, due_ms: u64) -> Duration;
    /// For a clock that jumps: how long, in wall-clock time, a runner waits for calls in flight before the clock jumps. `None` for other
    /// clocks.
    fn in_flight_wait_max(&self) -> Option<Duration> {
        None
    }
}

fn wall_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// The wall clock, but monotonic: after the wall clock was set back it continues from its last time, so that no wait takes longer.
#[derive(Debug)]
pub struct SystemClock {
    anchor: Mutex<Anchor>,
}

/// The time that the clock showed at an instant.
#[derive(Debug)]
struct Anchor {
    shown_ms: u64,
    at: Instant,
}

impl Anchor {
    /// The wall-clock time or, if that is earlier, the anchor's time plus what has passed since.
    fn now_ms(&mut self, wall_ms: u64, at: Instant) -> u64 {
        let passed_ms = at.saturating_duration_since(self.at).as_millis() as u64;
        let shown_ms = self.shown_ms + passed_ms;
        if wall_ms < shown_ms {
            return shown_ms;
        }
        *self = Anchor { shown_ms: wall_ms, at };
        wall_ms
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        SystemClock { anchor: Mutex::new(Anchor { shown_ms: wall_ms(), at: Instant::now() }) }
    }
}

impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        let mut anchor = self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        anchor.now_ms(wall_ms(), Instant::now())
    }

    fn real_duration_until(&self, due_ms: u64) -> Duration {
        Duration::from_millis(due_ms.saturating_sub(self.now_ms()))
    }
}

/// A clock that equals the wall clock until its epoch and runs `speed` times as fast afterwards. Two processes with the same epoch and
/// speed agree.
#[derive(Debug)]
pub struct ScaledClock {
    epoch_ms: u64,
    speed: f64,
    wall: SystemClock,
}

impl ScaledClock {
    /// A clock with an epoch in milliseconds since the Unix epoch; `speed` is at least 0.001.
    pub fn new(epoch_ms: u64, speed: f64) -> Self {
        ScaledClock { epoch_ms, speed: speed.max(0.001), wall: SystemClock::default() }
    }
}

impl Clock for ScaledClock {
    fn now_ms(&self) -> u64 {
        let real = self.wall.now_ms().saturating_sub(self.epoch_ms);
        self.epoch_ms + (real as f64 * self.speed) as u64
    }

    fn real_duration_until(&self, due_ms: u64) -> Duration {
        let ahead_ms = due_ms.saturating_sub(self.now_ms());
        Duration::from_secs_f64(ahead_ms as f64 / self.speed / 1000.0)
    }
}

/// The wall-clock time that a call may take before a [`ManualClock`] jumps over it. Without this wait, a time-out of an hour would come
/// before the answer.
const MANUAL_IN_FLIGHT_WAIT_MAX: Duration = Duration::from_secs(1);

/// A clock for tests: it jumps to the next due time when nothing is in flight, so that no wait takes time.
#[derive(Debug)]
pub struct ManualClock {
    now_ms: AtomicU64,
}

impl ManualClock {
    /// A clock that shows `now_ms`.
    pub fn new(now_ms: u64) -> Self {
        ManualClock { now_ms: AtomicU64::new(now_ms) }
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> u64 {
        self.now_ms.load(Ordering::Relaxed)
    }

    fn real_duration_until(&self, due_ms: u64) -> Duration {
        self.now_ms.fetch_max(due_ms, Ordering::Relaxed);
        Duration::ZERO
    }

    fn in_flight_wait_max(&self) -> Option<Duration> {
        Some(MANUAL_IN_FLIGHT_WAIT_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_clock_that_goes_back_an_hour_makes_no_wait_longer() {
        let begun = Instant::now();
        let mut anchor = Anchor { shown_ms: 10_000_000, at: begun };
        let after = |ms: u64| begun + Duration::from_millis(ms);
        assert_eq!(anchor.now_ms(10_000_500, after(500)), 10_000_500);
        assert_eq!(anchor.now_ms(6_401_000, after(1_000)), 10_001_000, "set back by an hour: the clock continues");
        assert_eq!(anchor.now_ms(6_461_000, after(61_000)), 10_061_000);
        assert_eq!(
            anchor.now_ms(10_500_000, after(62_000)),
            10_500_000,
            "set forward, as after a sleep: the wall clock applies"
        );
        assert_eq!(anchor.now_ms(10_499_999, after(62_000)), 10_500_000, "never decreases");
    }
}
