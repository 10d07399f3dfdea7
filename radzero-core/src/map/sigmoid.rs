//! The logistic function, for single values and for rows.

/// Beyond these, e^x would leave the range of normal 32-bit numbers.
const LIMIT: f32 = 87.0;

/// Adding and subtracting it rounds to an integer: 1.5 x 2^23.
const ROUNDING: f32 = 12_582_912.0;

/// ln 2 in two parts, so that their multiples by integers up to 126 are subtracted without an error.
const LN_2: (f32, f32) = (0.693_359_4, -2.121_944_4e-4);

/// The logistic function, 1 / (1 + e^-x); NaN where `score` is NaN.
///
/// Its relative error is below 3e-7, down to scores of -87, from where it stays. The same bits on every machine: it uses
/// nothing but IEEE additions, multiplications and a division.
#[must_use]
#[inline]
pub fn sigmoid(score: f32) -> f32 {
    // Written with comparisons, so that NaN passes through and the loop over a row has no branches.
    let x = -score;
    let x = if x > LIMIT { LIMIT } else { x };
    let x = if x < -LIMIT { -LIMIT } else { x };
    // e^x = 2^n e^r with n an integer and r at most half of ln 2 away from 0.
    let shifted = x * std::f32::consts::LOG2_E + ROUNDING;
    let n = shifted - ROUNDING;
    let r = x - n * LN_2.0 - n * LN_2.1;
    // The Taylor series ends where its next term, r^7 / 5040, is below half a unit in the last place.
    let series = 1.0 / 720.0;
    let series = series * r + 1.0 / 120.0;
    let series = series * r + 1.0 / 24.0;
    let series = series * r + 1.0 / 6.0;
    let series = series * r + 0.5;
    let series = (series * r + 1.0) * r + 1.0;
    // The low bits of `shifted` hold n: moved to the exponent's place, with its bias.
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    1.0 / (1.0 + series * power)
}

/// `target[i] = sigmoid(low[i] * (1 - weight) + high[i] * weight)`.
///
/// Compiled for several instruction sets and chosen at run time; all give the same bits.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
pub(super) fn blended_row(target: &mut [f32], low: &[f32], high: &[f32], weight: f32) {
    for ((value, &low), &high) in target.iter_mut().zip(low).zip(high) {
        *value = sigmoid(low * (1.0 - weight) + high * weight);
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
        for weight in [0.0, 0.3, 0.999] {
            let mut row = vec![0.0; low.len()];
            blended_row(&mut row, &low, &high, weight);
            for ((value, low), high) in row.iter().zip(&low).zip(&high) {
                assert_eq!(*value, sigmoid(low * (1.0 - weight) + high * weight));
            }
        }
    }
}
