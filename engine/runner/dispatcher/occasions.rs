//! Whether something is worth trying, by what came of it before: ever more rarely where it goes badly.

/// The most occasions that are passed over after one that went badly.
const PASSED_OVER_MAX: u32 = 256;

/// Which occasions are taken.
#[derive(Debug)]
pub(super) struct Occasions {
    /// How many are passed over after the next one that goes badly, and how many of them are left now.
    passed_over: u32,
    left: u32,
}

impl Default for Occasions {
    fn default() -> Self {
        Occasions { passed_over: 1, left: 0 }
    }
}

impl Occasions {
    /// Whether to take this one.
    pub fn taken(&mut self) -> bool {
        let taken = self.left == 0;
        self.left = self.left.saturating_sub(1);
        taken
    }

    /// How the one that was taken went.
    pub fn ended(&mut self, well: bool) {
        self.passed_over = if well { 1 } else { (self.passed_over * 2).min(PASSED_OVER_MAX) };
        self.left = if well { 0 } else { self.passed_over };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fear: a slow disk stops everything again and again, or one slow moment for ever.
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
