//! Percentile bootstrap (Efron and Tibshirani 1993, chapter 13): the metric is computed on many resamples of the images, drawn
//! with replacement; the 2.5th and 97.5th percentile of its values are the ends of the 95 % interval.
//!
//! An image is drawn as a whole, with all its classes, targets or pixels, because those are not independent of each other.

use radzero_pool as pool;
use serde::{Deserialize, Serialize};

use super::{Undefined, Value};

/// Smallest share of resamples that must have a value. A class with one positive image is missing from 37 % of resamples.
const LEAST_SHARE: f64 = 0.5;

/// Number of resamples and seed. The same settings give the same draws on every machine and with any number of threads, so
/// two runs over the same images can be compared draw by draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bootstrap {
    /// Number of resamples.
    pub resamples: u32,
    /// Seed of the draws.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { resamples: 1000, seed: 0 }
    }
}

/// A 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// 2.5th percentile.
    pub low: f64,
    /// 97.5th percentile.
    pub high: f64,
}

impl Bootstrap {
    /// How many times each of `images` images is drawn in a resample.
    #[must_use]
    pub fn weights(&self, resample: u32, images: usize) -> Vec<u32> {
        let mut random = SplitMix64::new(self.seed.wrapping_add(u64::from(resample)));
        let mut weights = vec![0; images];
        for _ in 0..images {
            weights[random.below(images)] += 1;
        }
        weights
    }

    /// Computes `metric` on each resample of `images` images, from its [`weights`](Self::weights).
    pub fn replicate<T: Send>(&self, images: usize, metric: impl Fn(&[u32]) -> T + Sync) -> Vec<T> {
        pool::map(0..self.resamples, |resample| metric(&self.weights(resample, images)))
    }
}

/// The interval of a metric over `images` images, from its value in each resample. Undefined values are left out.
///
/// # Errors
/// [`Undefined::OneSample`] for fewer than two images, [`Undefined::FewResamples`] if fewer than half of the resamples have
/// a value.
pub fn interval(replicates: &[Value], images: usize) -> Result<Interval, Undefined> {
    if images < 2 {
        return Err(Undefined::OneSample);
    }
    let mut values: Vec<f64> = replicates.iter().copied().flatten().collect();
    if values.is_empty() || (values.len() as f64) < LEAST_SHARE * replicates.len() as f64 {
        return Err(Undefined::FewResamples);
    }
    values.sort_unstable_by(f64::total_cmp);
    Ok(Interval { low: percentile(&values, 0.025), high: percentile(&values, 0.975) })
}

/// Percentile with linear interpolation between ranks, NumPy's default. `sorted` is not empty.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let position = share * (sorted.len() - 1) as f64;
    let below = position as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * (position - below as f64)
}

/// The SplitMix64 generator (Steele, Lea and Flood 2014): small, and the same on every platform.
struct SplitMix64(u64);

impl SplitMix64 {
    /// Mixes the seed first, so that neighbouring seeds do not give overlapping sequences.
    fn new(seed: u64) -> Self {
        Self(mix(seed))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// A number below `end`, with a bias below `end` / 2^64.
    fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }
}

fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_images_are_drawn_as_there_are() {
        let bootstrap = Bootstrap::default();
        for images in [0, 1, 2, 1000] {
            assert_eq!(bootstrap.weights(7, images).iter().sum::<u32>() as usize, images);
        }
        assert_ne!(bootstrap.weights(0, 1000), bootstrap.weights(1, 1000));
        assert_ne!(bootstrap.weights(0, 1000), Bootstrap { seed: 1 << 40, ..bootstrap }.weights(0, 1000));
    }

    #[test]
    fn replicates_do_not_depend_on_threads() {
        let bootstrap = Bootstrap { resamples: 64, seed: 3 };
        let expected: Vec<Vec<u32>> = (0..64).map(|resample| bootstrap.weights(resample, 50)).collect();
        assert_eq!(bootstrap.replicate(50, <[u32]>::to_vec), expected);
    }

    #[test]
    fn an_interval_needs_images_and_values() {
        assert_eq!(interval(&[Ok(1.0); 10], 1), Err(Undefined::OneSample));
        assert_eq!(interval(&[], 5), Err(Undefined::FewResamples));
        let mut values = [Err(Undefined::NoPositive); 10];
        values[..4].fill(Ok(1.0));
        assert_eq!(interval(&values, 5), Err(Undefined::FewResamples));
        values[4] = Ok(2.0);
        assert_eq!(interval(&values, 5), Ok(Interval { low: 1.0, high: 1.9 }));
    }
}
