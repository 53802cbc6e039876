//! Random choices that can be made again.

/// A small generator of numbers (xorshift), so that a failure can be repeated.
pub struct Random(u64);

impl Random {
    /// A sequence of its own for each seed.
    pub fn new(seed: u64) -> Self {
        // Zero would give nothing but zeros.
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// One of these.
    pub fn pick<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }

    /// Fewer than so many bytes.
    pub fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most)).map(|_| self.next() as u8).collect()
    }
}

/// The seed that `AMPT_WS_SEED` gives, or this one. It is printed with a failure.
pub fn seed_or(default: u64) -> u64 {
    let given = std::env::var("AMPT_WS_SEED").ok();
    let seed = given.and_then(|seed| seed.parse().ok()).unwrap_or(default);
    eprintln!("AMPT_WS_SEED={seed} runs this again");
    seed
}
