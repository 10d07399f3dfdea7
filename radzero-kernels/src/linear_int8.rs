//! Fully connected layers in 8-bit integers, for AVX-512 with VNNI (Ice Lake, Zen 4 and later).
//!
//! Each row of inputs is quantized by itself, to 256 levels that span its values and 0. A row's result thus does not depend on
//! the other rows, and outliers of one token do not coarsen the others.

#[cfg(target_arch = "x86")]
use std::arch::x86::{
    __m512i, _mm512_cvtepi32_epi8, _mm512_dpbusd_epi32, _mm512_mullo_epi32, _mm512_set1_epi32, _mm512_sub_epi32,
};
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m512i, _mm512_cvtepi32_epi8, _mm512_dpbusd_epi32, _mm512_mullo_epi32, _mm512_set1_epi32, _mm512_sub_epi32,
};

use fearless_simd::{Avx512, f32x16, i8x64, i32x16, prelude::*, u32x4};

use crate::linear::{Epilogue, OutputBlock, load, output_blocks, store};
use crate::quantize::{limits, scale_for};
use crate::tile::LANES;
use crate::workers::{Workers, for_each_part};
use crate::{LinearInt8, scratch};
use radzero_format::operators::{BytePanels, Panels};

const ROWS: usize = 14;
const VECTORS: usize = Panels::WIDTH / LANES;
/// Bytes of weights that a step reads: one group for each output of a panel.
const STEP_BYTES: usize = Panels::WIDTH * BytePanels::GROUP;

type Sums = [[__m512i; VECTORS]; ROWS];

/// See [`Kernels::linear_int8`](crate::Kernels::linear_int8).
pub(crate) fn run(
    simd: Avx512,
    workers: &dyn Workers,
    layer: &LinearInt8<'_>,
    (x, rows): (&[f32], usize),
    epilogue: Epilogue<'_>,
    y: &mut [f32],
) {
    let (inputs, outputs) = (layer.layout.inputs(), layer.layout.outputs());
    if rows == 0 || outputs == 0 {
        return;
    }
    let groups = inputs.div_ceil(BytePanels::GROUP);
    let blocks = output_blocks::<ROWS>(y, rows, outputs, workers.count());
    for_each_part(workers, blocks, |_, output: &mut OutputBlock<'_>| {
        let x = &x[output.first_row * inputs..][..output.rows.len() * inputs];
        scratch::with_u32(output.rows.len().next_multiple_of(ROWS) * groups, |packed| {
            let mut quantizations = Vec::with_capacity(output.rows.len());
            for (x, packed) in x.chunks(ROWS * inputs).zip(packed.chunks_exact_mut(ROWS * groups)) {
                pack(simd, x, inputs, packed, &mut quantizations);
            }
            multiply(simd, layer, (&quantizations, packed), epilogue, output);
        });
    });
}

/// The quantization of a row: value = (level - zero point) * scale.
#[derive(Clone, Copy)]
struct Quantization {
    scale: f32,
    zero_point: f32,
}

impl Quantization {
    #[inline(always)]
    fn of(simd: Avx512, row: &[f32]) -> Self {
        let (least, most) = limits(simd, row);
        let scale = scale_for(most - least, 255.0);
        Self { scale, zero_point: (-least / scale).round_ties_even() }
    }
}

/// Quantizes the rows of a block to \[groups, ROWS\] words of four levels each; missing rows are zeros.
#[inline(always)]
fn pack(simd: Avx512, x: &[f32], inputs: usize, packed: &mut [u32], quantizations: &mut Vec<Quantization>) {
    simd.vectorize(
        #[inline(always)]
        || {
            packed.fill(0);
            let (words, _) = packed.as_chunks_mut::<ROWS>();
            for (lane, row) in x.chunks_exact(inputs).enumerate() {
                let quantization = Quantization::of(simd, row);
                quantizations.push(quantization);
                let inverse = f32x16::splat(simd, 1.0 / quantization.scale);
                let zero = f32x16::splat(simd, quantization.zero_point);
                for (words, values) in words.chunks_mut(LANES / BytePanels::GROUP).zip(row.chunks(LANES)) {
                    let [values] = load(simd, values);
                    let levels = (values * inverse).round_ties_even() + zero;
                    let levels = levels.max(f32x16::splat(simd, 0.0)).min(f32x16::splat(simd, 255.0));
                    let mut groups = [0; LANES / BytePanels::GROUP];
                    let levels: i32x16<Avx512> = simd.cvt_i32_f32x16(levels);
                    to_bytes(simd, levels.into(), &mut groups);
                    for (word, group) in words.iter_mut().zip(groups) {
                        word[lane] = group;
                    }
                }
            }
        },
    );
}

/// Multiplies the packed rows by the weights, and applies scales, bias and epilogue.
#[inline(always)]
fn multiply(
    simd: Avx512,
    layer: &LinearInt8<'_>,
    (quantizations, packed): (&[Quantization], &[u32]),
    epilogue: Epilogue<'_>,
    output: &mut OutputBlock<'_>,
) {
    let (inputs, outputs) = (layer.layout.inputs(), layer.layout.outputs());
    let groups = inputs.div_ceil(BytePanels::GROUP);
    let columns = output.rows.first().map_or(0, |row| row.len());
    simd.vectorize(
        #[inline(always)]
        || {
            for column in (0..columns).step_by(Panels::WIDTH) {
                let from = output.first_column + column;
                let valid = Panels::WIDTH.min(columns - column);
                let weights = &layer.weight[from / Panels::WIDTH * groups * STEP_BYTES..][..groups * STEP_BYTES];
                let scales: [f32x16<Avx512>; VECTORS] = load(simd, &layer.scales[from..][..valid]);
                let mut sums = [0; Panels::WIDTH];
                sums[..valid].copy_from_slice(&layer.sums[from..][..valid]);
                let blocks = output
                    .rows
                    .chunks_mut(ROWS)
                    .zip(packed.chunks_exact(ROWS * groups))
                    .zip(quantizations.chunks(ROWS));
                for (block, ((rows, values), quantizations)) in blocks.enumerate() {
                    let mut products: Sums = [[i32x16::splat(simd, 0).into(); VECTORS]; ROWS];
                    accumulate(simd, values, weights, &mut products);
                    for (index, ((row, products), quantization)) in
                        rows.iter_mut().zip(products).zip(quantizations).enumerate()
                    {
                        let mut result = [f32x16::splat(simd, 0.0); VECTORS];
                        for (vector, result) in result.iter_mut().enumerate() {
                            let sums = i32x16::from_slice(simd, &sums[vector * LANES..][..LANES]);
                            let product = subtract_zero_point(
                                simd,
                                products[vector],
                                sums.into(),
                                quantization.zero_point as i32,
                            );
                            let product: i32x16<Avx512> = product.simd_into(simd);
                            *result =
                                simd.cvt_f32_i32x16(product) * scales[vector] * f32x16::splat(simd, quantization.scale);
                        }
                        let offset = (output.first_row + block * ROWS + index) * outputs + from;
                        epilogue.apply(simd, &layer.bias[from..][..valid], offset, &mut result);
                        store(&mut row[column..][..valid], &result);
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
        let mut registers = *sum;
        let (a, _) = a.as_chunks::<ROWS>();
        let (b, _) = b.as_chunks::<STEP_BYTES>();
        for (words, weights) in a.iter().zip(b) {
            let first: __m512i = i8x64::from_slice(avx512, &weights[..64]).into();
            let second: __m512i = i8x64::from_slice(avx512, &weights[64..]).into();
            for (sums, &word) in registers.iter_mut().zip(words) {
                let word = _mm512_set1_epi32(word.cast_signed());
                sums[0] = _mm512_dpbusd_epi32(sums[0], word, first);
                sums[1] = _mm512_dpbusd_epi32(sums[1], word, second);
            }
        }
        *sum = registers;
    }
);

fearless_simd::kernel!(
    /// The low byte of each value, four per word.
    #[inline]
    fn to_bytes(avx512: Avx512, values: __m512i, words: &mut [u32; LANES / BytePanels::GROUP]) {
        let bytes: u32x4<Avx512> = _mm512_cvtepi32_epi8(values).simd_into(avx512);
        bytes.store_slice(words);
    }
);

fearless_simd::kernel!(
    /// Removes the share of the zero point: `product - sums * zero`.
    #[inline]
    fn subtract_zero_point(avx512: Avx512, product: __m512i, sums: __m512i, zero: i32) -> __m512i {
        let _ = avx512;
        _mm512_sub_epi32(product, _mm512_mullo_epi32(sums, _mm512_set1_epi32(zero)))
    }
);
