//! The limits and the scale of a row that is quantized.

use fearless_simd::{Avx512, f32x16, prelude::*};

use crate::linear::load;
use crate::tile::LANES;

/// The least and the greatest of a row's values and 0; both are NaN if a value is NaN or infinite.
#[inline(always)]
pub(crate) fn limits(simd: Avx512, row: &[f32]) -> (f32, f32) {
    let (mut least, mut most) = (f32x16::splat(simd, 0.0), f32x16::splat(simd, 0.0));
    // Becomes NaN if a value is NaN or infinite; minimum and maximum would not show it.
    let mut check = f32x16::splat(simd, 0.0);
    for values in row.chunks(LANES) {
        let [values]: [f32x16<Avx512>; 1] = load(simd, values);
        least = least.min(values);
        most = most.max(values);
        check = values.mul_add(f32x16::splat(simd, 0.0), check);
    }
    let (mut low, mut high, mut sum) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
    least.store_slice(&mut low);
    most.store_slice(&mut high);
    check.store_slice(&mut sum);
    let sum: f32 = sum.iter().sum();
    (low.iter().copied().fold(0.0, f32::min) + sum, high.iter().copied().fold(0.0, f32::max) + sum)
}

/// The difference between neighbouring levels, if `levels` of them span `reach`.
#[inline(always)]
pub(crate) fn scale_for(reach: f32, levels: f32) -> f32 {
    let scale = reach / levels;
    // A row of (almost) zeros gets a scale that can be inverted. NaN stays NaN: it is not below anything.
    if scale < f32::MIN_POSITIVE { 1.0 } else { scale }
}
