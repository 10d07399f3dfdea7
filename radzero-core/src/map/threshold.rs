//! Which scores lie above a threshold of the map, without the sigmoid of each.

use std::cmp::Ordering;

use super::axis::blend;
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
    /// The sigmoid of this score and of all lower ones is not above the threshold; NaN where there is no such score.
    low: f32,
    /// The sigmoid of this score and of all greater ones is above the threshold; NaN where there is no such score.
    high: f32,
}

/// What is known of pixels beside a threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Side {
    Above,
    NotAbove,
    Mixed,
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

    /// Where all scores within these bounds lie. NaN bounds nothing.
    pub(super) fn side(&self, least: f32, greatest: f32) -> Side {
        if least >= self.high {
            Side::Above
        } else if greatest <= self.low {
            Side::NotAbove
        } else {
            Side::Mixed
        }
    }

    /// Whether there are scores on both sides.
    fn is_bounded(&self) -> bool {
        self.low.is_finite() && self.high.is_finite()
    }

    /// `target[i]`: whether the map is above the threshold.
    pub(super) fn mask(&self, target: &mut [bool], piece: Piece<'_>) {
        if !(self.is_bounded() && compare(target, piece, (self.low, self.high))) {
            self.exact(piece, |start, values| {
                for (above, &value) in target[start..].iter_mut().zip(values) {
                    *above = value > self.value;
                }
            });
        }
    }

    /// How many pixels of the map are above the threshold.
    pub(super) fn count(&self, piece: Piece<'_>) -> usize {
        let (mut above, known) = count(piece, (self.low, self.high));
        if !(self.is_bounded() && known) {
            above = 0;
            self.exact(piece, |_, values| above += values.iter().filter(|&&value| value > self.value).count());
        }
        above
    }

    /// Calls `each` with the values of the map and the index of the first of them.
    fn exact(&self, piece: Piece<'_>, mut each: impl FnMut(usize, &[f32])) {
        let mut values = [0.0; EXACT];
        for (index, (low, high)) in piece.low.chunks(EXACT).zip(piece.high.chunks(EXACT)).enumerate() {
            let values = &mut values[..low.len()];
            blended_row(values, Piece { low, high, ..piece });
            each(index * EXACT, values);
        }
    }
}

/// Of all scores in order: one for which `holds` and the next, for which it does not. NaN in place of the first where it holds
/// for none that matters, and of the second where it holds for all.
fn last(holds: impl Fn(f32) -> bool) -> (f32, f32) {
    // Integers in the order of the numbers whose bits they hold.
    let ordered = |score: f32| (score.to_bits() as i32) ^ (((score.to_bits() as i32) >> 31) as u32 >> 1) as i32;
    let score = |ordered: i32| f32::from_bits((ordered ^ ((ordered >> 31) as u32 >> 1) as i32) as u32);
    if !holds(f32::NEG_INFINITY) {
        return (f32::NAN, f32::NEG_INFINITY);
    }
    if holds(f32::INFINITY) {
        return (f32::INFINITY, f32::NAN);
    }
    let (mut yes, mut no) = (ordered(f32::NEG_INFINITY), ordered(f32::INFINITY));
    while yes + 1 < no {
        let middle = yes.midpoint(no);
        if holds(score(middle)) { yes = middle } else { no = middle }
    }
    (score(yes), score(no))
}

/// `target[i]`: whether the score is at least the second bound. False where that may not tell on which side the map is, as a
/// score is between the bounds, which are numbers.
///
/// Compiled for several instruction sets and chosen at run time; all give the same bits.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
fn compare(target: &mut [bool], Piece { low, high, weight, .. }: Piece<'_>, bounds: (f32, f32)) -> bool {
    let mut signs = 0;
    for ((above, &low), &high) in target.iter_mut().zip(low).zip(high) {
        let score = blend(low, high, weight);
        *above = score >= bounds.1;
        signs |= between(score, bounds);
    }
    signs >> 31 == 0
}

/// How many are true of what [`compare`] says, and what it returns.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
fn count(Piece { low, high, weight, .. }: Piece<'_>, bounds: (f32, f32)) -> (usize, bool) {
    let (mut above, mut signs) = (0_u32, 0);
    for (&low, &high) in low.iter().zip(high) {
        let score = blend(low, high, weight);
        above += u32::from(score >= bounds.1);
        signs |= between(score, bounds);
    }
    (above as usize, signs >> 31 == 0)
}

/// Has its highest bit where a score is between the bounds, the first included: there the differences' signs are not the same.
/// (Two comparisons take half as long again.) NaN may have it or not: it is above nothing, in a map as here.
#[inline]
fn between(score: f32, bounds: (f32, f32)) -> u32 {
    (score - bounds.0).to_bits() ^ (score - bounds.1).to_bits()
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
            let scores = scores(value);
            for &score in &scores {
                let above = sigmoid(score) > value;
                match threshold.side(score, score) {
                    Side::Above => assert!(above, "{score} {value}"),
                    Side::NotAbove => assert!(!above, "{score} {value}"),
                    Side::Mixed => {}
                }
                if score.is_infinite() {
                    // Blends are not, as scores are not.
                    continue;
                }
                let piece = Piece { low: &[score], high: &[score], weight: 0.0, bounded: false };
                let mut mask = [false];
                threshold.mask(&mut mask, piece);
                assert_eq!(mask, [above], "{score} {value}");
                assert_eq!(threshold.count(piece), usize::from(above), "{score} {value}");
            }
            let finite: Vec<f32> = scores.into_iter().filter(|score| score.is_finite()).collect();
            let piece = Piece { low: &finite, high: &finite, weight: 0.25, bounded: false };
            let expected: Vec<bool> = finite.iter().map(|&score| sigmoid(blend(score, score, 0.25)) > value).collect();
            let mut mask = vec![false; finite.len()];
            threshold.mask(&mut mask, piece);
            assert_eq!(mask, expected, "{value}");
            assert_eq!(threshold.count(piece), expected.iter().filter(|&&above| above).count(), "{value}");
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
