//! An adaptive gate: permits an action by its past results, and ever more rarely while it fails.

/// The most opportunities that are skipped after a failure.
const PASSED_OVER_MAX: u32 = 256;

/// The gate's state.
#[derive(Debug)]
pub(super) struct Occasions {
    /// How many opportunities are skipped after the next failure, and how many of the current ones are left to skip.
    passed_over: u32,
    left: u32,
}

impl Default for Occasions {
    fn default() -> Self {
        Occasions { passed_over: 1, left: 0 }
    }
}

impl Occasions {
    /// Whether the action is permitted this time.
    pub fn taken(&mut self) -> bool {
        let taken = self.left == 0;
        self.left = self.left.saturating_sub(1);
        taken
    }

    /// Records the result of a permitted action.
    pub fn ended(&mut self, well: bool) {
        self.passed_over = if well { 1 } else { (self.passed_over * 2).min(PASSED_OVER_MAX) };
        self.left = if well { 0 } else { self.passed_over };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A slow disk is tried ever more rarely, and one slow moment does not close the gate for ever.
    #[test]
    fn what_goes_badly_is_tried_ever_more_rarely_and_what_goes_well_always() {
        let mut occasions = Occasions::default();
        let tried = |occasions: &mut Occasions, well: bool| {
            (0..10_000).filter(|_| occasions.taken().then(|| occasions.ended(well)).is_some()).count()
        };
        assert!(tried(&mut occasions, false) < 60);
        assert!(tried(&mut occasions, true) > 9_700);
        assert_eq!(tried(&mut occasions, true), 10_000);
    }
}
