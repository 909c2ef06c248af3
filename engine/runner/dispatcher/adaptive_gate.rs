//! An adaptive gate: permits an action by its past results, and ever more rarely while it fails.

/// The most opportunities that are skipped after a failure.
const SKIPPED_MAX: u32 = 256;

/// The gate's state.
#[derive(Debug)]
pub(super) struct AdaptiveGate {
    /// The number of opportunities to skip after the next failure, and the number that are left to skip now.
    skip_next: u32,
    skip_left: u32,
}

impl Default for AdaptiveGate {
    fn default() -> Self {
        AdaptiveGate { skip_next: 1, skip_left: 0 }
    }
}

impl AdaptiveGate {
    /// Whether the action is permitted this time.
    pub fn permits(&mut self) -> bool {
        let permitted = self.skip_left == 0;
        self.skip_left = self.skip_left.saturating_sub(1);
        permitted
    }

    /// Records the result of a permitted action.
    pub fn record(&mut self, succeeded: bool) {
        self.skip_next = if succeeded { 1 } else { (self.skip_next * 2).min(SKIPPED_MAX) };
        self.skip_left = if succeeded { 0 } else { self.skip_next };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A slow disk is tried ever more rarely, and one slow moment does not close the gate for ever.
    #[test]
    fn a_failing_action_is_permitted_ever_more_rarely_and_a_succeeding_one_always() {
        let mut gate = AdaptiveGate::default();
        let attempts = |gate: &mut AdaptiveGate, succeeded: bool| {
            (0..10_000).filter(|_| gate.permits().then(|| gate.record(succeeded)).is_some()).count()
        };
        assert!(attempts(&mut gate, false) < 60);
        assert!(attempts(&mut gate, true) > 9_700);
        assert_eq!(attempts(&mut gate, true), 10_000);
    }
}
