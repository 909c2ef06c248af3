//! What time it is.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// A clock in milliseconds since the Unix epoch that never goes back within a process.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now_ms(&self) -> u64;
    /// How long to really wait until the clock shows `due_ms`.
    fn real_duration_until(&self, due_ms: u64) -> Duration;
}

fn wall_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// The wall's clock. When the wall's goes back, this one stands still until it has caught up.
#[derive(Debug, Default)]
pub struct SystemClock {
    last_ms: AtomicU64,
}

impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        let now = wall_ms();
        self.last_ms.fetch_max(now, Ordering::Relaxed).max(now)
    }

    fn real_duration_until(&self, due_ms: u64) -> Duration {
        Duration::from_millis(due_ms.saturating_sub(self.now_ms()))
    }
}

/// A clock that ran with the wall's until its epoch and runs `speed` times as fast since. Two processes with the same epoch and
/// speed agree.
#[derive(Debug)]
pub struct ScaledClock {
    epoch_ms: u64,
    speed: f64,
    wall: SystemClock,
}

impl ScaledClock {
    /// A clock with an epoch in milliseconds since the Unix epoch; `speed` is at least a thousandth.
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

/// A clock for tests: it jumps to whatever is waited for, so that no wait takes time.
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
}
