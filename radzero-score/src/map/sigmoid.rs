//! The logistic function, of single values and of rows.

use ndarray::ArrayView2;

use super::interpolation::{RowPair, lerp};

/// Scores are clamped to this magnitude: beyond, e^x leaves the range of normal 32-bit floats.
const LIMIT: f32 = 87.0;

/// Scores up to this magnitude stay within [`LIMIT`] when interpolated, whatever the rounding.
const BOUND: f32 = 86.0;

/// Adding this rounds to an integer and leaves it, plus an exponent's bias, in the low bits of the sum: 1.5 x 2^23 + 127.
const ROUNDING: f32 = 12_583_039.0;

/// ln 2 in two parts, so that subtracting integer multiples of it, up to 126, is exact.
const LN_2: (f32, f32) = (0.693_359_4, -2.121_944_4e-4);

/// Values of a row that are computed together.
const BLOCK: usize = 64;

/// The logistic function, 1 / (1 + e^-x); NaN where `score` is NaN.
///
/// The relative error is below 3e-7 for scores of at least -87; below that, the value stays constant. All machines compute the
/// same bits: only IEEE additions, multiplications and a division are used.
#[must_use]
#[inline]
pub fn sigmoid(score: f32) -> f32 {
    let (shifted, s) = reduce(clamped(score));
    from_reduced(shifted, s)
}

/// Clamps to [`LIMIT`]. Comparisons let NaN pass, and keep the loop over a row free of branches.
#[inline]
fn clamped(score: f32) -> f32 {
    let x = if score > LIMIT { LIMIT } else { score };
    if x < -LIMIT { -LIMIT } else { x }
}

/// Range reduction: e^-x = 2^n e^-s with an integer n and |s| of at most ln 2 / 2. Returns n + [`ROUNDING`], and s.
#[inline]
fn reduce(x: f32) -> (f32, f32) {
    let shifted = x * -std::f32::consts::LOG2_E + ROUNDING;
    let n = shifted - ROUNDING;
    (shifted, x + n * LN_2.0 + n * LN_2.1)
}

/// The sigmoid from the result of [`reduce`].
#[inline]
fn from_reduced(shifted: f32, s: f32) -> f32 {
    // e^-s = (g - s) / (g + s) with g = s coth(s / 2). The next term of g's series in s^2, s^6 / 15120, is far below half a unit
    // in the last place. A series for e^-s would need more steps, and the sigmoid needs a division anyway.
    let square = s * s;
    let g = 2.0 + square * (1.0 / 6.0 - square * (1.0 / 360.0));
    // 2^n: the low bits of `shifted` become the exponent.
    let power = f32::from_bits(shifted.to_bits() << 23);
    let above = g + s;
    above / (above + (g - s) * power)
}

/// Whether interpolated values of these scores need no clamping: `bounded` of a [`RowPair`].
pub(super) fn are_bounded(scores: ArrayView2<'_, f32>) -> bool {
    scores.iter().all(|score| score.abs() <= BOUND)
}

/// `target[i] = sigmoid(lerp(low[i], high[i], weight))`.
///
/// Compiled for several instruction sets, of which one is chosen at run time; all give the same bits.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
pub(super) fn sigmoid_row(target: &mut [f32], RowPair { low, high, weight, bounded }: RowPair<'_>) {
    let (targets, target) = target.as_chunks_mut();
    let ((lows, low), (highs, high)) = (low.as_chunks(), high.as_chunks());
    for ((target, low), high) in targets.iter_mut().zip(lows).zip(highs) {
        sigmoid_block(target, low, high, weight, bounded);
    }
    // The rest is padded to a block: value by value it would take as long as several blocks.
    if !target.is_empty() {
        let (mut values, mut padded) = ([0.0; BLOCK], [[0.0; BLOCK]; 2]);
        let count = target.len().min(low.len()).min(high.len());
        padded[0][..count].copy_from_slice(&low[..count]);
        padded[1][..count].copy_from_slice(&high[..count]);
        sigmoid_block(&mut values, &padded[0], &padded[1], weight, bounded);
        target[..count].copy_from_slice(&values[..count]);
    }
}

/// [`sigmoid_row`] of one block, step by step over all values: the processor overlaps more of them than value by value.
#[inline]
fn sigmoid_block(target: &mut [f32; BLOCK], low: &[f32; BLOCK], high: &[f32; BLOCK], weight: f32, bounded: bool) {
    let (mut shifted, mut s) = ([0.0; BLOCK], [0.0; BLOCK]);
    if bounded {
        for index in 0..BLOCK {
            (shifted[index], s[index]) = reduce(lerp(low[index], high[index], weight));
        }
    } else {
        for index in 0..BLOCK {
            (shifted[index], s[index]) = reduce(clamped(lerp(low[index], high[index], weight)));
        }
    }
    for index in 0..BLOCK {
        target[index] = from_reduced(shifted[index], s[index]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_to_the_definition() {
        for step in -870_000..=870_000 {
            let score = step as f32 * 1e-4;
            let expected = 1.0 / (1.0 + (-f64::from(score)).exp());
            let found = f64::from(sigmoid(score));
            assert!((found - expected).abs() <= expected * 3e-7, "{score}: {found} {expected}");
        }
    }

    #[test]
    fn extreme_and_zero_scores() {
        assert_eq!(sigmoid(0.0), 0.5);
        assert_eq!(sigmoid(f32::INFINITY), 1.0);
        assert_eq!(sigmoid(1e30), 1.0);
        assert!(sigmoid(f32::NEG_INFINITY) > 0.0 && sigmoid(f32::NEG_INFINITY) < 1e-37);
        assert!(sigmoid(f32::NAN).is_nan());
    }

    #[test]
    fn rows_have_the_bits_of_single_values() {
        let low: Vec<f32> = (0..1001).map(|index| (index as f32 - 500.0) * 0.031).collect();
        let high: Vec<f32> = (0..1001).map(|index| (index * 7919 % 1001) as f32 * 0.02 - 9.0).collect();
        let ends = [BOUND, -BOUND, 0.0, -0.0, 1e-40, -1e-7, 85.999, -85.999];
        let (low, high): (Vec<f32>, Vec<f32>) = low.into_iter().chain(ends).zip(high.into_iter().chain(ends)).unzip();
        for bounded in [false, true] {
            for weight in [0.0, 0.1, 0.3, 0.999, 1.0] {
                let mut row = vec![0.0; low.len()];
                sigmoid_row(&mut row, RowPair { low: &low, high: &high, weight, bounded });
                for ((value, low), high) in row.iter().zip(&low).zip(&high) {
                    assert_eq!(*value, sigmoid(lerp(*low, *high, weight)));
                }
            }
        }
    }

    #[test]
    fn scores_that_need_clamping_are_found() {
        for (score, bounded) in
            [(0.0, true), (BOUND, true), (-BOUND, true), (86.1, false), (-1e30, false), (f32::NAN, false)]
        {
            assert_eq!(are_bounded(ArrayView2::from(&[[0.0, score], [1.0, -1.0]])), bounded, "{score}");
        }
    }
}
