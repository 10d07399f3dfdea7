//! Random numbers, the same on every platform and in every version: SplitMix64 (Steele, Lea, Flood 2014).

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

/// The output function of SplitMix64: every bit of the result depends on every bit of the input.
#[must_use]
pub(crate) fn scramble(state: u64) -> u64 {
    let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The upper 53 bits as a number in [0, 1).
#[must_use]
pub(crate) fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

impl Random {
    /// Stream number `part` of a seed. Streams are independent, so a seed's anatomy does not depend on how many numbers its
    /// findings use.
    pub(crate) fn new(seed: u64, part: u64) -> Self {
        Self(scramble(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ scramble(part)))
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        scramble(self.0)
    }

    /// Uniform in [from, to).
    pub(crate) fn range(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * unit(self.bits())
    }

    /// True with the given probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        unit(self.bits()) < probability
    }

    /// One of 0..count; 0 if `count` is 0.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        ((unit(self.bits()) * count as f64) as usize).min(count.saturating_sub(1))
    }
}
