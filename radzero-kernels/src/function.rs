//! Functions of a vector.

use fearless_simd::{Bytes as _, Simd, f32x16, prelude::*, u32x16};

/// Below, e^x is taken to be what it is here: the smallest normal number that the method can make.
const LEAST: f32 = -87.0;

/// Adding and subtracting it rounds to an integer: 1.5 x 2^23.
const ROUNDING: f32 = 12_582_912.0;

/// ln 2 in two parts, the first so short that its products with exponents are exact.
const LN_2: (f32, f32) = (0.693_359_4, -2.121_944_4e-4);

/// e^x for x from -87 (and below, where it stays) to 88; relative error below 2e-7: half a unit in the last place and what the steps add.
#[inline(always)]
pub(crate) fn exp<S: Simd>(simd: S, x: f32x16<S>) -> f32x16<S> {
    let constant = |value| f32x16::splat(simd, value);
    // In this order, so that NaN passes through.
    let x = constant(LEAST).max(x);
    // e^x = 2^n e^r with n an integer and r at most half of ln 2 away from 0.
    let shifted = x.mul_add(constant(std::f32::consts::LOG2_E), constant(ROUNDING));
    let n = shifted - constant(ROUNDING);
    let r = n.mul_add(constant(-LN_2.0), x);
    let r = n.mul_add(constant(-LN_2.1), r);
    // The Taylor series ends where its next term, r^8 / 40320, is far below half a unit in the last place.
    let mut series = constant(1.0 / 5040.0);
    for term in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        series = series.mul_add(r, constant(term));
    }
    // The low bits of `shifted` hold n: moved to the exponent's place, with its bias.
    let power = (shifted.bitcast::<u32x16<S>>() << 23) + u32x16::splat(simd, 127 << 23);
    series * power.bitcast::<f32x16<S>>()
}

/// `fit/gelu.py` makes these: the normal distribution's tail over e^(-z^2 / 2), as a polynomial in 1 / (1 + z / 4), from the first
/// power on.
const TAIL: [f32; 10] = [
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

/// GELU with the error function: x times the share of the normal distribution below x. Absolute error below 4e-7 for
/// |x| up to 12.
#[inline(always)]
pub(crate) fn gelu<S: Simd>(simd: S, x: f32x16<S>) -> f32x16<S> {
    let constant = |value| f32x16::splat(simd, value);
    let z = x.abs();
    let u = constant(1.0) / z.mul_add(constant(0.25), constant(1.0));
    let mut tail = constant(0.0);
    for &coefficient in TAIL.iter().rev() {
        tail = tail.mul_add(u, constant(coefficient));
    }
    let below = exp(simd, z * z * constant(-0.5)) * (tail * u) * z;
    x.max(constant(0.0)) - below
}

#[cfg(test)]
mod tests {
    use fearless_simd::{Level, dispatch};

    use super::*;
    use crate::Kernels;

    fn mapped<S: Simd>(simd: S, values: &[f32], function: impl Fn(S, f32x16<S>) -> f32x16<S>) -> Vec<f32> {
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
    fn exp_as_defined() {
        let values: Vec<f32> = (0..1_750_000).map(|step| (step as f32 - 870_000.0) * 1e-4).collect();
        for level in levels() {
            let found = dispatch!(level, simd => mapped(simd, &values, exp));
            for (&x, found) in values.iter().zip(found) {
                let expected = f64::from(x).exp();
                assert!(
                    (f64::from(found) - expected).abs() <= 2e-7 * expected,
                    "{level:?}: e^{x}: {found}, {expected}"
                );
            }
            let low = dispatch!(level, simd => mapped(simd, &[f32::NEG_INFINITY; 16], exp));
            assert!(low[0] > 0.0 && low[0] < 2e-38, "{level:?}: {}", low[0]);
        }
    }
}
