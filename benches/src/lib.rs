//! What the benches share: the model, and made-up inputs of full size, since their content does not matter for the time.

use std::path::{Path, PathBuf};

use ndarray::{Array2, ArrayBase, Dimension, OwnedRepr, ShapeBuilder, ShapeError};
use radzero_core::Radiograph;
use radzero_models::Exported;

/// The environment variable that names the model directory.
pub const MODEL_VARIABLE: &str = "RADZERO_BENCH_MODEL";

/// Patches per side of the full-size model's image.
pub const GRID: usize = 37;
/// Values per token of the full-size model.
pub const HIDDEN: usize = 768;

/// Prompts per image: as many as a common data set has findings.
pub const PROMPTS: usize = 14;

/// The model directory of a bench.
#[derive(Debug)]
pub enum ModelDirectory {
    /// The directory that [`MODEL_VARIABLE`] names.
    Named(PathBuf),
    /// The exported demo model.
    Demo(Exported),
}

impl ModelDirectory {
    /// The directory that [`MODEL_VARIABLE`] names, or else the demo model, exported to a temporary folder.
    ///
    /// # Errors
    /// If the demo model cannot be exported.
    pub fn find() -> Result<Self, radzero_models::Error> {
        match std::env::var_os(MODEL_VARIABLE) {
            Some(path) => Ok(Self::Named(path.into())),
            None => radzero_models::phantom().map(Self::Demo),
        }
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        match self {
            Self::Named(path) => path.clone(),
            Self::Demo(exported) => exported.path(),
        }
    }
}

/// Says on standard error that a bench is skipped because `missing` does not exist, and which `command` makes it.
pub fn skip(bench: &str, missing: &Path, command: &str) {
    eprintln!("{bench}: skipped, as {} is missing; this makes it: {command}", missing.display());
}

/// Sentences that differ from each other and from those of every other `turn`.
#[must_use]
pub fn sentences(count: usize, turn: usize) -> Vec<String> {
    (0..count).map(|index| format!("There is finding {index} of turn {turn}")).collect()
}

/// A fixed sequence of values from -1 to 1 (xorshift32).
///
/// # Errors
/// Never: the number of values is that of the shape.
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

/// A made-up radiograph of the given size.
///
/// # Errors
/// If it is empty or too large.
pub fn radiograph(height: usize, width: usize) -> radzero_core::Result<Radiograph> {
    numbered_radiograph(height, width, 0)
}

/// A made-up radiograph that differs from those with another `number`.
///
/// # Errors
/// If it is empty or too large.
pub fn numbered_radiograph(height: usize, width: usize, number: usize) -> radzero_core::Result<Radiograph> {
    let level = |(y, x)| ((x * 7 + y * 13 + number * 29) ^ (x * y)) as u8;
    Radiograph::from_gray(Array2::from_shape_fn((height, width), level))
}
