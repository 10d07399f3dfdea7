//! Position embeddings resampled to the model's grid.
//!
//! Bicubic (Keys, a = -0.75), without antialiasing, with pixel centres at 0.5 and repeated borders, like PyTorch's `interpolate`
//! with `mode="bicubic", align_corners=False`. The [`PositionConvention`] decides where the centre of a target cell falls.

use ndarray::{Array2, ArrayView2};
use radzero_format::manifest::PositionConvention;

/// Resamples `stored` \[m * m, D\], row-major, to \[g * g, D\].
///
/// As in transformers, equal grids are left unchanged in both conventions.
pub(crate) fn resample(stored: ArrayView2<'_, f32>, grid: usize, convention: PositionConvention) -> Array2<f32> {
    let side = stored.nrows().isqrt();
    if side == grid {
        return stored.to_owned();
    }
    let taps: Vec<[(usize, f64); 4]> = (0..grid).map(|cell| taps(cell, side, grid, convention)).collect();
    let mut resampled = Array2::zeros((grid * grid, stored.ncols()));
    for (index, mut row) in resampled.rows_mut().into_iter().enumerate() {
        for (column, value) in row.iter_mut().enumerate() {
            let line = |y: usize| -> f64 {
                taps[index % grid].iter().map(|(x, weight)| weight * f64::from(stored[[y * side + x, column]])).sum()
            };
            *value = taps[index / grid].iter().map(|(y, weight)| weight * line(*y)).sum::<f64>() as f32;
        }
    }
    resampled
}

/// The four source cells of a target cell along one axis, with their weights.
fn taps(cell: usize, side: usize, grid: usize, convention: PositionConvention) -> [(usize, f64); 4] {
    let source = (cell as f64 + 0.5) * side as f64 / convention.scaled_side(grid) - 0.5;
    // Like PyTorch, clamps the cells that are read and not the centre.
    let first = source.floor();
    let t = source - first;
    let weights = [outer(t + 1.0), inner(t), inner(1.0 - t), outer(2.0 - t)];
    [0, 1, 2, 3].map(|tap| {
        let cell = (first - 1.0 + tap as f64).clamp(0.0, (side - 1) as f64);
        (cell as usize, weights[tap])
    })
}

/// The kernel's parameter.
const A: f64 = -0.75;

/// Keys' cubic kernel for distances of 0 to 1.
fn inner(x: f64) -> f64 {
    ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
}

/// Keys' cubic kernel for distances of 1 to 2.
fn outer(x: f64) -> f64 {
    ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A
}

#[cfg(test)]
mod tests {
    use super::*;

    // What PyTorch gives is compared in tests/position.rs.

    #[test]
    fn an_equal_grid_is_left_alone() {
        let stored = Array2::from_shape_fn((9, 2), |(row, column)| (row * 3 + column) as f32 / 7.0);
        assert_eq!(resample(stored.view(), 3, PositionConvention::Offset), stored);
    }
}
