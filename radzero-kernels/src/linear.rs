//! Fully connected layers in 32-bit floats, and what they share with those in 8 bits.

use fearless_simd::{Simd, f32x16, prelude::*};

use crate::tile::{self, LANES};
use crate::workers::{Workers, for_each_part};
use crate::{ShapeError, math, scratch, transpose};
use radzero_format::operators::{BytePanels, Panels};

/// Inputs per pass; layers with more keep their sums in the result between passes. The MLP of a base-size model takes one pass:
/// reading its rows and panels from the third-level cache is fast enough, and a second pass is slower.
const DEPTH: usize = 3072;

/// The most row blocks that share a panel of weights while it is in the cache.
const MAX_BLOCKS: usize = 8;

/// A fully connected layer.
#[derive(Debug, Clone, Copy)]
pub struct Linear<'a> {
    /// The layout of the weights.
    pub layout: Panels,
    /// The weights, packed by [`Panels::pack`].
    pub weight: &'a [f32],
    /// One value per output.
    pub bias: &'a [f32],
}

/// The operation after a layer's bias.
#[derive(Debug, Clone, Copy)]
pub enum Epilogue<'a> {
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
    /// The layout of the weights.
    pub layout: BytePanels,
    /// The weights, packed by [`BytePanels::pack`]; none is -128.
    pub weight: &'a [i8],
    /// The scale of each output's weights.
    pub scales: &'a [f32],
    /// The sum of each output's weights.
    pub sums: &'a [i32],
    /// One value per output.
    pub bias: &'a [f32],
}

impl Linear<'_> {
    /// The number of rows, if everything fits.
    pub(crate) fn check(&self, x: &[f32], epilogue: Epilogue<'_>, y: &[f32]) -> Result<usize, ShapeError> {
        ShapeError::check("weights", self.layout.values(), self.weight.len())?;
        ShapeError::check("bias", self.layout.outputs(), self.bias.len())?;
        checked_rows(self.layout.inputs(), self.layout.outputs(), x, epilogue, y)
    }
}

impl LinearInt8<'_> {
    /// The number of rows, if everything fits.
    pub(crate) fn check(&self, x: &[f32], epilogue: Epilogue<'_>, y: &[f32]) -> Result<usize, ShapeError> {
        let outputs = self.layout.outputs();
        ShapeError::check("inputs of a sum", self.layout.inputs().min(BytePanels::MOST), self.layout.inputs())?;
        ShapeError::check("weights", self.layout.values(), self.weight.len())?;
        ShapeError::check("scales", outputs, self.scales.len())?;
        ShapeError::check("sums", outputs, self.sums.len())?;
        ShapeError::check("bias", outputs, self.bias.len())?;
        checked_rows(self.layout.inputs(), outputs, x, epilogue, y)
    }
}

/// The number of rows, if inputs, outputs and residual agree on it.
fn checked_rows(
    inputs: usize,
    outputs: usize,
    x: &[f32],
    epilogue: Epilogue<'_>,
    y: &[f32],
) -> Result<usize, ShapeError> {
    let rows = x.len().checked_div(inputs).unwrap_or(0);
    ShapeError::check("inputs", rows * inputs, x.len())?;
    ShapeError::check("outputs", rows * outputs, y.len())?;
    if let Epilogue::Add(residual) = epilogue {
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
    epilogue: Epilogue<'_>,
    y: &mut [f32],
) {
    let outputs = layer.layout.outputs();
    if rows == 0 || outputs == 0 {
        return;
    }
    let blocks = output_blocks::<ROWS>(y, rows, outputs, workers.count());
    for_each_part(workers, blocks, |_, output: &mut OutputBlock<'_>| {
        let inputs = layer.layout.inputs();
        let task = LinearTask {
            simd,
            layer,
            x: &x[output.first_row * inputs..][..output.rows.len() * inputs],
            first_row: output.first_row,
            epilogue,
        };
        scratch::with_f32(output.rows.len().next_multiple_of(ROWS) * DEPTH.min(inputs), |packed| {
            simd.vectorize(
                #[inline(always)]
                || task.compute::<ROWS, VECTORS>(packed, output),
            );
        });
    });
}

/// Row blocks per task: enough to share a panel well, and so that all workers end at about the same time.
fn blocks_per_task(blocks: usize, workers: usize) -> usize {
    (1..=MAX_BLOCKS)
        .rev()
        .min_by_key(|&size| {
            let rounds = blocks.div_ceil(size).div_ceil(workers.max(1));
            // Reading the weights costs a task about half a block's time.
            rounds * (2 * size + 1)
        })
        .unwrap_or(1)
}

/// The block of the result that one task computes.
pub(crate) struct OutputBlock<'a> {
    pub(crate) first_row: usize,
    /// The first column of a panel.
    pub(crate) first_column: usize,
    /// The block's columns of each of its rows.
    pub(crate) rows: Vec<&'a mut [f32]>,
}

/// Splits the result for the given number of workers, into whole row blocks and whole panels.
pub(crate) fn output_blocks<const ROWS: usize>(
    y: &mut [f32],
    rows: usize,
    outputs: usize,
    workers: usize,
) -> Vec<OutputBlock<'_>> {
    let blocks = blocks_per_task(rows.div_ceil(ROWS), workers);
    // A product of few rows has fewer blocks than there are workers, so they share its outputs.
    let shares = workers.div_ceil(rows.div_ceil(ROWS * blocks));
    let columns = outputs.div_ceil(Panels::WIDTH).div_ceil(shares.max(1)) * Panels::WIDTH;
    split_output(y, outputs, ROWS * blocks, columns)
}

/// Splits the result into blocks of the given number of rows and columns.
fn split_output(y: &mut [f32], outputs: usize, rows: usize, columns: usize) -> Vec<OutputBlock<'_>> {
    let mut blocks = Vec::new();
    for (group, y) in y.chunks_mut(rows * outputs).enumerate() {
        let first = blocks.len();
        for column in (0..outputs).step_by(columns) {
            blocks.push(OutputBlock { first_row: group * rows, first_column: column, rows: Vec::with_capacity(rows) });
        }
        for row in y.chunks_exact_mut(outputs) {
            for (output, piece) in blocks[first..].iter_mut().zip(row.chunks_mut(columns)) {
                output.rows.push(piece);
            }
        }
    }
    blocks
}

/// The inputs of one task.
struct LinearTask<'a, S> {
    simd: S,
    layer: &'a Linear<'a>,
    /// The task's rows.
    x: &'a [f32],
    /// The index of the first of them.
    first_row: usize,
    epilogue: Epilogue<'a>,
}

impl<S: Simd> LinearTask<'_, S> {
    #[inline(always)]
    fn compute<const ROWS: usize, const VECTORS: usize>(&self, packed: &mut [f32], output: &mut OutputBlock<'_>) {
        let inputs = self.layer.layout.inputs();
        for from in (0..inputs).step_by(DEPTH) {
            let to = inputs.min(from + DEPTH);
            let rows = self.x.chunks_exact(inputs).map(|row| &row[from..to]);
            transpose::pack::<S, ROWS>(self.simd, rows, to - from, packed);
            self.pass::<ROWS, VECTORS>(from..to, packed, output);
        }
    }

    /// Adds the products of the inputs in `range` to the sums in `output`; the last pass applies bias and epilogue.
    #[inline(always)]
    fn pass<const ROWS: usize, const VECTORS: usize>(
        &self,
        range: std::ops::Range<usize>,
        packed: &[f32],
        output: &mut OutputBlock<'_>,
    ) {
        let Linear { layout, weight, .. } = *self.layer;
        let (depth, inputs, width) = (range.len(), layout.inputs(), VECTORS * LANES);
        let columns = output.rows.first().map_or(0, |row| row.len());
        for panel in (0..columns).step_by(Panels::WIDTH) {
            let start = (output.first_column + panel) * inputs + range.start * Panels::WIDTH;
            let weights = &weight[start..][..depth * Panels::WIDTH];
            for first in (0..Panels::WIDTH.min(columns - panel)).step_by(width) {
                let column = panel + first;
                let valid = width.min(columns - column);
                let blocks = output.rows.chunks_mut(ROWS).zip(packed.chunks_exact(ROWS * depth));
                for (block, (rows, values)) in blocks.enumerate() {
                    let mut sum = tile::zero::<S, ROWS, VECTORS>(self.simd);
                    if range.start > 0 {
                        for (sums, row) in sum.iter_mut().zip(rows.iter()) {
                            *sums = load(self.simd, &row[column..][..valid]);
                        }
                    }
                    tile::accumulate::<S, ROWS, VECTORS, { Panels::WIDTH }>(
                        self.simd, values, weights, first, &mut sum,
                    );
                    for (index, (row, sums)) in rows.iter_mut().zip(sum).enumerate() {
                        let mut sums = sums;
                        if range.end == inputs {
                            let (row, column) = (self.first_row + block * ROWS + index, output.first_column + column);
                            let bias = &self.layer.bias[column..][..valid];
                            self.epilogue.apply(self.simd, bias, row * layout.outputs() + column, &mut sums);
                        }
                        store(&mut row[column..][..valid], &sums);
                    }
                }
            }
        }
    }
}

impl Epilogue<'_> {
    /// Applies bias and epilogue to as many sums as `bias` has values; `offset` is where they lie in the result.
    #[inline(always)]
    pub(crate) fn apply<S: Simd, const VECTORS: usize>(
        self,
        simd: S,
        bias: &[f32],
        offset: usize,
        sums: &mut [f32x16<S>; VECTORS],
    ) {
        let valid = bias.len();
        let bias: [f32x16<S>; VECTORS] = load(simd, bias);
        for (sum, bias) in sums.iter_mut().zip(bias) {
            *sum += bias;
        }
        match self {
            Epilogue::None => {}
            Epilogue::Gelu => {
                for sum in sums {
                    *sum = math::gelu(simd, *sum);
                }
            }
            Epilogue::Add(residual) => {
                let residual: [f32x16<S>; VECTORS] = load(simd, &residual[offset..][..valid]);
                for (sum, residual) in sums.iter_mut().zip(residual) {
                    *sum += residual;
                }
            }
        }
    }
}

/// Loads vectors from a slice; lanes beyond its end are zeros.
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

/// Stores as many lanes as the slice has room for.
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
