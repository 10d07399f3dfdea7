//! The horizontal pass of bilinear upsampling. After it, each row of the map is a single vertical pass.

use std::ops::Range;

use ndarray::ArrayView2;

use super::interpolation::{Interpolation, RowPair, lerp};
use super::sigmoid::are_bounded;

/// The rows of the patch grid, interpolated to the map's width.
#[derive(Debug)]
pub(super) struct HorizontalPass<'a> {
    rows: &'a Interpolation,
    columns: &'a Interpolation,
    /// For each row of the map that the model saw: the index of its interval.
    interval_indices: Vec<usize>,
    /// The interpolated rows: one value for each column that the model saw.
    values: Vec<f32>,
    bounded: bool,
}

impl<'a> HorizontalPass<'a> {
    pub(super) fn new(scores: ArrayView2<'_, f32>, rows: &'a Interpolation, columns: &'a Interpolation) -> Self {
        let width = columns.weights.len();
        let mut values = vec![0.0; scores.nrows() * width];
        for (row, target) in scores.rows().into_iter().zip(values.chunks_exact_mut(width.max(1))) {
            for interval in &columns.intervals {
                let pixels = interval.pixels.start - columns.span.start..interval.pixels.end - columns.span.start;
                let weights = columns.weights(&interval.pixels);
                interpolate_row(&mut target[pixels], weights, row[interval.low], row[interval.high]);
            }
        }
        Self { rows, columns, interval_indices: rows.interval_indices(), values, bounded: are_bounded(scores) }
    }

    /// The two grid rows around `pixels` of the map's row `y`. The model must have seen that row and these pixels.
    pub(super) fn row_pair(&self, y: usize, pixels: &Range<usize>) -> RowPair<'_> {
        let (width, start) = (self.columns.weights.len(), pixels.start - self.columns.span.start);
        let values = |row: usize| &self.values[row * width + start..][..pixels.len()];
        let interval = &self.rows.intervals[self.interval_indices[y - self.rows.span.start]];
        let (low, high) = (values(interval.low), values(interval.high));
        RowPair { low, high, weight: self.rows.weight(y), bounded: self.bounded }
    }
}

/// `target[i] = lerp(low, high, weights[i])`.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
pub(super) fn interpolate_row(target: &mut [f32], weights: &[f32], low: f32, high: f32) {
    for (value, &weight) in target.iter_mut().zip(weights) {
        *value = lerp(low, high, weight);
    }
}
