//! What rows that are rounded to levels have in common.

use fearless_simd::{Avx512, f32x16, prelude::*};

use crate::linear::load;
use crate::tile::LANES;

/// The least and the greatest value of a row and 0; neither is a number where a value is not, or is infinite.
#[inline(always)]
pub(crate) fn limits(simd: Avx512, row: &[f32]) -> (f32, f32) {
    let (mut least, mut most) = (f32x16::splat(simd, 0.0), f32x16::splat(simd, 0.0));
    // Becomes not a number where a value is not or is infinite, which comparisons would pass over.
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

/// What a level stands for, of so many over `reach`.
#[inline(always)]
pub(crate) fn step(reach: f32, levels: f32) -> f32 {
    let step = reach / levels;
    // Zeros need no step, nor what is hardly more; what is not a number must stay that, and is not below anything.
    if step < f32::MIN_POSITIVE { 1.0 } else { step }
}
