//! Powers of 2 and GELU, for all lanes of a vector.

use fearless_simd::{Bytes as _, Simd, f32x16, prelude::*, u32x16};

/// Smaller arguments are clamped to this one, whose power is the smallest normal number.
const LEAST: f32 = -126.0;

/// 1.5 x 2^23: adding and then subtracting it rounds to an integer.
const ROUNDING: f32 = 12_582_912.0;

/// Fitted by `fit/exp2.py`: 2^r for r from -1/2 to 1/2 as a polynomial, highest power first; exact at 0.
const EXP2_COEFFICIENTS: [f32; 7] =
    [1.535_334_2e-4, 1.339_887_3e-3, 9.618_438e-3, 5.550_332_4e-2, 0.240_226_48, std::f32::consts::LN_2, 1.0];

/// 2^x for x up to 127, clamped below -126; relative error below 1e-7.
///
/// Most of the steps are not multiplications, so they overlap with those of the polynomial.
#[inline(always)]
pub(crate) fn exp2<S: Simd>(simd: S, x: f32x16<S>) -> f32x16<S> {
    let constant = |value| f32x16::splat(simd, value);
    // In this order, so that NaN passes through.
    let x = constant(LEAST).max(x);
    // 2^x = 2^n 2^r with n an integer; r is exact.
    let shifted = x + constant(ROUNDING);
    let r = x - (shifted - constant(ROUNDING));
    let [first, others @ ..] = EXP2_COEFFICIENTS;
    let mut polynomial = constant(first);
    for term in others {
        polynomial = polynomial.mul_add(r, constant(term));
    }
    // The low bits of `shifted` hold n: shift them to the exponent and add its bias. Multiplied, so that NaN passes through.
    let power = (shifted.bitcast::<u32x16<S>>() << 23) + u32x16::splat(simd, 127 << 23);
    polynomial * power.bitcast::<f32x16<S>>()
}

/// Fitted by `fit/gelu.py`: the tail of the normal distribution over e^(-z^2 / 2), as a polynomial in 1 / (1 + z / 4), from the
/// first power up.
const TAIL_COEFFICIENTS: [f32; 10] = [
    0.099_747_94,
    0.099_491_88,
    0.095_521_05,
    0.071_975_835,
    0.086_721_9,
    0.012_595_955,
    0.028_569_715,
    0.051_555_518,
    -0.062_752_3,
    0.016_572_524,
];

/// GELU with the error function: x times the cumulative normal distribution at x. Absolute error below 4e-7 for |x| up to 12.
#[inline(always)]
pub(crate) fn gelu<S: Simd>(simd: S, x: f32x16<S>) -> f32x16<S> {
    let constant = |value| f32x16::splat(simd, value);
    let z = x.abs();
    let u = constant(1.0) / z.mul_add(constant(0.25), constant(1.0));
    let mut tail = constant(0.0);
    for &coefficient in TAIL_COEFFICIENTS.iter().rev() {
        tail = tail.mul_add(u, constant(coefficient));
    }
    let tail = exp2(simd, z * z * constant(-0.5 * std::f32::consts::LOG2_E)) * (tail * u) * z;
    x.max(constant(0.0)) - tail
}

#[cfg(test)]
mod tests {
    use fearless_simd::{Level, dispatch};

    use super::*;
    use crate::Kernels;

    fn map<S: Simd>(simd: S, values: &[f32], function: impl Fn(S, f32x16<S>) -> f32x16<S>) -> Vec<f32> {
        let mut result = vec![0.0; values.len()];
        for (from, to) in values.chunks_exact(16).zip(result.chunks_exact_mut(16)) {
            function(simd, f32x16::from_slice(simd, from)).store_slice(to);
        }
        result
    }

    fn levels() -> Vec<Level> {
        let levels: Vec<Level> = Kernels::all().into_iter().map(|kernels| kernels.0).collect();
        if levels.is_empty() { vec![Level::new()] } else { levels }
    }

    #[test]
    fn exp2_matches_its_definition() {
        let values: Vec<f32> = (0..2_530_000).map(|step| (step as f32 - 1_260_000.0) * 1e-4).collect();
        for level in levels() {
            let found = dispatch!(level, simd => map(simd, &values, exp2));
            for (&x, found) in values.iter().zip(found) {
                let expected = f64::from(x).exp2();
                assert!(
                    (f64::from(found) - expected).abs() <= 1e-7 * expected,
                    "{level:?}: 2^{x}: {found}, {expected}"
                );
            }
            let low = dispatch!(level, simd => map(simd, &[f32::NEG_INFINITY; 16], exp2));
            assert!(low[0] > 0.0 && low[0] < 3e-38, "{level:?}: {}", low[0]);
            for bits in [0x7fc0_0000, 0x7fc0_0001, 0xffff_ffff] {
                let poisoned = dispatch!(level, simd => map(simd, &[f32::from_bits(bits); 16], exp2));
                assert!(poisoned[0].is_nan(), "{level:?}: {}", poisoned[0]);
            }
        }
    }
}
