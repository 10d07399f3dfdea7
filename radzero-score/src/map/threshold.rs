//! Which scores lie above a threshold of the map, without the sigmoid of each.

use std::cmp::Ordering;

use super::sigmoid::{blended_row, sigmoid};
use super::wide::Piece;

/// Relative error within which the computed sigmoid of a greater score may come out smaller.
pub(super) const SIGMOID_MARGIN: f32 = 8.0 * f32::EPSILON;

/// Pixels whose sigmoid is computed at once where it must be.
const EXACT: usize = 256;

/// A threshold as two scores. Of the few scores between them, only the sigmoid tells.
#[derive(Debug, Clone, Copy)]
pub(super) struct Threshold {
    value: f32,
    /// The sigmoid of this score and of all lower ones is not above the threshold; negative infinity where there is no such
    /// score.
    pub(super) low: f32,
    /// The sigmoid of this score and of all greater ones is above the threshold; infinity where there is no such score.
    pub(super) high: f32,
}

impl Threshold {
    pub(super) fn new(value: f32) -> Self {
        let (below, above) = (value * (1.0 - SIGMOID_MARGIN), value * (1.0 + SIGMOID_MARGIN));
        Self {
            value,
            low: last(|score| sigmoid(score) <= below).0,
            high: last(|score| sigmoid(score).partial_cmp(&above) != Some(Ordering::Greater)).1,
        }
    }

    /// Calls `each` with the index of every pixel of the piece, and whether the map is above the threshold there.
    pub(super) fn exact(&self, piece: Piece<'_>, mut each: impl FnMut(usize, bool)) {
        let mut values = [0.0; EXACT];
        for (index, (low, high)) in piece.low.chunks(EXACT).zip(piece.high.chunks(EXACT)).enumerate() {
            let values = &mut values[..low.len()];
            blended_row(values, Piece { low, high, ..piece });
            for (offset, &value) in values.iter().enumerate() {
                each(index * EXACT + offset, value > self.value);
            }
        }
    }
}

/// Of all scores in order: one for which `holds` and the next, for which it does not. Both are negative infinity where it holds
/// for none, and infinity where it holds for all.
fn last(holds: impl Fn(f32) -> bool) -> (f32, f32) {
    // Integers in the order of the numbers whose bits they hold.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Scores around the threshold's own, at all distances, and the ends.
    fn scores(value: f32) -> Vec<f32> {
        let centre = (value / (1.0 - value)).ln();
        let steps = (0..2000).map(|step| (step as f32 - 1000.0) * 2e-9);
        let steps = steps.chain((0..2000).map(|step| (step as f32 - 1000.0) * 1e-4));
        let near = steps.map(|step| centre + step);
        near.chain([0.0, -0.0, 1e-40, -1e-40, 88.0, -88.0, 1e30, -1e30, f32::INFINITY, f32::NEG_INFINITY, f32::NAN])
            .collect()
    }

    #[test]
    fn as_with_the_sigmoid_of_each() {
        let values = [0.0, 1e-45, 1e-38, 1.7e-38, 1e-20, 0.3, 0.5, 0.6, sigmoid(2.5), 0.999, 1.0 - 6e-8, 1.0];
        for value in values.into_iter().chain([-1.0, 2.0, f32::NAN]) {
            let threshold = Threshold::new(value);
            let mut scores = scores(value);
            // Blends are finite, as scores are.
            scores.retain(|score| !score.is_infinite());
            for &score in &scores {
                let above = sigmoid(score) > value;
                if score <= threshold.low || score >= threshold.high {
                    assert_eq!(above, score >= threshold.high, "{score} {value}");
                }
            }
            let piece = Piece { low: &scores, high: &scores, weight: 0.0, bounded: false };
            threshold.exact(piece, |index, above| assert_eq!(above, sigmoid(scores[index]) > value, "{value}"));
        }
    }

    #[test]
    fn few_scores_are_left_to_the_sigmoid() {
        for value in [0.01, 0.5, 0.7, 0.99] {
            let threshold = Threshold::new(value);
            let width = threshold.high - threshold.low;
            assert!(width > 0.0 && width < 4e-6 / (1.0 - value), "{value}: {width}");
        }
    }
}
