//! Attention with scores from 16-bit integers, for AVX-512 with VNNI (Ice Lake, Zen 4 and later).
//!
//! Each query and each key of a head has its own scale, so that its greatest value uses all levels. The softmax and the
//! weighted sums are in 32-bit floats.

#[cfg(target_arch = "x86")]
use std::arch::x86::{__m512i, _mm512_dpwssd_epi32, _mm512_set1_epi32};
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{__m512i, _mm512_dpwssd_epi32, _mm512_set1_epi32};

use fearless_simd::{Avx512, f32x16, i32x16, prelude::*};
use ndarray::ArrayViewMut2;
use radzero_format::operators::ATTENTION_LEVELS;

use crate::attention::{QueryBlock, head_rows, pack_values, query_blocks, store_full};
use crate::linear::load;
use crate::quantize::{limits, scale_for};
use crate::tile::LANES;
use crate::workers::{Workers, for_each_part};
use crate::{Attention, scratch};

const ROWS: usize = 8;
const VECTORS: usize = 3;
const QUERIES: usize = VECTORS * LANES;

type Sums = [[__m512i; VECTORS]; ROWS];

/// See [`Kernels::attention_int16`](crate::Kernels::attention_int16).
pub(crate) fn run(simd: Avx512, workers: &dyn Workers, shape: Attention, [q, k, v]: [&[f32]; 3], y: &mut [f32]) {
    let Attention { tokens, heads, width, .. } = shape;
    if y.is_empty() {
        return;
    }
    let pairs = width.div_ceil(2);
    let keys = tokens.next_multiple_of(ROWS);
    let values = width.next_multiple_of(ROWS) * tokens;
    let length = shape.values_per_image();
    let images = q.chunks_exact(length).zip(k.chunks_exact(length)).zip(v.chunks_exact(length));
    for (((q, k), v), y) in images.zip(y.chunks_exact_mut(length)) {
        scratch::with_u32(heads * keys * pairs, |words| {
            scratch::with_f32(heads * (keys + values), |floats| {
                let parts = words.chunks_exact_mut(keys * pairs).zip(floats.chunks_exact_mut(keys + values)).collect();
                for_each_part(workers, parts, |head, (words, floats): &mut (&mut [u32], &mut [f32])| {
                    let (scales, values) = floats.split_at_mut(keys);
                    let rows = head_rows(shape, head, k);
                    simd.vectorize(
                        #[inline(always)]
                        || pack::<ROWS>(simd, rows, width, words, scales),
                    );
                    pack_values::<ROWS>(shape, head, v, values);
                });
                let (words, floats): (&[u32], &[f32]) = (words, floats);
                for_each_part(workers, query_blocks::<QUERIES>(shape, y), |_, (head, first, y)| {
                    let words = &words[*head * keys * pairs..][..keys * pairs];
                    let (scales, values) = floats[*head * (keys + values)..][..keys + values].split_at(keys);
                    let block = QueryBlock { simd, shape, head: *head, first_query: *first };
                    scratch::with_u32(QUERIES * pairs, |queries| {
                        scratch::with_f32(QUERIES * (keys + 1), |buffer| {
                            simd.vectorize(
                                #[inline(always)]
                                || compute(&block, q, queries, (words, scales, values), buffer, y),
                            );
                        });
                    });
                });
            });
        });
    }
}

/// Computes the result of a block of queries, against all keys and values of the head.
#[inline(always)]
fn compute(
    block: &QueryBlock<Avx512>,
    q: &[f32],
    queries: &mut [u32],
    (keys, key_scales, values): (&[u32], &[f32], &[f32]),
    buffer: &mut [f32],
    y: &mut ArrayViewMut2<'_, f32>,
) {
    let Attention { tokens, width, .. } = block.shape;
    let (query_scales, scores) = buffer.split_at_mut(QUERIES);
    let rows = head_rows(block.shape, block.head, q).skip(block.first_query).take(QUERIES);
    pack::<QUERIES>(block.simd, rows, width, queries, query_scales);
    query_scales.iter_mut().for_each(|scale| *scale *= block.score_scale());
    let greatest = compute_scores(block, (queries, query_scales), (keys, key_scales), scores);
    let weights = &mut scores[..tokens * QUERIES];
    let factors = block.softmax::<VECTORS, QUERIES>(greatest, weights);
    block.weighted_sums::<ROWS, VECTORS, QUERIES>(values, weights, factors, y);
}

/// Quantizes rows to \[blocks, pairs, BLOCK\] words of two levels each, and stores the scale of each row; missing rows are zeros.
#[inline(always)]
fn pack<'a, const BLOCK: usize>(
    simd: Avx512,
    mut rows: impl Iterator<Item = &'a [f32]>,
    width: usize,
    words: &mut [u32],
    scales: &mut [f32],
) {
    let pairs = width.div_ceil(2);
    for (words, scales) in words.chunks_exact_mut(pairs * BLOCK).zip(scales.chunks_mut(BLOCK)) {
        let (words, _) = words.as_chunks_mut::<BLOCK>();
        for (lane, scale) in scales.iter_mut().enumerate() {
            let Some(row) = rows.next() else {
                *scale = 0.0;
                words.iter_mut().for_each(|words| words[lane] = 0);
                continue;
            };
            let (least, most) = limits(simd, row);
            *scale = scale_for(most.max(-least), ATTENTION_LEVELS);
            let inverse = f32x16::splat(simd, 1.0 / *scale);
            for (words, values) in words.chunks_mut(LANES / 2).zip(row.chunks(LANES)) {
                let [values]: [f32x16<Avx512>; 1] = load(simd, values);
                let levels: i32x16<Avx512> = simd.cvt_i32_f32x16((values * inverse).round_ties_even());
                let mut lanes = [0_i32; LANES];
                levels.store_slice(&mut lanes);
                let (pairs, _) = lanes.as_chunks::<2>();
                for (words, [low, high]) in words.iter_mut().zip(pairs) {
                    words[lane] = low.cast_unsigned() & 0xffff | high.cast_unsigned() << 16;
                }
            }
        }
    }
}

/// Computes the scores, \[keys, QUERIES\], and returns the greatest of each query.
#[inline(always)]
fn compute_scores(
    block: &QueryBlock<Avx512>,
    (queries, query_scales): (&[u32], &[f32]),
    (keys, key_scales): (&[u32], &[f32]),
    scores: &mut [f32],
) -> [f32x16<Avx512>; VECTORS] {
    let simd = block.simd;
    let pairs = block.shape.width.div_ceil(2);
    let query_scales: [f32x16<Avx512>; VECTORS] = load(simd, query_scales);
    let mut greatest = [f32x16::splat(simd, f32::NEG_INFINITY); VECTORS];
    let blocks = keys.chunks_exact(ROWS * pairs).zip(scores.chunks_exact_mut(ROWS * QUERIES));
    for (index, (keys, scores)) in blocks.enumerate() {
        let mut products: Sums = [[i32x16::splat(simd, 0).into(); VECTORS]; ROWS];
        accumulate(simd, keys, queries, &mut products);
        let (rows, _) = scores.as_chunks_mut::<QUERIES>();
        let scales = &key_scales[index * ROWS..][..ROWS];
        let real = block.shape.tokens - index * ROWS;
        for (lane, ((row, products), scale)) in rows.iter_mut().zip(products).zip(scales).enumerate() {
            let scale = f32x16::splat(simd, *scale);
            let mut scores = query_scales;
            for (score, product) in scores.iter_mut().zip(products) {
                let product: i32x16<Avx512> = product.simd_into(simd);
                *score = simd.cvt_f32_i32x16(product) * (*score * scale);
            }
            store_full(row, &scores);
            if lane < real {
                for (greatest, score) in greatest.iter_mut().zip(scores) {
                    *greatest = greatest.max(score);
                }
            }
        }
    }
    greatest
}

fearless_simd::kernel!(
    /// `sum[row] += sum over pairs of a[pair][row] . b[pair]`, with `a` \[pairs, ROWS\] and `b` \[pairs, QUERIES\], two values
    /// per word.
    #[inline]
    fn accumulate(avx512: Avx512, a: &[u32], b: &[u32], sum: &mut Sums) {
        let mut registers = *sum;
        let (a, _) = a.as_chunks::<ROWS>();
        let (b, _) = b.as_chunks::<QUERIES>();
        for (words, queries) in a.iter().zip(b) {
            let mut columns = [_mm512_set1_epi32(0); VECTORS];
            for (column, words) in columns.iter_mut().zip(queries.chunks_exact(LANES)) {
                *column = fearless_simd::u32x16::from_slice(avx512, words).into();
            }
            for (sums, &word) in registers.iter_mut().zip(words) {
                let word = _mm512_set1_epi32(word.cast_signed());
                for (sum, column) in sums.iter_mut().zip(columns) {
                    *sum = _mm512_dpwssd_epi32(*sum, word, column);
                }
            }
        }
        *sum = registers;
    }
);
