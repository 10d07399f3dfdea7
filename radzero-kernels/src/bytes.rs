//! Fully connected layers of 8-bit integers, for processors with instructions for them (AVX-512 with VNNI, as of Ice Lake or
//! Zen 4).
//!
//! Each row of inputs has a range of its own, from its least to its greatest value with 0 among them, in 256 levels. So a row's result
//! does not depend on the others, and outlying values of one token leave the others their levels.

#[cfg(target_arch = "x86")]
use std::arch::x86::{
    __m512i, _mm512_cvtepi32_epi8, _mm512_dpbusd_epi32, _mm512_mullo_epi32, _mm512_set1_epi32, _mm512_sub_epi32,
};
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m512i, _mm512_cvtepi32_epi8, _mm512_dpbusd_epi32, _mm512_mullo_epi32, _mm512_set1_epi32, _mm512_sub_epi32,
};

use fearless_simd::{Avx512, f32x16, i8x64, i32x16, prelude::*, u32x4};

use crate::linear::{End, Part, load, parts, store};
use crate::panels::{BytePanels, Panels};
use crate::rounding::{limits, step};
use crate::tile::LANES;
use crate::workers::{Workers, share};
use crate::{LinearInt8, scratch};

const ROWS: usize = 14;
const VECTORS: usize = Panels::WIDTH / LANES;
/// Bytes of weights that a step reads: a panel's outputs, a group each.
const STEP: usize = Panels::WIDTH * BytePanels::GROUP;

type Sums = [[__m512i; VECTORS]; ROWS];

/// See [`Kernels::linear_int8`](crate::Kernels::linear_int8).
pub(crate) fn run(
    simd: Avx512,
    workers: &dyn Workers,
    layer: &LinearInt8<'_>,
    (x, rows): (&[f32], usize),
    end: End<'_>,
    y: &mut [f32],
) {
    let (inputs, outputs) = (layer.layout.inputs(), layer.layout.outputs());
    if rows == 0 || outputs == 0 {
        return;
    }
    let groups = inputs.div_ceil(BytePanels::GROUP);
    share(workers, parts::<ROWS>(y, rows, outputs, workers.count()), |_, part: &mut Part<'_>| {
        let x = &x[part.row * inputs..][..part.rows.len() * inputs];
        scratch::words(part.rows.len().next_multiple_of(ROWS) * groups, |packed| {
            let mut ranges = Vec::with_capacity(part.rows.len());
            for (x, packed) in x.chunks(ROWS * inputs).zip(packed.chunks_exact_mut(ROWS * groups)) {
                pack(simd, x, inputs, packed, &mut ranges);
            }
            multiply(simd, layer, (&ranges, packed), end, part);
        });
    });
}

/// How a row's levels stand for its values: value = (level - zero) * scale.
#[derive(Clone, Copy)]
struct Range {
    scale: f32,
    zero: f32,
}

impl Range {
    #[inline(always)]
    fn of(simd: Avx512, row: &[f32]) -> Self {
        let (least, most) = limits(simd, row);
        let scale = step(most - least, 255.0);
        Self { scale, zero: (-least / scale).round_ties_even() }
    }
}

/// Rounds the rows of a block to levels, \[groups, ROWS\] of four levels a word; rows that do not exist are zeros.
#[inline(always)]
fn pack(simd: Avx512, x: &[f32], inputs: usize, packed: &mut [u32], ranges: &mut Vec<Range>) {
    simd.vectorize(
        #[inline(always)]
        || {
            packed.fill(0);
            let (words, _) = packed.as_chunks_mut::<ROWS>();
            for (lane, row) in x.chunks_exact(inputs).enumerate() {
                let range = Range::of(simd, row);
                ranges.push(range);
                let inverse = f32x16::splat(simd, 1.0 / range.scale);
                let zero = f32x16::splat(simd, range.zero);
                for (words, values) in words.chunks_mut(LANES / BytePanels::GROUP).zip(row.chunks(LANES)) {
                    let [values] = load(simd, values);
                    let levels = (values * inverse).round_ties_even() + zero;
                    let levels = levels.max(f32x16::splat(simd, 0.0)).min(f32x16::splat(simd, 255.0));
                    let mut groups = [0; LANES / BytePanels::GROUP];
                    let levels: i32x16<Avx512> = simd.cvt_i32_f32x16(levels);
                    narrow(simd, levels.into(), &mut groups);
                    for (word, group) in words.iter_mut().zip(groups) {
                        word[lane] = group;
                    }
                }
            }
        },
    );
}

/// The rows' products, with what follows the layer.
#[inline(always)]
fn multiply(
    simd: Avx512,
    layer: &LinearInt8<'_>,
    (ranges, packed): (&[Range], &[u32]),
    end: End<'_>,
    part: &mut Part<'_>,
) {
    let (inputs, outputs) = (layer.layout.inputs(), layer.layout.outputs());
    let groups = inputs.div_ceil(BytePanels::GROUP);
    let columns = part.rows.first().map_or(0, |row| row.len());
    simd.vectorize(
        #[inline(always)]
        || {
            for column in (0..columns).step_by(Panels::WIDTH) {
                let from = part.column + column;
                let kept = Panels::WIDTH.min(columns - column);
                let weights = &layer.weight[from / Panels::WIDTH * groups * STEP..][..groups * STEP];
                let scales: [f32x16<Avx512>; VECTORS] = load(simd, &layer.scales[from..][..kept]);
                let mut sums = [0; Panels::WIDTH];
                sums[..kept].copy_from_slice(&layer.sums[from..][..kept]);
                let blocks =
                    part.rows.chunks_mut(ROWS).zip(packed.chunks_exact(ROWS * groups)).zip(ranges.chunks(ROWS));
                for (block, ((rows, values), ranges)) in blocks.enumerate() {
                    let mut products: Sums = [[i32x16::splat(simd, 0).into(); VECTORS]; ROWS];
                    accumulate(simd, values, weights, &mut products);
                    for (index, ((row, products), range)) in rows.iter_mut().zip(products).zip(ranges).enumerate() {
                        let mut result = [f32x16::splat(simd, 0.0); VECTORS];
                        for (vector, result) in result.iter_mut().enumerate() {
                            let sums = i32x16::from_slice(simd, &sums[vector * LANES..][..LANES]);
                            let product = without_zero(simd, products[vector], sums.into(), range.zero as i32);
                            let product: i32x16<Avx512> = product.simd_into(simd);
                            *result = simd.cvt_f32_i32x16(product) * scales[vector] * f32x16::splat(simd, range.scale);
                        }
                        let place = (part.row + block * ROWS + index) * outputs + from;
                        end.finish(simd, &layer.bias[from..][..kept], place, &mut result);
                        store(&mut row[column..][..kept], &result);
                    }
                }
            }
        },
    );
}

fearless_simd::kernel!(
    /// `sum[row] += sum over groups of a[group][row] . b[group]`, with `a` \[groups, ROWS\] and `b` \[groups, WIDTH, GROUP\].
    #[inline]
    fn accumulate(avx512: Avx512, a: &[u32], b: &[i8], sum: &mut Sums) {
        let mut kept = *sum;
        let (a, _) = a.as_chunks::<ROWS>();
        let (b, _) = b.as_chunks::<STEP>();
        for (words, weights) in a.iter().zip(b) {
            let first: __m512i = i8x64::from_slice(avx512, &weights[..64]).into();
            let second: __m512i = i8x64::from_slice(avx512, &weights[64..]).into();
            for (sums, &word) in kept.iter_mut().zip(words) {
                let word = _mm512_set1_epi32(word.cast_signed());
                sums[0] = _mm512_dpbusd_epi32(sums[0], word, first);
                sums[1] = _mm512_dpbusd_epi32(sums[1], word, second);
            }
        }
        *sum = kept;
    }
);

fearless_simd::kernel!(
    /// The low byte of each value, four in a word.
    #[inline]
    fn narrow(avx512: Avx512, values: __m512i, words: &mut [u32; LANES / BytePanels::GROUP]) {
        let bytes: u32x4<Avx512> = _mm512_cvtepi32_epi8(values).simd_into(avx512);
        bytes.store_slice(words);
    }
);

fearless_simd::kernel!(
    /// Takes back what the level of zero added: `product - sums * zero`.
    #[inline]
    fn without_zero(avx512: Avx512, product: __m512i, sums: __m512i, zero: i32) -> __m512i {
        let _ = avx512;
        _mm512_sub_epi32(product, _mm512_mullo_epi32(sums, _mm512_set1_epi32(zero)))
    }
);
