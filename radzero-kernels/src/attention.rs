//! Attention in 32-bit floats.
//!
//! The scores of a block of queries against all keys fit a core's second-level cache, so each block is computed from end to
//! end: scores, softmax, weighted sum of values. Everything is transposed: keys and values run along the rows, and queries
//! side by side in the lanes. A vector thus computes the softmax of 16 queries at once, and the weights already have the
//! layout that the second product reads.

use fearless_simd::{Simd, f32x16, prelude::*};
use ndarray::{ArrayViewMut2, ArrayViewMut3, Axis};

use crate::tile::{self, LANES};
use crate::workers::{Workers, for_each_part};
use crate::{ShapeError, math, scratch, transpose};

/// The shape of the tensors of attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attention {
    /// Images in the batch.
    pub images: usize,
    /// Tokens per image.
    pub tokens: usize,
    /// Heads.
    pub heads: usize,
    /// Values per token in one head.
    pub width: usize,
}

impl Attention {
    pub(crate) fn check(self, qkv: [&[f32]; 3], y: &[f32]) -> Result<(), ShapeError> {
        let factors = [self.tokens, self.heads, self.width];
        let values = factors.iter().try_fold(self.images, |product, factor| product.checked_mul(*factor));
        let values = values.unwrap_or(usize::MAX);
        for (what, slice) in ["queries", "keys", "values"].into_iter().zip(qkv).chain([("outputs", y)]) {
            ShapeError::check(what, values, slice.len())?;
        }
        Ok(())
    }

    pub(crate) fn values_per_image(self) -> usize {
        self.tokens * self.heads * self.width
    }
}

/// See [`Kernels::attention`](crate::Kernels::attention); tiles are ROWS x QUERIES, with QUERIES = VECTORS x 16.
#[inline(always)]
pub(crate) fn run<S: Simd, const ROWS: usize, const VECTORS: usize, const QUERIES: usize>(
    simd: S,
    workers: &dyn Workers,
    shape: Attention,
    [q, k, v]: [&[f32]; 3],
    y: &mut [f32],
) {
    const { assert!(QUERIES == VECTORS * LANES) };
    let Attention { tokens, heads, width, .. } = shape;
    if y.is_empty() {
        return;
    }
    let keys = tokens.div_ceil(ROWS) * ROWS * width;
    let values = width.div_ceil(ROWS) * ROWS * tokens;
    let length = shape.values_per_image();
    let images = q.chunks_exact(length).zip(k.chunks_exact(length)).zip(v.chunks_exact(length));
    for (((q, k), v), y) in images.zip(y.chunks_exact_mut(length)) {
        scratch::with_f32(heads * (keys + values), |packed| {
            let parts = packed.chunks_exact_mut(keys + values).collect();
            for_each_part(workers, parts, |head, packed: &mut &mut [f32]| {
                // Keys: [blocks, width, ROWS].
                let (keys, values) = packed.split_at_mut(keys);
                let rows = head_rows(shape, head, k);
                simd.vectorize(
                    #[inline(always)]
                    || transpose::pack::<S, ROWS>(simd, rows, width, keys),
                );
                pack_values::<ROWS>(shape, head, v, values);
            });
            let packed: &[f32] = packed;
            for_each_part(workers, query_blocks::<QUERIES>(shape, y), |_, (head, first, y)| {
                let packed = packed[*head * (keys + values)..][..keys + values].split_at(keys);
                let block = QueryBlock { simd, shape, head: *head, first_query: *first };
                scratch::with_f32(QUERIES * (width + tokens.next_multiple_of(ROWS)), |buffer| {
                    simd.vectorize(
                        #[inline(always)]
                        || block.compute::<ROWS, VECTORS, QUERIES>(q, packed, buffer, y),
                    );
                });
            });
        });
    }
}

/// Splits the result of an image into one part for each block of queries: (head, first query, \[queries, width\]).
///
/// The blocks of a head are next to each other, so that its keys and values stay in the caches.
pub(crate) fn query_blocks<const QUERIES: usize>(
    shape: Attention,
    y: &mut [f32],
) -> Vec<(usize, usize, ArrayViewMut2<'_, f32>)> {
    let mut parts = Vec::new();
    // The lengths have been checked.
    let Ok(y) = ArrayViewMut3::from_shape((shape.tokens, shape.heads, shape.width), y) else { return parts };
    let mut heads = y.permuted_axes([1, 0, 2]);
    for head in 0..shape.heads {
        let (one, others) = heads.split_at(Axis(0), 1);
        heads = others;
        let mut rest = one.index_axis_move(Axis(0), 0);
        for first in (0..shape.tokens).step_by(QUERIES) {
            let (part, others) = rest.split_at(Axis(0), QUERIES.min(shape.tokens - first));
            parts.push((head, first, part));
            rest = others;
        }
    }
    parts
}

/// Packs the values of a head by blocks of channels, \[blocks, tokens, ROWS\]; missing channels are zeros.
#[inline(always)]
pub(crate) fn pack_values<const ROWS: usize>(shape: Attention, head: usize, v: &[f32], packed: &mut [f32]) {
    for (block, packed) in packed.chunks_exact_mut(ROWS * shape.tokens).enumerate() {
        let first = block * ROWS;
        let (packed, _) = packed.as_chunks_mut::<ROWS>();
        for (packed, row) in packed.iter_mut().zip(head_rows(shape, head, v)) {
            // The common case: a copy of constant length takes two instructions.
            match row[first..].first_chunk::<ROWS>() {
                Some(row) => *packed = *row,
                None => {
                    *packed = [0.0; ROWS];
                    packed[..row.len() - first].copy_from_slice(&row[first..]);
                }
            }
        }
    }
}

/// One row of values per token: those of one head.
pub(crate) fn head_rows(shape: Attention, head: usize, values: &[f32]) -> impl Iterator<Item = &[f32]> {
    values.chunks_exact(shape.heads * shape.width).map(move |row| &row[head * shape.width..][..shape.width])
}

/// A block of queries of one head.
pub(crate) struct QueryBlock<S> {
    pub(crate) simd: S,
    pub(crate) shape: Attention,
    pub(crate) head: usize,
    pub(crate) first_query: usize,
}

impl<S: Simd> QueryBlock<S> {
    #[inline(always)]
    fn compute<const ROWS: usize, const VECTORS: usize, const QUERIES: usize>(
        &self,
        q: &[f32],
        (keys, values): (&[f32], &[f32]),
        buffer: &mut [f32],
        y: &mut ArrayViewMut2<'_, f32>,
    ) {
        let (queries, scores) = buffer.split_at_mut(self.shape.width * QUERIES);
        self.pack_queries::<QUERIES>(q, queries);
        let greatest = self.scores::<ROWS, VECTORS, QUERIES>(queries, keys, scores);
        let weights = &mut scores[..self.shape.tokens * QUERIES];
        let factors = self.softmax::<VECTORS, QUERIES>(greatest, weights);
        self.weighted_sums::<ROWS, VECTORS, QUERIES>(values, weights, factors, y);
    }

    /// The factor of the scores: 1 / sqrt(width), times log2(e), since the softmax computes powers of 2.
    pub(crate) fn score_scale(&self) -> f32 {
        std::f32::consts::LOG2_E / (self.shape.width as f32).sqrt()
    }

    /// Packs queries side by side, \[width, QUERIES\], [scaled](Self::score_scale); missing queries are zeros.
    #[inline(always)]
    fn pack_queries<const QUERIES: usize>(&self, q: &[f32], packed: &mut [f32]) {
        let scale = f32x16::splat(self.simd, self.score_scale());
        let width = self.shape.width;
        let (channels, _) = packed.as_chunks_mut::<QUERIES>();
        let mut rows = head_rows(self.shape, self.head, q).skip(self.first_query).take(QUERIES);
        for lane in (0..QUERIES).step_by(LANES) {
            let mut lanes: [&[f32]; LANES] = [&[]; LANES];
            for lane in &mut lanes {
                *lane = rows.next().unwrap_or_default();
            }
            for first in (0..width).step_by(LANES) {
                for (channel, values) in (first..width).zip(transpose::columns(self.simd, lanes, first)) {
                    (values * scale).store_slice(&mut channels[channel][lane..][..LANES]);
                }
            }
        }
    }

    /// Computes the scores, \[keys, QUERIES\], and returns the greatest of each query.
    #[inline(always)]
    fn scores<const ROWS: usize, const VECTORS: usize, const QUERIES: usize>(
        &self,
        queries: &[f32],
        keys: &[f32],
        scores: &mut [f32],
    ) -> [f32x16<S>; VECTORS] {
        let Attention { tokens, width, .. } = self.shape;
        let mut greatest = [f32x16::splat(self.simd, f32::NEG_INFINITY); VECTORS];
        let blocks = keys.chunks_exact(ROWS * width).zip(scores.chunks_exact_mut(ROWS * QUERIES));
        for (block, (keys, scores)) in blocks.enumerate() {
            let mut sum = tile::zero::<S, ROWS, VECTORS>(self.simd);
            tile::accumulate::<S, ROWS, VECTORS, QUERIES>(self.simd, keys, queries, 0, &mut sum);
            let (rows, _) = scores.as_chunks_mut::<QUERIES>();
            for (row, sums) in rows.iter_mut().zip(&sum) {
                store_full(row, sums);
            }
            for sums in sum.iter().take(tokens - block * ROWS) {
                for (greatest, score) in greatest.iter_mut().zip(sums) {
                    *greatest = greatest.max(*score);
                }
            }
        }
        greatest
    }

    /// Replaces scores by 2^(score - greatest), and returns the normalising factor of each query.
    #[inline(always)]
    pub(crate) fn softmax<const VECTORS: usize, const QUERIES: usize>(
        &self,
        greatest: [f32x16<S>; VECTORS],
        scores: &mut [f32],
    ) -> [f32x16<S>; VECTORS] {
        let mut total = [f32x16::splat(self.simd, 0.0); VECTORS];
        let (rows, _) = scores.as_chunks_mut::<QUERIES>();
        for row in rows {
            let mut weights = [f32x16::splat(self.simd, 0.0); VECTORS];
            for (vector, weight) in weights.iter_mut().enumerate() {
                let score = f32x16::from_slice(self.simd, &row[vector * LANES..][..LANES]);
                *weight = math::exp2(self.simd, score - greatest[vector]);
                total[vector] += *weight;
            }
            store_full(row, &weights);
        }
        for total in &mut total {
            *total = f32x16::splat(self.simd, 1.0) / *total;
        }
        total
    }

    /// Writes the weighted sums of the values, times the normalising factors, to the result.
    #[inline(always)]
    pub(crate) fn weighted_sums<const ROWS: usize, const VECTORS: usize, const QUERIES: usize>(
        &self,
        values: &[f32],
        weights: &[f32],
        factors: [f32x16<S>; VECTORS],
        y: &mut ArrayViewMut2<'_, f32>,
    ) {
        for (block, values) in values.chunks_exact(ROWS * self.shape.tokens).enumerate() {
            let mut sum = tile::zero::<S, ROWS, VECTORS>(self.simd);
            tile::accumulate::<S, ROWS, VECTORS, QUERIES>(self.simd, values, weights, 0, &mut sum);
            for (channel, mut sums) in (block * ROWS..self.shape.width).zip(sum) {
                for (sum, factor) in sums.iter_mut().zip(factors) {
                    *sum *= factor;
                }
                let mut row = [0.0; QUERIES];
                store_full(&mut row, &sums);
                for (value, sum) in y.column_mut(channel).iter_mut().zip(row) {
                    *value = sum;
                }
            }
        }
    }
}

/// Stores vectors in a row that has room for all their lanes.
#[inline(always)]
pub(crate) fn store_full<S: Simd, const VECTORS: usize>(row: &mut [f32], vectors: &[f32x16<S>; VECTORS]) {
    for (values, vector) in row.chunks_exact_mut(LANES).zip(vectors) {
        vector.store_slice(values);
    }
}
