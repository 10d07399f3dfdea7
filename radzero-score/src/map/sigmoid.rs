//! The logistic function, for single values and for rows.

use ndarray::ArrayView2;

use super::axis::blend;
use super::wide::Piece;

/// Beyond these, e^x would leave the range of normal 32-bit numbers.
const LIMIT: f32 = 87.0;

/// Scores between these stay within [`LIMIT`] when they are blended, whatever the rounding.
const WITHIN: f32 = 86.0;

/// Adding it rounds to an integer, which the low bits of the sum then hold, with the bias of an exponent: 1.5 x 2^23 + 127.
const ROUNDING: f32 = 12_583_039.0;

/// ln 2 in two parts, so that their multiples by integers up to 126 are subtracted without an error.
const LN_2: (f32, f32) = (0.693_359_4, -2.121_944_4e-4);

/// Values of a row that are computed side by side.
const BLOCK: usize = 64;

/// The logistic function, 1 / (1 + e^-x); NaN where `score` is NaN.
///
/// Its relative error is below 3e-7, down to scores of -87, from where it stays. The same bits on every machine: it uses
/// nothing but IEEE additions, multiplications and a division.
#[must_use]
#[inline]
pub fn sigmoid(score: f32) -> f32 {
    let (shifted, s) = reduced(limited(score));
    finished(shifted, s)
}

/// Written with comparisons, so that NaN passes through and the loop over a row has no branches.
#[inline]
fn limited(score: f32) -> f32 {
    let x = if score > LIMIT { LIMIT } else { score };
    if x < -LIMIT { -LIMIT } else { x }
}

/// e^-x = 2^n e^-s with n an integer and s at most half of ln 2 away from 0: n + [`ROUNDING`], and s.
#[inline]
fn reduced(x: f32) -> (f32, f32) {
    let shifted = x * -std::f32::consts::LOG2_E + ROUNDING;
    let n = shifted - ROUNDING;
    (shifted, x + n * LN_2.0 + n * LN_2.1)
}

/// The sigmoid from what [`reduced`] gives.
#[inline]
fn finished(shifted: f32, s: f32) -> f32 {
    // e^-s = (g - s) / (g + s) with g = s coth(s / 2): of its series in s^2 the next term, s^6 / 15120, is far below half a
    // unit in the last place. A series for e^-s would take more steps, and the division is there anyway.
    let square = s * s;
    let g = 2.0 + square * (1.0 / 6.0 - square * (1.0 / 360.0));
    // 2^n: the low bits of `shifted`, in the exponent's place.
    let power = f32::from_bits(shifted.to_bits() << 23);
    let above = g + s;
    above / (above + (g - s) * power)
}

/// Whether [`blended_row`] may take these scores for `bounded`: blends of them need no limits.
pub(super) fn are_bounded(scores: ArrayView2<'_, f32>) -> bool {
    scores.iter().all(|score| score.abs() <= WITHIN)
}

/// The sigmoid of each value of a piece.
///
/// Compiled for several instruction sets and chosen at run time; all give the same bits.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
pub(super) fn blended_row(target: &mut [f32], Piece { low, high, weight, bounded }: Piece<'_>) {
    let (targets, target) = target.as_chunks_mut();
    let ((lows, low), (highs, high)) = (low.as_chunks(), high.as_chunks());
    for ((target, low), high) in targets.iter_mut().zip(lows).zip(highs) {
        blended_block(target, low, high, weight, bounded);
    }
    // What is left, filled up: value by value it would take as long as some blocks.
    if !target.is_empty() {
        let (mut values, mut padded) = ([0.0; BLOCK], [[0.0; BLOCK]; 2]);
        let count = target.len().min(low.len()).min(high.len());
        padded[0][..count].copy_from_slice(&low[..count]);
        padded[1][..count].copy_from_slice(&high[..count]);
        blended_block(&mut values, &padded[0], &padded[1], weight, bounded);
        target[..count].copy_from_slice(&values[..count]);
    }
}

/// `target[i] = sigmoid(blend(low[i], high[i], weight))`, in passes over all values: so more of them are under way at once than
/// if one followed the other.
#[inline]
fn blended_block(target: &mut [f32; BLOCK], low: &[f32; BLOCK], high: &[f32; BLOCK], weight: f32, bounded: bool) {
    let (mut shifted, mut s) = ([0.0; BLOCK], [0.0; BLOCK]);
    if bounded {
        for index in 0..BLOCK {
            (shifted[index], s[index]) = reduced(blend(low[index], high[index], weight));
        }
    } else {
        for index in 0..BLOCK {
            (shifted[index], s[index]) = reduced(limited(blend(low[index], high[index], weight)));
        }
    }
    for index in 0..BLOCK {
        target[index] = finished(shifted[index], s[index]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_defined() {
        for step in -870_000..=870_000 {
            let score = step as f32 * 1e-4;
            let expected = 1.0 / (1.0 + (-f64::from(score)).exp());
            let found = f64::from(sigmoid(score));
            assert!((found - expected).abs() <= expected * 3e-7, "{score}: {found} {expected}");
        }
    }

    #[test]
    fn at_the_ends_and_in_the_middle() {
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
        let ends = [WITHIN, -WITHIN, 0.0, -0.0, 1e-40, -1e-7, 85.999, -85.999];
        let (low, high): (Vec<f32>, Vec<f32>) = low.into_iter().chain(ends).zip(high.into_iter().chain(ends)).unzip();
        for bounded in [false, true] {
            for weight in [0.0, 0.1, 0.3, 0.999, 1.0] {
                let mut row = vec![0.0; low.len()];
                blended_row(&mut row, Piece { low: &low, high: &high, weight, bounded });
                for ((value, low), high) in row.iter().zip(&low).zip(&high) {
                    assert_eq!(*value, sigmoid(blend(*low, *high, weight)));
                }
            }
        }
    }

    #[test]
    fn scores_that_need_limits_are_told() {
        for (score, bounded) in
            [(0.0, true), (WITHIN, true), (-WITHIN, true), (86.1, false), (-1e30, false), (f32::NAN, false)]
        {
            assert_eq!(are_bounded(ArrayView2::from(&[[0.0, score], [1.0, -1.0]])), bounded, "{score}");
        }
    }
}
