//! The pauses after failed calls.

use std::time::Duration;

/// The shortest and the longest pause.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// Doubles the pause after each failure in a row.
pub struct Backoff {
    longest: Duration,
}

impl Backoff {
    /// Begins with the shortest pause.
    pub fn new() -> Self {
        Backoff { longest: PAUSE_MIN }
    }

    /// Notes that a call succeeded.
    pub fn reset(&mut self) {
        self.longest = PAUSE_MIN;
    }

    /// The pause after a failed call. It is random, so that workers that lost a server do not all return at the same moment.
    pub fn pause(&mut self) -> Duration {
        let longest = self.longest;
        self.longest = (longest * 2).min(PAUSE_MAX);
        longest.mul_f64(rand::random_range(0.5..1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_doubles_to_its_limit_and_a_success_resets_it() {
        let mut backoff = Backoff::new();
        for longest_ms in [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000] {
            let pause = backoff.pause();
            let longest = Duration::from_millis(longest_ms);
            assert!(pause >= longest / 2 && pause < longest, "{pause:?} of {longest:?}");
        }
        backoff.reset();
        assert!(backoff.pause() < PAUSE_MIN);
    }
}
