//! AUROC over the pixels of all images, from histograms with fine bins.
//!
//! The exact value would need every pixel of every map at once. Instead, pixels are counted in 23,553 bins. The width of a bin
//! is at most 1/512 of the distance to the nearer of 0 and 1 (the bin is the leading bits of that distance), so the resolution
//! is as good near 0 and 1 as in the middle. Pixels in the same bin count as ties; [`PixelHistogram::auroc`] bounds the error
//! that this causes.

use ndarray::ArrayView2;

use super::ranking::Tie;
use super::roc::auroc_of_ties;
use super::{Undefined, Value};

/// Leading bits of the mantissa that are kept: 512 bins per octave.
const KEPT: u32 = 9;
const SHIFT: u32 = f32::MANTISSA_DIGITS - 1 - KEPT;
/// Octaves below 0.5; values closer to 0 or 1 than 2^-24 share the outermost bin.
const OCTAVES: u32 = 23;
const LEAST: f32 = 1.0 / (1 << 24) as f32;
const LAST: u32 = 2 * (OCTAVES << KEPT);

/// Number of bins.
pub const BINS: usize = LAST as usize + 1;

/// The bin of a value in \[0, 1\]; monotonic.
fn bin(value: f32) -> u32 {
    let distance = |value: f32| (value.max(LEAST).to_bits() - LEAST.to_bits()) >> SHIFT;
    // 1 - value is exact for values from 0.5.
    if value <= 0.5 { distance(value) } else { LAST - distance(1.0 - value) }
}

/// The pixels of a bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BinCount {
    /// Index of the bin.
    pub bin: u32,
    /// Pixels inside the mask.
    pub inside: u32,
    /// Pixels outside the mask.
    pub outside: u32,
}

/// The non-empty bins of an image, in ascending order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImageHistogram {
    /// The bins.
    pub bins: Vec<BinCount>,
}

impl ImageHistogram {
    /// Merges groups of 2^`coarser` bins, for a [`PixelHistogram::coarse`] with the same argument.
    #[must_use]
    pub fn coarse(&self, coarser: u32) -> Self {
        let mut bins: Vec<BinCount> = Vec::new();
        for count in &self.bins {
            let bin = count.bin >> coarser;
            match bins.last_mut() {
                Some(last) if last.bin == bin => {
                    last.inside += count.inside;
                    last.outside += count.outside;
                }
                _ => bins.push(BinCount { bin, ..*count }),
            }
        }
        Self { bins }
    }
}

/// Counts the pixels of one image after another in the same buffer.
#[derive(Debug)]
pub struct Counter {
    counts: Vec<[u32; 2]>,
}

impl Default for Counter {
    fn default() -> Self {
        Self { counts: vec![[0; 2]; BINS] }
    }
}

impl Counter {
    /// Counts the pixels of `map` per bin, split by `mask`.
    ///
    /// # Errors
    /// [`Undefined::NotANumber`] for a value outside \[0, 1\], [`Undefined::NoSample`] if the shapes differ or are empty.
    pub fn count(&mut self, map: ArrayView2<'_, f32>, mask: ArrayView2<'_, bool>) -> Result<ImageHistogram, Undefined> {
        if map.is_empty() || map.dim() != mask.dim() {
            return Err(Undefined::NoSample);
        }
        if map.iter().any(|value| !(0.0..=1.0).contains(value)) {
            return Err(Undefined::NotANumber);
        }
        let counts = &mut self.counts;
        ndarray::Zip::from(map).and(mask).for_each(|&value, &inside| {
            counts[bin(value) as usize][usize::from(inside)] += 1;
        });
        let mut bins = Vec::new();
        for (bin, count) in (0..).zip(&mut self.counts) {
            let [outside, inside] = std::mem::take(count);
            if inside + outside > 0 {
                bins.push(BinCount { bin, inside, outside });
            }
        }
        Ok(ImageHistogram { bins })
    }
}

/// The pixels of many images, by bin.
#[derive(Debug, Clone)]
pub struct PixelHistogram {
    counts: Vec<Tie>,
}

/// The AUROC of a histogram, with a bound on its error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PixelAuroc {
    /// The area, with pixels in the same bin as ties.
    pub value: f64,
    /// Largest possible difference from the exact area: half the share of pairs that fall into the same bin.
    pub bound: f64,
}

impl Default for PixelHistogram {
    fn default() -> Self {
        Self::coarse(0)
    }
}

impl PixelHistogram {
    /// A histogram for images merged by [`ImageHistogram::coarse`].
    #[must_use]
    pub fn coarse(coarser: u32) -> Self {
        Self { counts: vec![Tie { positives: 0, negatives: 0 }; (BINS >> coarser) + 1] }
    }

    /// Adds the pixels of an image, `times` times.
    pub fn add(&mut self, image: &ImageHistogram, times: u32) {
        for count in &image.bins {
            if let Some(sum) = self.counts.get_mut(count.bin as usize) {
                sum.positives += u64::from(count.inside) * u64::from(times);
                sum.negatives += u64::from(count.outside) * u64::from(times);
            }
        }
    }

    /// The area under the receiver operating characteristic of all pixels.
    ///
    /// # Errors
    /// [`Undefined::NoSample`], [`Undefined::NoPositive`], [`Undefined::NoNegative`].
    pub fn auroc(&self) -> Result<PixelAuroc, Undefined> {
        let value: Value = auroc_of_ties(self.counts.iter().rev().copied());
        let (mut together, mut positives, mut negatives) = (0.0, 0, 0);
        for tie in &self.counts {
            together += tie.positives as f64 * tie.negatives as f64;
            positives += tie.positives;
            negatives += tie.negatives;
        }
        Ok(PixelAuroc { value: value?, bound: together / (2.0 * positives as f64 * negatives as f64) })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn bins_ascend_with_the_values() {
        let mut values: Vec<f32> = (0..=100_000).map(|step| step as f32 / 100_000.0).collect();
        values.extend([0.5_f32.next_down(), 0.5_f32.next_up(), f32::MIN_POSITIVE, 1.0_f32.next_down(), LEAST]);
        values.sort_by(f32::total_cmp);
        for pair in values.windows(2) {
            assert!(bin(pair[0]) <= bin(pair[1]), "{} and {}", pair[0], pair[1]);
        }
        assert_eq!((bin(0.0), bin(1.0)), (0, LAST));
        assert!(bin(0.5) < bin(0.5_f32.next_up()));
    }

    #[test]
    fn bins_are_as_narrow_as_documented() {
        for start in [0.000_1_f32, 0.01, 0.1, 0.25, 0.4, 0.49] {
            assert_ne!(bin(start), bin(start * (1.0 + 1.0 / 512.0)), "{start}");
            assert_ne!(bin(1.0 - start), bin(1.0 - start * (1.0 + 1.0 / 512.0)), "{start}");
        }
    }

    #[test]
    fn a_counter_starts_anew_with_each_image() {
        let mut counter = Counter::default();
        let first = counter.count(array![[0.0, 1.0]].view(), array![[false, true]].view()).unwrap();
        let second = counter.count(array![[0.0, 1.0]].view(), array![[false, true]].view()).unwrap();
        assert_eq!(first, second);
        let mut all = PixelHistogram::default();
        all.add(&first, 1);
        assert_eq!(all.auroc().unwrap(), PixelAuroc { value: 1.0, bound: 0.0 });
    }
}
