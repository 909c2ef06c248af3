//! Random numbers derived from one seed, so that the same moment gives the same values.

use std::{cell::Cell, rc::Rc};

/// A sequence of numbers derived from one (splitmix64). Clones share the sequence.
#[derive(Debug, Clone)]
pub(super) struct Numbers(Rc<Cell<u64>>);

impl Numbers {
    /// The sequence for a seed.
    pub(super) fn new(seed: u64) -> Self {
        Numbers(Rc::new(Cell::new(seed)))
    }

    /// The next number.
    pub(super) fn next(&self) -> u64 {
        let state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(state);
        let mut z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// The next number from 0 (inclusive) to 1 (exclusive).
    pub(super) fn next_fraction(&self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// The next universally unique identifier, version 4.
    pub(super) fn next_uuid(&self) -> String {
        let high = (self.next() & 0xffff_ffff_ffff_0fff) | 0x4000;
        let low = (self.next() & 0x3fff_ffff_ffff_ffff) | 0x8000_0000_0000_0000;
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff
        )
    }
}

/// The numbers of `java.util.Random`. Step Functions runs on Java, and who passes a seed expects Java's numbers.
pub(super) struct JavaRandom(u64);

impl JavaRandom {
    const MULTIPLIER: u64 = 0x5_DEEC_E66D;
    const MASK: u64 = (1 << 48) - 1;

    /// The sequence for a seed.
    pub(super) fn new(seed: i64) -> Self {
        JavaRandom((seed as u64 ^ Self::MULTIPLIER) & Self::MASK)
    }

    fn next_bits(&mut self, count: u32) -> u64 {
        self.0 = self.0.wrapping_mul(Self::MULTIPLIER).wrapping_add(0xB) & Self::MASK;
        self.0 >> (48 - count)
    }

    /// The next number from 0 (inclusive) to 1 (exclusive).
    pub(super) fn next_fraction(&mut self) -> f64 {
        let high = self.next_bits(26) << 27;
        (high + self.next_bits(27)) as f64 / (1_u64 << 53) as f64
    }

    /// The next number from 0 to `bound` (exclusive, positive).
    pub(super) fn next_below(&mut self, bound: i32) -> i32 {
        if bound & bound.wrapping_neg() == bound {
            return ((i64::from(bound) * self.next_bits(31) as i64) >> 31) as i32;
        }
        loop {
            let bits = self.next_bits(31) as i32;
            let value = bits % bound;
            // Java draws again if the number is in the last, incomplete interval, which would favour small results.
            if bits.wrapping_sub(value).wrapping_add(bound - 1) >= 0 {
                return value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_draws_the_number_that_java_draws() {
        assert_eq!(JavaRandom::new(42).next_fraction(), 0.727_563_680_032_868_1);
        let mut random = JavaRandom::new(42);
        assert_eq!([(); 5].map(|()| random.next_below(10)), [0, 3, 8, 4, 0]);
        assert_eq!(JavaRandom::new(0).next_below(16), 11);
    }

    #[test]
    fn an_identifier_is_of_version_4() {
        let identifier = Numbers::new(7).next_uuid();
        assert_eq!(identifier.len(), 36);
        assert_eq!(identifier.as_bytes().get(14), Some(&b'4'));
    }
}
