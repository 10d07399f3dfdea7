//! A threshold of the map as a threshold of scores, which spares the sigmoid of each score.

use std::cmp::Ordering;

use radzero_format::{Error, ErrorKind, Result};

use super::interpolation::RowPair;
use super::sigmoid::{sigmoid, sigmoid_row};

/// Relative error of the computed sigmoid: within it, a greater score may have a smaller sigmoid.
pub(super) const SIGMOID_MARGIN: f32 = 8.0 * f32::EPSILON;

/// Pixels whose sigmoid is computed at once.
const CHUNK: usize = 256;

/// A threshold as two scores. For the few scores between them, the sigmoid must be computed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Threshold {
    value: f32,
    /// This score and all lower ones have a sigmoid that is not above the threshold; negative infinity if none has.
    pub(super) low: f32,
    /// This score and all greater ones have a sigmoid above the threshold; infinity if none has.
    pub(super) high: f32,
}

impl Threshold {
    pub(super) fn new(value: f32) -> Self {
        let (below, above) = (value * (1.0 - SIGMOID_MARGIN), value * (1.0 + SIGMOID_MARGIN));
        Self {
            value,
            low: boundary(|score| sigmoid(score) <= below).0,
            high: boundary(|score| sigmoid(score).partial_cmp(&above) != Some(Ordering::Greater)).1,
        }
    }

    /// Computes the map between two rows, and calls `each` with the index of every pixel and whether it is above the threshold.
    pub(super) fn exact(&self, pair: RowPair<'_>, mut each: impl FnMut(usize, bool)) {
        let mut values = [0.0; CHUNK];
        for (index, (low, high)) in pair.low.chunks(CHUNK).zip(pair.high.chunks(CHUNK)).enumerate() {
            let values = &mut values[..low.len()];
            sigmoid_row(values, RowPair { low, high, ..pair });
            for (offset, &value) in values.iter().enumerate() {
                each(index * CHUNK + offset, value > self.value);
            }
        }
    }
}

/// The last score for which `holds` is true, and the next one. `holds` must be true up to some score and false above. Both are
/// negative infinity if it never holds, and infinity if it always does.
fn boundary(holds: impl Fn(f32) -> bool) -> (f32, f32) {
    // Integers that sort like the floats whose bits they hold.
    let ordered = |score: f32| (score.to_bits() as i32) ^ (((score.to_bits() as i32) >> 31) as u32 >> 1) as i32;
    let score = |ordered: i32| f32::from_bits((ordered ^ ((ordered >> 31) as u32 >> 1) as i32) as u32);
    if !holds(f32::NEG_INFINITY) {
        return (f32::NEG_INFINITY, f32::NEG_INFINITY);
    }
    if holds(f32::INFINITY) {
        return (f32::INFINITY, f32::INFINITY);
    }
    let (mut yes, mut no) = (ordered(f32::NEG_INFINITY), ordered(f32::INFINITY));
    while yes + 1 < no {
        let middle = yes.midpoint(no);
        if holds(score(middle)) { yes = middle } else { no = middle }
    }
    (score(yes), score(no))
}

/// Checks that a threshold lies in the range of similarities.
///
/// # Errors
/// [`ErrorKind::Argument`] unless `threshold` is in \[0, 1\].
pub fn check_threshold(threshold: f32) -> Result<()> {
    if (0.0..=1.0).contains(&threshold) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Argument, format!("a threshold from 0 to 1 expected, {threshold} found")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scores near the threshold's own, at small and large distances, and the extreme ones.
    fn scores(value: f32) -> Vec<f32> {
        let centre = (value / (1.0 - value)).ln();
        let steps = (0..2000).map(|step| (step as f32 - 1000.0) * 2e-9);
        let steps = steps.chain((0..2000).map(|step| (step as f32 - 1000.0) * 1e-4));
        let near = steps.map(|step| centre + step);
        near.chain([0.0, -0.0, 1e-40, -1e-40, 88.0, -88.0, 1e30, -1e30, f32::INFINITY, f32::NEG_INFINITY, f32::NAN])
            .collect()
    }

    #[test]
    fn decides_as_the_sigmoid_of_each_score() {
        let values = [0.0, 1e-45, 1e-38, 1.7e-38, 1e-20, 0.3, 0.5, 0.6, sigmoid(2.5), 0.999, 1.0 - 6e-8, 1.0];
        for value in values.into_iter().chain([-1.0, 2.0, f32::NAN]) {
            let threshold = Threshold::new(value);
            let mut scores = scores(value);
            // Interpolated scores are finite.
            scores.retain(|score| !score.is_infinite());
            for &score in &scores {
                let above = sigmoid(score) > value;
                if score <= threshold.low || score >= threshold.high {
                    assert_eq!(above, score >= threshold.high, "{score} {value}");
                }
            }
            let pair = RowPair { low: &scores, high: &scores, weight: 0.0, bounded: false };
            threshold.exact(pair, |index, above| assert_eq!(above, sigmoid(scores[index]) > value, "{value}"));
        }
    }

    #[test]
    fn few_scores_need_the_sigmoid() {
        for value in [0.01, 0.5, 0.7, 0.99] {
            let threshold = Threshold::new(value);
            let width = threshold.high - threshold.low;
            assert!(width > 0.0 && width < 4e-6 / (1.0 - value), "{value}: {width}");
        }
    }
}
