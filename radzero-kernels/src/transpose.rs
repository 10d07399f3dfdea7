//! Rows to columns: the innermost loop reads one value of each row of a block after the other.

use fearless_simd::{Simd, f32x16, prelude::*};

use crate::tile::LANES;

/// The columns of 16 rows.
///
/// Each step interleaves the first eight vectors with the others: the bits of (row, column) turn by one place. After four, row
/// and column have changed places.
#[inline(always)]
pub(crate) fn transpose<S: Simd>(simd: S, mut vectors: [f32x16<S>; LANES]) -> [f32x16<S>; LANES] {
    for _ in 0..LANES.ilog2() {
        let mut turned = [f32x16::splat(simd, 0.0); LANES];
        for index in 0..LANES / 2 {
            let (low, high) = simd.interleave_f32x16(vectors[index], vectors[index + LANES / 2]);
            turned[2 * index] = low;
            turned[2 * index + 1] = high;
        }
        vectors = turned;
    }
    vectors
}

/// Brings rows of `length` values into blocks \[blocks, length, ROWS\]; rows that do not exist are zeros.
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
            // What a store's other lanes fall on is written afterwards, as columns come in order.
            match block.get_mut(first * ROWS..(first + LANES - 1) * ROWS + LANES) {
                Some(place) => {
                    for (column, values) in columns.into_iter().enumerate() {
                        values.store_slice(&mut place[column * ROWS..][..LANES]);
                    }
                }
                None => {
                    for (column, values) in (first..length).zip(columns) {
                        let mut kept = [0.0; LANES];
                        values.store_slice(&mut kept);
                        block[column * ROWS..][..ROWS].copy_from_slice(&kept[..ROWS]);
                    }
                }
            }
        }
    }
}

/// Sixteen columns of up to as many rows, from `first` on; zeros where a row ends early.
#[inline(always)]
pub(crate) fn columns<S: Simd, const ROWS: usize>(simd: S, rows: [&[f32]; ROWS], first: usize) -> [f32x16<S>; LANES] {
    let mut vectors = [f32x16::splat(simd, 0.0); LANES];
    for (vector, row) in vectors.iter_mut().zip(rows) {
        *vector = load(simd, row.get(first..).unwrap_or_default());
    }
    transpose(simd, vectors)
}

/// The first values of a slice; zeros where it ends early.
#[inline(always)]
fn load<S: Simd>(simd: S, values: &[f32]) -> f32x16<S> {
    match values.first_chunk::<LANES>() {
        Some(values) => f32x16::from_slice(simd, values),
        None => {
            let mut kept = [0.0; LANES];
            kept[..values.len()].copy_from_slice(values);
            f32x16::from_slice(simd, &kept)
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
    fn every_value_has_its_place() {
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
