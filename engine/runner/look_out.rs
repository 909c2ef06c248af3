//! Looking out for what comes within microseconds, instead of being put to sleep and woken: that takes as long as the disk.
//! Where it comes to nothing, because the disk is slow or others need the processor, it is tried ever more rarely.

use std::time::{Duration, Instant};

/// The most occasions that are passed over after one that came to nothing.
const PASSED_OVER_MAX: u32 = 256;

/// Whether to look out, by what came of it before.
#[derive(Debug)]
pub(super) struct LookOut {
    patience: Duration,
    /// How many occasions are passed over after the next one that comes to nothing, and how many of them are left now.
    passed_over: u32,
    left: u32,
}

impl LookOut {
    /// One that looks out for so long at a time.
    pub fn new(patience: Duration) -> Self {
        LookOut { patience, passed_over: 1, left: 0 }
    }

    /// Until when to look out on this occasion; `None` to go to sleep at once.
    pub fn until(&mut self) -> Option<Instant> {
        if self.left > 0 {
            self.left -= 1;
            return None;
        }
        Some(Instant::now() + self.patience)
    }

    /// Something came, or nothing did.
    pub fn ended(&mut self, came: bool) {
        self.passed_over = if came { 1 } else { (self.passed_over * 2).min(PASSED_OVER_MAX) };
        self.left = if came { 0 } else { self.passed_over };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fear: a busy machine's processor is spent on waiting.
    #[test]
    fn what_comes_to_nothing_is_tried_ever_more_rarely_and_what_comes_always() {
        let mut look_out = LookOut::new(Duration::from_micros(1));
        let tried = |look_out: &mut LookOut, came: bool| {
            let occasions = (0..10_000).filter(|_| look_out.until().is_some().then(|| look_out.ended(came)).is_some());
            occasions.count()
        };
        assert!(tried(&mut look_out, false) < 60);
        assert!(tried(&mut look_out, true) > 9_700);
        assert_eq!(tried(&mut look_out, true), 10_000);
    }
}
