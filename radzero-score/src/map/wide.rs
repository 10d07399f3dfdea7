//! The patch grid at the map's width, from which every row of the map is one pass.

use std::ops::Range;

use ndarray::ArrayView2;

use super::axis::{Edge, blend};
use super::sigmoid::are_bounded;

/// Every row of the grid, upsampled along the row; and which two of them each row of the map lies between.
#[derive(Debug)]
pub(super) struct Wide<'a> {
    rows: &'a Edge,
    columns: &'a Edge,
    /// The run of each row that the model saw.
    run_indices: Vec<usize>,
    /// As many values a row as the model saw columns.
    values: Vec<f32>,
    bounded: bool,
}

/// A piece of a row of the map, before the sigmoid: its values lie between those of two rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'a> {
    pub(super) low: &'a [f32],
    pub(super) high: &'a [f32],
    /// Of the values of `high`.
    pub(super) weight: f32,
    /// What [`are_bounded`] says of the grid's scores.
    pub(super) bounded: bool,
}

impl<'a> Wide<'a> {
    pub(super) fn new(scores: ArrayView2<'_, f32>, rows: &'a Edge, columns: &'a Edge) -> Self {
        let width = columns.weights.len();
        let mut values = vec![0.0; scores.nrows() * width];
        for (row, target) in scores.rows().into_iter().zip(values.chunks_exact_mut(width.max(1))) {
            for run in &columns.runs {
                let pixels = run.pixels.start - columns.span.start..run.pixels.end - columns.span.start;
                stretch(&mut target[pixels], columns.weights(&run.pixels), row[run.low], row[run.high]);
            }
        }
        Self { rows, columns, run_indices: rows.run_indices(), values, bounded: are_bounded(scores) }
    }

    /// The index of the run of row `y`, which the model saw.
    pub(super) fn run(&self, y: usize) -> usize {
        self.run_indices[y - self.rows.span.start]
    }

    /// Pixels of row `y`; the model saw the row and the pixels.
    pub(super) fn piece(&self, y: usize, pixels: &Range<usize>) -> Piece<'_> {
        let (width, start) = (self.columns.weights.len(), pixels.start - self.columns.span.start);
        let values = |row: usize| &self.values[row * width + start..][..pixels.len()];
        let run = &self.rows.runs[self.run(y)];
        Piece { low: values(run.low), high: values(run.high), weight: self.rows.weight(y), bounded: self.bounded }
    }
}

/// `target[i] = blend(low, high, weights[i])`.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
pub(super) fn stretch(target: &mut [f32], weights: &[f32], low: f32, high: f32) {
    for (value, &weight) in target.iter_mut().zip(weights) {
        *value = blend(low, high, weight);
    }
}
