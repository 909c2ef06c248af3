//! The simulation's random numbers, all derived from one seed.

/// Pseudorandom numbers (Marsaglia's xorshift64*), the same for the same seed.
#[derive(Debug, Clone)]
pub struct SimulatedRng(u64);

impl SimulatedRng {
    pub fn new(seed: u64) -> Self {
        let mut random = SimulatedRng(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        random.next();
        random
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number from 0 to `most` - 1.
    pub fn below(&mut self, most: usize) -> usize {
        (self.next() >> 33) as usize % most.max(1)
    }

    /// True with a probability of `often` in a thousand.
    pub fn in_thousand(&mut self, often: usize) -> bool {
        self.below(1_000) < often
    }
}

/// Random numbers derived from a seed and a text: the same in every run.
pub fn of_text(seed: u64, text: &str) -> SimulatedRng {
    let hash = text
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3));
    SimulatedRng::new(seed ^ hash)
}
