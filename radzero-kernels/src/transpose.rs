//! Transposes blocks of rows, since the innermost loop reads one value of every row, then the next value of every row.

use fearless_simd::{Simd, f32x16, prelude::*};

use crate::tile::LANES;

/// Transposes 16 x 16 values.
///
/// Each step interleaves the first eight vectors with the last eight, which rotates the bits of the index (row, column) by
/// one. After four steps, row and column have changed places.
#[inline(always)]
pub(crate) fn transpose<S: Simd>(simd: S, mut vectors: [f32x16<S>; LANES]) -> [f32x16<S>; LANES] {
    for _ in 0..LANES.ilog2() {
        let mut interleaved = [f32x16::splat(simd, 0.0); LANES];
        for index in 0..LANES / 2 {
            let (low, high) = simd.interleave_f32x16(vectors[index], vectors[index + LANES / 2]);
            interleaved[2 * index] = low;
            interleaved[2 * index + 1] = high;
        }
        vectors = interleaved;
    }
    vectors
}

/// Packs rows of `length` values as \[blocks, length, ROWS\]; missing rows are zeros.
#[inline(always)]
pub(crate) fn pack<'a, S: Simd, const ROWS: usize>(
    simd: S,
    mut rows: impl Iterator<Item = &'a [f32]>,
    length: usize,
    packed: &mut [f32],
) {
    const { assert!(ROWS <= LANES) };
    for block in packed.chunks_exact_mut(ROWS * length.max(1)) {
        let mut lanes: [&[f32]; ROWS] = [&[]; ROWS];
        for lane in &mut lanes {
            *lane = rows.next().unwrap_or_default();
        }
        for first in (0..length).step_by(LANES) {
            let columns = columns(simd, lanes, first);
            // A store writes LANES values where only ROWS belong: the next columns overwrite the rest.
            match block.get_mut(first * ROWS..(first + LANES - 1) * ROWS + LANES) {
                Some(target) => {
                    for (column, values) in columns.into_iter().enumerate() {
                        values.store_slice(&mut target[column * ROWS..][..LANES]);
                    }
                }
                None => {
                    for (column, values) in (first..length).zip(columns) {
                        let mut lanes = [0.0; LANES];
                        values.store_slice(&mut lanes);
                        block[column * ROWS..][..ROWS].copy_from_slice(&lanes[..ROWS]);
                    }
                }
            }
        }
    }
}

/// Sixteen columns, from `first` on, of up to sixteen rows; zeros beyond the end of a row.
#[inline(always)]
pub(crate) fn columns<S: Simd, const ROWS: usize>(simd: S, rows: [&[f32]; ROWS], first: usize) -> [f32x16<S>; LANES] {
    let mut vectors = [f32x16::splat(simd, 0.0); LANES];
    for (vector, row) in vectors.iter_mut().zip(rows) {
        *vector = load(simd, row.get(first..).unwrap_or_default());
    }
    transpose(simd, vectors)
}

/// The first values of a slice; zeros beyond its end.
#[inline(always)]
fn load<S: Simd>(simd: S, values: &[f32]) -> f32x16<S> {
    match values.first_chunk::<LANES>() {
        Some(values) => f32x16::from_slice(simd, values),
        None => {
            let mut lanes = [0.0; LANES];
            lanes[..values.len()].copy_from_slice(values);
            f32x16::from_slice(simd, &lanes)
        }
    }
}

#[cfg(test)]
mod tests {
    use fearless_simd::dispatch;

    use super::*;
    use crate::Kernels;

    fn check<S: Simd, const ROWS: usize>(simd: S, count: usize, length: usize) {
        let values: Vec<f32> = (1..=count * length).map(|value| value as f32).collect();
        let blocks = count.div_ceil(ROWS) + 1;
        let mut packed = vec![f32::NAN; blocks * ROWS * length];
        pack::<S, ROWS>(simd, values.chunks_exact(length), length, &mut packed);
        for (index, &found) in packed.iter().enumerate() {
            let (block, column, lane) = (index / (ROWS * length), index / ROWS % length, index % ROWS);
            let row = block * ROWS + lane;
            let expected = if row < count { values[row * length + column] } else { 0.0 };
            assert_eq!(found, expected, "{count} x {length} by {ROWS}: row {row}, column {column}");
        }
    }

    #[test]
    fn every_value_is_packed_in_its_place() {
        for kernels in Kernels::all() {
            for (count, length) in [(1, 1), (6, 16), (13, 17), (14, 5), (15, 64), (29, 100)] {
                dispatch!(kernels.0, simd => check::<_, 14>(simd, count, length));
                dispatch!(kernels.0, simd => check::<_, 8>(simd, count, length));
                dispatch!(kernels.0, simd => check::<_, 6>(simd, count, length));
                dispatch!(kernels.0, simd => check::<_, 16>(simd, count, length));
            }
        }
    }
}
