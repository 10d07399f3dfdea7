//! Fully connected layers.

use fearless_simd::{Simd, f32x16, prelude::*};

use crate::panels::{BytePanels, Panels};
use crate::tile::{self, LANES};
use crate::workers::{Workers, share};
use crate::{ShapeError, function, scratch, transpose};

/// Inputs that one pass takes: with more, sums are kept in the result between passes. As many as the perceptron of a base-size
/// model has: its rows and panels then come from the third-level cache, which is fast enough, and a second pass is not.
const DEPTH: usize = 3072;

/// Row blocks that share a panel of weights while it is in the cache, at most.
const BLOCKS: usize = 8;

/// A fully connected layer.
#[derive(Debug, Clone, Copy)]
pub struct Linear<'a> {
    /// How the weights lie.
    pub layout: Panels,
    /// The weights, packed by [`Panels::pack`].
    pub weight: &'a [f32],
    /// One value an output.
    pub bias: &'a [f32],
}

/// What follows a layer.
#[derive(Debug, Clone, Copy)]
pub enum End<'a> {
    /// Nothing.
    None,
    /// GELU with the error function.
    Gelu,
    /// A residual sum: these values, \[rows, outputs\], are added.
    Add(&'a [f32]),
}

/// A fully connected layer with weights of 8 bits.
#[derive(Debug, Clone, Copy)]
pub struct LinearInt8<'a> {
    /// How the weights lie.
    pub layout: BytePanels,
    /// The weights, packed by [`BytePanels::pack`]; none is -128.
    pub weight: &'a [i8],
    /// What each output's weights are to be multiplied by.
    pub scales: &'a [f32],
    /// The sum of each output's weights.
    pub sums: &'a [i32],
    /// One value an output.
    pub bias: &'a [f32],
}

impl Linear<'_> {
    /// The number of rows, if everything fits.
    pub(crate) fn check(&self, x: &[f32], end: End<'_>, y: &[f32]) -> Result<usize, ShapeError> {
        ShapeError::check("weights", self.layout.values(), self.weight.len())?;
        ShapeError::check("bias", self.layout.outputs(), self.bias.len())?;
        rows(self.layout.inputs(), self.layout.outputs(), x, end, y)
    }
}

impl LinearInt8<'_> {
    /// The number of rows, if everything fits.
    pub(crate) fn check(&self, x: &[f32], end: End<'_>, y: &[f32]) -> Result<usize, ShapeError> {
        let outputs = self.layout.outputs();
        ShapeError::check("inputs of a sum", self.layout.inputs().min(BytePanels::MOST), self.layout.inputs())?;
        ShapeError::check("weights", self.layout.values(), self.weight.len())?;
        ShapeError::check("scales", outputs, self.scales.len())?;
        ShapeError::check("sums", outputs, self.sums.len())?;
        ShapeError::check("bias", outputs, self.bias.len())?;
        rows(self.layout.inputs(), outputs, x, end, y)
    }
}

/// The number of rows, if inputs, outputs and residual have as many.
fn rows(inputs: usize, outputs: usize, x: &[f32], end: End<'_>, y: &[f32]) -> Result<usize, ShapeError> {
    let rows = x.len().checked_div(inputs).unwrap_or(0);
    ShapeError::check("inputs", rows * inputs, x.len())?;
    ShapeError::check("outputs", rows * outputs, y.len())?;
    if let End::Add(residual) = end {
        ShapeError::check("residual", y.len(), residual.len())?;
    }
    Ok(rows)
}

/// See [`Kernels::linear`](crate::Kernels::linear); tiles are ROWS x (VECTORS x 16).
#[inline(always)]
pub(crate) fn run<S: Simd, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    workers: &dyn Workers,
    layer: &Linear<'_>,
    (x, rows): (&[f32], usize),
    end: End<'_>,
    y: &mut [f32],
) {
    let outputs = layer.layout.outputs();
    if rows == 0 || outputs == 0 {
        return;
    }
    share(workers, parts::<ROWS>(y, rows, outputs, workers.count()), |_, part: &mut Part<'_>| {
        let inputs = layer.layout.inputs();
        let rows = Rows { simd, layer, x: &x[part.row * inputs..][..part.rows.len() * inputs], first: part.row, end };
        scratch::with(part.rows.len().next_multiple_of(ROWS) * DEPTH.min(inputs), |packed| {
            simd.vectorize(
                #[inline(always)]
                || rows.compute::<ROWS, VECTORS>(packed, part),
            );
        });
    });
}

/// Row blocks that a task has: as many as share a panel well, and so that all workers end at the same time.
fn blocks_a_task(blocks: usize, workers: usize) -> usize {
    (1..=BLOCKS)
        .rev()
        .min_by_key(|&size| {
            let rounds = blocks.div_ceil(size).div_ceil(workers.max(1));
            // Half a block's time is what a task costs beside its blocks, in reading the weights.
            rounds * (2 * size + 1)
        })
        .unwrap_or(1)
}

/// A part of the result.
pub(crate) struct Part<'a> {
    /// The first row.
    pub(crate) row: usize,
    /// The first column, where a panel begins.
    pub(crate) column: usize,
    /// Its columns of each of its rows.
    pub(crate) rows: Vec<&'a mut [f32]>,
}

/// The result in parts for so many workers, of whole blocks and whole panels.
pub(crate) fn parts<const ROWS: usize>(y: &mut [f32], rows: usize, outputs: usize, workers: usize) -> Vec<Part<'_>> {
    let blocks = blocks_a_task(rows.div_ceil(ROWS), workers);
    // A short product has less blocks than there are workers: these share its outputs.
    let shares = workers.div_ceil(rows.div_ceil(ROWS * blocks));
    let columns = outputs.div_ceil(Panels::WIDTH).div_ceil(shares.max(1)) * Panels::WIDTH;
    parts_of(y, outputs, ROWS * blocks, columns)
}

/// The result in parts of so many rows and columns.
fn parts_of(y: &mut [f32], outputs: usize, rows: usize, columns: usize) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    for (group, y) in y.chunks_mut(rows * outputs).enumerate() {
        let first = parts.len();
        for column in (0..outputs).step_by(columns) {
            parts.push(Part { row: group * rows, column, rows: Vec::with_capacity(rows) });
        }
        for row in y.chunks_exact_mut(outputs) {
            for (part, piece) in parts[first..].iter_mut().zip(row.chunks_mut(columns)) {
                part.rows.push(piece);
            }
        }
    }
    parts
}

/// Some rows of the product.
struct Rows<'a, S> {
    simd: S,
    layer: &'a Linear<'a>,
    x: &'a [f32],
    /// The first row's index.
    first: usize,
    end: End<'a>,
}

impl<S: Simd> Rows<'_, S> {
    #[inline(always)]
    fn compute<const ROWS: usize, const VECTORS: usize>(&self, packed: &mut [f32], part: &mut Part<'_>) {
        let inputs = self.layer.layout.inputs();
        for from in (0..inputs).step_by(DEPTH) {
            let to = inputs.min(from + DEPTH);
            let rows = self.x.chunks_exact(inputs).map(|row| &row[from..to]);
            transpose::pack::<S, ROWS>(self.simd, rows, to - from, packed);
            self.pass::<ROWS, VECTORS>(from..to, packed, part);
        }
    }

    /// Adds the inputs of `range` to the sums in `part`; what follows the layer is done in the last pass.
    #[inline(always)]
    fn pass<const ROWS: usize, const VECTORS: usize>(
        &self,
        range: std::ops::Range<usize>,
        packed: &[f32],
        part: &mut Part<'_>,
    ) {
        let Linear { layout, weight, .. } = *self.layer;
        let (depth, inputs, width) = (range.len(), layout.inputs(), VECTORS * LANES);
        let columns = part.rows.first().map_or(0, |row| row.len());
        for panel in (0..columns).step_by(Panels::WIDTH) {
            let start = (part.column + panel) * inputs + range.start * Panels::WIDTH;
            let weights = &weight[start..][..depth * Panels::WIDTH];
            for first in (0..Panels::WIDTH.min(columns - panel)).step_by(width) {
                let column = panel + first;
                let kept = width.min(columns - column);
                let blocks = part.rows.chunks_mut(ROWS).zip(packed.chunks_exact(ROWS * depth));
                for (block, (rows, values)) in blocks.enumerate() {
                    let mut sum = tile::zero::<S, ROWS, VECTORS>(self.simd);
                    if range.start > 0 {
                        for (sums, row) in sum.iter_mut().zip(rows.iter()) {
                            *sums = load(self.simd, &row[column..][..kept]);
                        }
                    }
                    tile::accumulate::<S, ROWS, VECTORS, { Panels::WIDTH }>(
                        self.simd, values, weights, first, &mut sum,
                    );
                    for (index, (row, sums)) in rows.iter_mut().zip(sum).enumerate() {
                        let mut sums = sums;
                        if range.end == inputs {
                            let (row, column) = (self.first + block * ROWS + index, part.column + column);
                            let bias = &self.layer.bias[column..][..kept];
                            self.end.finish(self.simd, bias, row * layout.outputs() + column, &mut sums);
                        }
                        store(&mut row[column..][..kept], &sums);
                    }
                }
            }
        }
    }
}

impl End<'_> {
    /// Bias and what follows the layer, on as many values as `bias` has, which are at `place` of the result.
    #[inline(always)]
    pub(crate) fn finish<S: Simd, const VECTORS: usize>(
        self,
        simd: S,
        bias: &[f32],
        place: usize,
        sums: &mut [f32x16<S>; VECTORS],
    ) {
        let kept = bias.len();
        let bias: [f32x16<S>; VECTORS] = load(simd, bias);
        for (sum, bias) in sums.iter_mut().zip(bias) {
            *sum += bias;
        }
        match self {
            End::None => {}
            End::Gelu => {
                for sum in sums {
                    *sum = function::gelu(simd, *sum);
                }
            }
            End::Add(residual) => {
                let residual: [f32x16<S>; VECTORS] = load(simd, &residual[place..][..kept]);
                for (sum, residual) in sums.iter_mut().zip(residual) {
                    *sum += residual;
                }
            }
        }
    }
}

/// Vectors from a slice; zeros where it ends early.
#[inline(always)]
pub(crate) fn load<S: Simd, const VECTORS: usize>(simd: S, values: &[f32]) -> [f32x16<S>; VECTORS] {
    let mut vectors = [f32x16::splat(simd, 0.0); VECTORS];
    for (vector, values) in vectors.iter_mut().zip(values.chunks(LANES)) {
        if values.len() == LANES {
            *vector = f32x16::from_slice(simd, values);
        } else {
            let mut padded = [0.0; LANES];
            padded[..values.len()].copy_from_slice(values);
            *vector = f32x16::from_slice(simd, &padded);
        }
    }
    vectors
}

/// Vectors to a slice, as far as it goes.
#[inline(always)]
pub(crate) fn store<S: Simd, const VECTORS: usize>(values: &mut [f32], vectors: &[f32x16<S>; VECTORS]) {
    for (values, vector) in values.chunks_mut(LANES).zip(vectors) {
        if values.len() == LANES {
            vector.store_slice(values);
        } else {
            let mut padded = [0.0; LANES];
            vector.store_slice(&mut padded);
            values.copy_from_slice(&padded[..values.len()]);
        }
    }
}
