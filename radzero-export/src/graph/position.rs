//! Position embeddings resampled to the model's grid.
//!
//! Bicubic (Keys, a = -0.75), no antialiasing, pixel centres at half, borders repeated: what PyTorch's `interpolate` does
//! with `mode="bicubic", align_corners=False`. Where a target cell's centre falls depends on the
//! [`PositionConvention`].

use ndarray::{Array2, ArrayView2};
use radzero_core::manifest::PositionConvention;

/// Resamples `stored` \[m * m, D\], row-major, to \[g * g, D\].
///
/// Equal grids are left as they are, in both conventions, as in transformers.
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
    // The centre itself is not clamped, the cells read are: so does PyTorch.
    let first = source.floor();
    let t = source - first;
    let weights = [outer(t + 1.0), inner(t), inner(1.0 - t), outer(2.0 - t)];
    [0, 1, 2, 3].map(|tap| {
        let cell = (first - 1.0 + tap as f64).clamp(0.0, (side - 1) as f64);
        (cell as usize, weights[tap])
    })
}

const A: f64 = -0.75;

/// Keys' kernel for distances up to 1.
fn inner(x: f64) -> f64 {
    ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
}

/// Keys' kernel for distances of 1 to 2.
fn outer(x: f64) -> f64 {
    ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::Value;

    use super::*;

    fn matrix(values: &Value, width: usize) -> Array2<f32> {
        let values: Vec<f32> = values.as_array().unwrap().iter().map(|value| value.as_f64().unwrap() as f32).collect();
        Array2::from_shape_vec((values.len() / width, width), values).unwrap()
    }

    #[test]
    fn equals_torch_in_both_conventions() {
        let golden: Value = serde_json::from_str(include_str!("../../tests/golden/golden.json")).unwrap();
        let cases = golden["positions"].as_array().unwrap();
        assert_eq!(cases.len(), 3);
        for case in cases {
            let size = |name: &str| case[name].as_u64().unwrap() as usize;
            let stored = matrix(&case["patches"], size("width"));
            assert_eq!(stored.nrows(), size("stored").pow(2));
            for (name, convention) in [("offset", PositionConvention::Offset), ("size", PositionConvention::Size)] {
                let found = resample(stored.view(), size("grid"), convention);
                let expected = matrix(&case[name], size("width"));
                assert_eq!(found.dim(), expected.dim());
                let worst = (&found - &expected).fold(0.0_f32, |worst, value| worst.max(value.abs()));
                assert!(worst < 2e-5, "{name} {} to {}: {worst}", size("stored"), size("grid"));
            }
            let (offset, size) = (matrix(&case["offset"], size("width")), matrix(&case["size"], size("width")));
            assert_ne!(offset, size, "the conventions must differ, or the test tells nothing");
        }
    }

    #[test]
    fn an_equal_grid_is_left_alone() {
        let stored = Array2::from_shape_fn((9, 2), |(row, column)| (row * 3 + column) as f32 / 7.0);
        assert_eq!(resample(stored.view(), 3, PositionConvention::Offset), stored);
    }
}
