//! Damages files: seeded truncations and bit flips.

/// A pseudo-random generator, xorshift64 (Marsaglia 2003).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Starts a sequence that differs for every seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        // Neighbouring seeds must not begin with similar numbers.
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// The next number, below `bound`, which must not be 0.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }
}

/// The file, damaged as chosen by `seed`: truncated, or with up to 16 bits flipped, half of them in the first 2 KB, where the
/// headers are.
#[must_use]
pub fn damaged(file: &[u8], seed: u64) -> Vec<u8> {
    const HEAD: usize = 2048;
    let mut bytes = file.to_vec();
    if bytes.is_empty() {
        return bytes;
    }
    let mut random = Random::new(seed);
    if random.below(3) == 0 {
        bytes.truncate(random.below(file.len()));
        return bytes;
    }
    for _ in 0..=random.below(16) {
        let range = if random.below(2) == 0 { bytes.len().min(HEAD) } else { bytes.len() };
        let index = random.below(range);
        bytes[index] ^= 1 << random.below(8);
    }
    bytes
}
