//! The innermost loop of a matrix product.
//!
//! There are no closures around vectors: a closure that is not inlined is compiled without the instruction set.

use fearless_simd::{Simd, f32x16, prelude::*};

/// Values per vector.
pub(crate) const LANES: usize = 16;

/// A tile of a matrix product, in registers.
pub(crate) type Tile<S, const ROWS: usize, const VECTORS: usize> = [[f32x16<S>; VECTORS]; ROWS];

/// `sum[row] += sum over i of a[i][row] * b[i]`.
///
/// `a` is \[length, ROWS\] and `b` \[length, STRIDE\], of which the VECTORS vectors from column `first` on are used.
///
/// Each step loads VECTORS vectors and multiplies them by ROWS values. ROWS x VECTORS is chosen so that the sums stay in
/// registers and enough of them are in flight to keep the multipliers busy.
#[inline(always)]
pub(crate) fn accumulate<S: Simd, const ROWS: usize, const VECTORS: usize, const STRIDE: usize>(
    simd: S,
    a: &[f32],
    b: &[f32],
    first: usize,
    sum: &mut Tile<S, ROWS, VECTORS>,
) {
    let mut registers = *sum;
    let (a, _) = a.as_chunks::<ROWS>();
    let (b, _) = b.as_chunks::<STRIDE>();
    for (values, row) in a.iter().zip(b) {
        let mut columns = [f32x16::splat(simd, 0.0); VECTORS];
        for (vector, column) in columns.iter_mut().enumerate() {
            *column = f32x16::from_slice(simd, &row[first + vector * LANES..][..LANES]);
        }
        for (sums, &value) in registers.iter_mut().zip(values) {
            let value = f32x16::splat(simd, value);
            for (sum, column) in sums.iter_mut().zip(columns) {
                *sum = value.mul_add(column, *sum);
            }
        }
    }
    *sum = registers;
}

/// A tile of zeros.
#[inline(always)]
pub(crate) fn zero<S: Simd, const ROWS: usize, const VECTORS: usize>(simd: S) -> Tile<S, ROWS, VECTORS> {
    [[f32x16::splat(simd, 0.0); VECTORS]; ROWS]
}
