//! Bicubic resampling of 8-bit planes, equal to Pillow's in every level.
//!
//! The kernel is part of the model: a different one changes every similarity. `fast_image_resize`, the obvious choice,
//! filters columns before rows and keeps fewer bits of its coefficients, which is up to 4 levels off when shrinking noise and 22
//! when enlarging it. Pillow's order and arithmetic (`Resample.c`) are: rows first, an 8-bit intermediate, coefficients with 22
//! fractional bits.
//!
//! This holds for Pillow up to version 12; RadZero was evaluated with 10.2. Version 13 filters columns first where the width
//! grows and the height shrinks, and differs by up to 16 levels on such images.

use std::array;

use ndarray::{Array2, ArrayView2, Axis};
use radzero_format::geometry::Fit;
use radzero_pool as pool;

/// Fractional bits of a coefficient: 32 less 8 for the sample and 2 for overshoot.
const FRACTION: u32 = 22;

/// Added before the fraction is dropped, so that the result is rounded.
const HALF: i32 = 1 << (FRACTION - 1);

/// Rows that are filtered together, so that a weight is loaded once for all: as many 32-bit sums as a vector register holds.
const ROWS: usize = 16;

/// The weights of one output sample, for the input samples from `start` on.
struct Taps {
    start: usize,
    weights: Vec<i32>,
}

/// Resizes a plane \[height, width\] to `height` x `width` by cubic convolution (a = -0.5), widened when shrinking.
///
/// The result equals that of `Image.resize((width, height), Image.BICUBIC)` of Pillow 10.2 in every level. If a side of the input
/// or the output is 0, the result is empty.
#[must_use]
pub fn resample(plane: ArrayView2<'_, u8>, height: usize, width: usize) -> Array2<u8> {
    let (rows, columns) = (Fit::whole(plane.nrows(), height), Fit::whole(plane.ncols(), width));
    resample_axes(plane, &rows, &columns)
}

fn is_identity(axis: &Fit, input: usize) -> bool {
    *axis == Fit::whole(input, input)
}

/// As [`resample`], with a [`Fit`] for each axis.
pub(super) fn resample_axes(plane: ArrayView2<'_, u8>, rows: &Fit, columns: &Fit) -> Array2<u8> {
    if plane.is_empty() || rows.window.is_empty() || columns.window.is_empty() {
        return Array2::zeros((0, 0));
    }
    let plane = plane.as_standard_layout();
    let (height, width) = plane.dim();
    let narrowed =
        if is_identity(columns, width) { plane } else { filter_rows(plane.view(), &taps(width, columns)).into() };
    if is_identity(rows, height) { narrowed.into_owned() } else { filter_columns(narrowed.view(), &taps(height, rows)) }
}

/// The cubic convolution kernel with a = -0.5 (Keys 1981).
fn cubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

/// The weights of each output sample of a row or column of `input` samples. Those of black samples are left out: they add nothing.
fn taps(input: usize, axis: &Fit) -> Vec<Taps> {
    const SUPPORT: f64 = 2.0;
    let scale = axis.padded as f64 / axis.output as f64;
    let widening = scale.max(1.0);
    let support = SUPPORT * widening;
    axis.window
        .clone()
        .map(|index| {
            let center = (index as f64 + 0.5) * scale;
            let start = (center - support + 0.5).max(0.0) as usize;
            let end = ((center + support + 0.5) as usize).min(axis.padded);
            let mut weights: Vec<f64> =
                (start..end).map(|sample| cubic((sample as f64 - center + 0.5) * (1.0 / widening))).collect();
            let sum: f64 = weights.iter().sum();
            if sum != 0.0 {
                weights.iter_mut().for_each(|weight| *weight /= sum);
            }
            let fixed = |&weight: &f64| (weight * f64::from(1 << FRACTION) + 0.5_f64.copysign(weight)) as i32;
            let image = start.max(axis.before)..end.min(axis.before + input);
            if image.is_empty() {
                return Taps { start: 0, weights: Vec::new() };
            }
            let weights = weights[image.start - start..image.end - start].iter().map(fixed).collect();
            Taps { start: image.start - axis.before, weights }
        })
        .collect()
}

fn to_level(sum: i32) -> u8 {
    (sum >> FRACTION).clamp(0, 255) as u8
}

/// The number of weights for one row or column.
fn count_weights(taps: &[Taps]) -> usize {
    taps.iter().map(|tap| tap.weights.len()).sum()
}

fn filter_rows(plane: ArrayView2<'_, u8>, taps: &[Taps]) -> Array2<u8> {
    let at_once = pool::rows(count_weights(taps)).next_multiple_of(ROWS);
    let mut result = Array2::zeros((plane.nrows(), taps.len()));
    let bands = plane.axis_chunks_iter(Axis(0), at_once).zip(result.axis_chunks_iter_mut(Axis(0), at_once));
    pool::each(bands, |(sources, mut targets)| {
        // The same rows of both, column by column.
        let (mut samples, mut levels) = (vec![[0; ROWS]; plane.ncols()], vec![[0; ROWS]; taps.len()]);
        let blocks = sources.axis_chunks_iter(Axis(0), ROWS).zip(targets.axis_chunks_iter_mut(Axis(0), ROWS));
        for (sources, mut targets) in blocks {
            // The last block may have fewer rows: then its last one stands for those that are missing.
            let rows = array::from_fn(|row| sources.row(row.min(sources.nrows() - 1)).to_slice().unwrap_or_default());
            by_column(rows, &mut samples);
            filter_block(&samples, taps, &mut levels);
            for (row, mut target) in targets.rows_mut().into_iter().enumerate() {
                for (level, column) in target.iter_mut().zip(&levels) {
                    *level = column[row];
                }
            }
        }
    });
    result
}

/// Rearranges a block of rows.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
fn by_column(rows: [&[u8]; ROWS], samples: &mut [[u8; ROWS]]) {
    let rows = rows.map(|row| &row[..samples.len()]);
    for (index, column) in samples.iter_mut().enumerate() {
        *column = array::from_fn(|row| rows[row][index]);
    }
}

/// A block of rows, column by column.
///
/// Compiled for several instruction sets, of which one is chosen at run time; all give the same levels.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
fn filter_block(samples: &[[u8; ROWS]], taps: &[Taps], levels: &mut [[u8; ROWS]]) {
    for (levels, Taps { start, weights }) in levels.iter_mut().zip(taps) {
        let mut sums = [HALF; ROWS];
        for (samples, &weight) in samples[*start..].iter().zip(weights) {
            for (sum, &sample) in sums.iter_mut().zip(samples) {
                *sum += i32::from(sample) * weight;
            }
        }
        for (level, sum) in levels.iter_mut().zip(sums) {
            *level = to_level(sum);
        }
    }
}

fn filter_columns(plane: ArrayView2<'_, u8>, taps: &[Taps]) -> Array2<u8> {
    let width = plane.ncols();
    let at_once = pool::rows(width * count_weights(taps) / taps.len().max(1));
    let mut result = Array2::zeros((taps.len(), width));
    let Some(plane) = plane.to_slice() else { return result };
    pool::each(result.axis_chunks_iter_mut(Axis(0), at_once).zip(taps.chunks(at_once)), |(mut targets, taps)| {
        let mut sums = vec![HALF; width];
        for (mut target, Taps { start, weights }) in targets.rows_mut().into_iter().zip(taps) {
            if let Some(target) = target.as_slice_mut() {
                filter_column(&plane[start * width..], weights, &mut sums, target);
            }
        }
    });
    result
}

/// One row of the result, from as many rows as there are weights; `sums` is memory for it.
///
/// Compiled for several instruction sets, of which one is chosen at run time; all give the same levels.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
fn filter_column(sources: &[u8], weights: &[i32], sums: &mut [i32], target: &mut [u8]) {
    sums.fill(HALF);
    for (source, &weight) in sources.chunks_exact(sums.len()).zip(weights) {
        for (sum, &sample) in sums.iter_mut().zip(source) {
            *sum += i32::from(sample) * weight;
        }
    }
    for (level, &sum) in target.iter_mut().zip(&*sums) {
        *level = to_level(sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_size_is_the_identity() {
        let plane = Array2::from_shape_fn((7, 5), |(y, x)| (y * 31 + x * 7) as u8);
        assert_eq!(resample(plane.view(), 7, 5), plane);
    }

    #[test]
    fn a_flat_plane_stays_flat() {
        for level in [0, 1, 127, 255] {
            let plane = Array2::from_elem((13, 29), level);
            assert!(resample(plane.view(), 31, 6).iter().all(|&found| found == level));
        }
    }

    #[test]
    fn weights_add_up() {
        for (input, output) in [(1, 9), (3, 518), (1955, 518), (518, 518), (2500, 14)] {
            for tap in taps(input, &Fit::whole(input, output)) {
                let sum: i64 = tap.weights.iter().map(|&weight| i64::from(weight)).sum();
                assert!((sum - (1 << FRACTION)).abs() <= tap.weights.len() as i64, "{input} to {output}: {sum}");
                assert!(tap.start + tap.weights.len() <= input);
            }
        }
    }
}
