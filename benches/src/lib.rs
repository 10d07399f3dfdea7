//! What the benches share: inputs of full size, made up, as their content does not matter for time.

use ndarray::{Array2, ArrayBase, Dimension, OwnedRepr, ShapeBuilder, ShapeError};
use radzero_core::Radiograph;

/// Patches a side of the full-size model.
pub const GRID: usize = 37;
/// Length of a token of the full-size model.
pub const HIDDEN: usize = 768;

/// Values from -1 to 1 of a fixed sequence (xorshift32).
///
/// # Errors
/// None: the number of values is that of the shape.
pub fn values<D: Dimension>(shape: impl ShapeBuilder<Dim = D>) -> Result<ArrayBase<OwnedRepr<f32>, D>, ShapeError> {
    let shape = shape.into_shape_with_order();
    let mut state = 1_u32;
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as f32 / (u32::MAX / 2) as f32 - 1.0
    };
    let count = shape.raw_dim().size();
    ArrayBase::from_shape_vec(shape, std::iter::repeat_with(next).take(count).collect())
}

/// A radiograph of the given size.
///
/// # Errors
/// If it is empty or too large.
pub fn radiograph(height: usize, width: usize) -> radzero_core::Result<Radiograph> {
    Radiograph::from_gray(Array2::from_shape_fn((height, width), |(y, x)| ((x * 7 + y * 13) ^ (x * y)) as u8))
}
