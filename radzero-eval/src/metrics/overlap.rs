//! Overlap of thresholded maps with masks: Dice over thresholds, and specificity.
//!
//! Each map is read once: a histogram over the 101 thresholds gives the number of pixels above each threshold, inside and
//! outside the mask. Neither maps nor masks are kept.

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::{Undefined, Value};

/// Number of thresholds: 0.00, 0.01 ... 1.00.
pub const THRESHOLDS: usize = 101;

/// The threshold at this index: 0.01 x index, rounded to the 32 bits of a map.
#[must_use]
pub fn threshold(index: usize) -> f32 {
    (index as f64 * 0.01) as f32
}

/// Number of pixels above each threshold, inside and outside the mask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AboveCounts {
    /// Pixels inside the mask above each threshold, \[101\].
    pub inside: Vec<u32>,
    /// Pixels outside the mask above each threshold, \[101\].
    pub outside: Vec<u32>,
    /// Pixels of the mask.
    pub area: u32,
}

impl AboveCounts {
    /// Counts the pixels of `map` (values in \[0, 1\]) strictly above each threshold, split by `mask`.
    ///
    /// # Errors
    /// [`Undefined::NotANumber`] for a value outside \[0, 1\], [`Undefined::NoSample`] if the shapes differ or are empty.
    pub fn new(map: ArrayView2<'_, f32>, mask: ArrayView2<'_, bool>) -> Result<Self, Undefined> {
        if map.is_empty() || map.dim() != mask.dim() {
            return Err(Undefined::NoSample);
        }
        let thresholds: [f32; THRESHOLDS] = std::array::from_fn(threshold);
        // Number of pixels above exactly the first `n` thresholds.
        let mut counts = [[0_u32; THRESHOLDS + 1]; 2];
        let mut valid = true;
        ndarray::Zip::from(map).and(mask).for_each(|&value, &inside| {
            valid &= (0.0..=1.0).contains(&value);
            // Off by at most one where the product or the threshold was rounded; 0 for invalid values.
            let mut above = ((value * 100.0) as usize).min(THRESHOLDS);
            while above < THRESHOLDS && value > thresholds[above] {
                above += 1;
            }
            while above > 0 && value <= thresholds[above - 1] {
                above -= 1;
            }
            counts[usize::from(inside)][above] += 1;
        });
        if !valid {
            return Err(Undefined::NotANumber);
        }
        let [outside, inside] = counts;
        Ok(Self { area: inside.iter().sum(), inside: above(&inside), outside: above(&outside) })
    }

    /// Dice coefficient at each threshold: twice the common area over the sum of the areas.
    ///
    /// # Errors
    /// [`Undefined::NoPositive`] if the mask is empty; the published score leaves such images out.
    pub fn dice(&self) -> Result<Vec<f64>, Undefined> {
        if self.area == 0 {
            return Err(Undefined::NoPositive);
        }
        let areas = self.inside.iter().zip(&self.outside);
        Ok(areas.map(|(&inside, &outside)| dice(inside, outside, self.area)).collect())
    }

    /// Index of the first threshold that no pixel exceeds; at most that of 1.00, which no value exceeds.
    #[must_use]
    pub fn clear_from(&self) -> usize {
        let mut all = self.inside.iter().zip(&self.outside);
        all.position(|(&inside, &outside)| inside + outside == 0).unwrap_or(THRESHOLDS - 1)
    }
}

/// Counts above each threshold, from the counts between thresholds.
fn above(between: &[u32; THRESHOLDS + 1]) -> Vec<u32> {
    let mut sum = 0;
    let mut counts: Vec<u32> = between[1..]
        .iter()
        .rev()
        .map(|&count| {
            sum += count;
            sum
        })
        .collect();
    counts.reverse();
    counts
}

fn dice(inside: u32, outside: u32, area: u32) -> f64 {
    2.0 * f64::from(inside) / (f64::from(inside) + f64::from(outside) + f64::from(area))
}

/// Mean Dice of the positive images at each threshold.
#[derive(Debug, Clone, PartialEq)]
pub struct DiceCurve {
    /// Mean at each threshold, \[101\].
    pub means: Vec<f64>,
}

impl DiceCurve {
    /// The weighted mean of the [`AboveCounts::dice`] of images.
    ///
    /// # Errors
    /// [`Undefined::NoPositive`] if there are no images or all weights are 0.
    pub fn new<'a>(images: impl IntoIterator<Item = (&'a [f64], u32)>) -> Result<Self, Undefined> {
        let (mut sums, mut count) = (vec![0.0; THRESHOLDS], 0_u64);
        for (dice, weight) in images.into_iter().filter(|(_, weight)| *weight > 0) {
            for (sum, dice) in sums.iter_mut().zip(dice) {
                *sum += dice * f64::from(weight);
            }
            count += u64::from(weight);
        }
        if count == 0 {
            return Err(Undefined::NoPositive);
        }
        Ok(Self { means: sums.into_iter().map(|sum| sum / count as f64).collect() })
    }

    /// Index of the threshold with the highest mean (the lowest such threshold), and that mean: the published score.
    #[must_use]
    pub fn best(&self) -> (usize, f64) {
        let start = (0, f64::NEG_INFINITY);
        self.means
            .iter()
            .enumerate()
            .fold(start, |best, (index, &mean)| if mean > best.1 { (index, mean) } else { best })
    }
}

/// Specificity as published: the share of negative images with no pixel above the threshold, from the
/// [`AboveCounts::clear_from`] and the weight of each negative image.
///
/// # Errors
/// [`Undefined::NoNegative`] if there are no images or all weights are 0.
pub fn specificity(clear_from: impl IntoIterator<Item = (usize, u32)>, threshold: usize) -> Value {
    let (mut clear, mut count) = (0_u64, 0_u64);
    for (from, weight) in clear_from {
        clear += u64::from(from <= threshold) * u64::from(weight);
        count += u64::from(weight);
    }
    if count == 0 { Err(Undefined::NoNegative) } else { Ok(clear as f64 / count as f64) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    #[test]
    fn every_value_next_to_a_threshold_is_on_its_side() {
        for index in 0..THRESHOLDS {
            let at = threshold(index);
            for value in [at.next_down(), at, at.next_up()].into_iter().filter(|value| (0.0..=1.0).contains(value)) {
                let counts = AboveCounts::new(array![[value]].view(), array![[true]].view()).unwrap();
                for (other, &count) in counts.inside.iter().enumerate() {
                    assert_eq!(count == 1, value > threshold(other), "{value} and threshold {other}");
                }
            }
        }
    }

    #[test]
    fn values_outside_the_range_are_refused() {
        for value in [f32::NAN, -0.1, 1.1, f32::INFINITY] {
            let counts = AboveCounts::new(array![[value]].view(), array![[true]].view());
            assert_eq!(counts.unwrap_err(), Undefined::NotANumber);
        }
        let counts = AboveCounts::new(array![[0.5]].view(), array![[true, false]].view());
        assert_eq!(counts.unwrap_err(), Undefined::NoSample);
    }

    #[test]
    fn an_empty_mask_has_no_dice_but_a_clear_threshold() {
        let counts = AboveCounts::new(array![[0.1, 0.5]].view(), Array2::from_elem((1, 2), false).view()).unwrap();
        assert_eq!(counts.dice().unwrap_err(), Undefined::NoPositive);
        assert_eq!(counts.clear_from(), 50);
        assert_eq!(specificity([(50, 1)], 49), Ok(0.0));
        assert_eq!(specificity([(50, 1)], 50), Ok(1.0));
        assert_eq!(specificity([], 50), Err(Undefined::NoNegative));
    }
}
