//! What the benches share: the model, and inputs of full size, made up, as their content does not matter for time.

use std::path::{Path, PathBuf};

use ndarray::{Array2, ArrayBase, Dimension, OwnedRepr, ShapeBuilder, ShapeError};
use radzero_core::Radiograph;
use radzero_models::Exported;

/// Names the model directory that the benches run.
pub const MODEL_VARIABLE: &str = "RADZERO_BENCH_MODEL";

/// Patches a side of the full-size model.
pub const GRID: usize = 37;
/// Length of a token of the full-size model.
pub const HIDDEN: usize = 768;

/// Prompts that an image is compared with: as many as a common data set has findings.
pub const PROMPTS: usize = 14;

/// A model directory to run.
#[derive(Debug)]
pub enum ModelDirectory {
    /// The one that [`MODEL_VARIABLE`] names.
    Named(PathBuf),
    /// The demo model.
    Demo(Exported),
}

impl ModelDirectory {
    /// The one that [`MODEL_VARIABLE`] names, else the demo model, exported to a temporary folder.
    ///
    /// # Errors
    /// If the demo model cannot be exported.
    pub fn find() -> Result<Self, radzero_models::Error> {
        match std::env::var_os(MODEL_VARIABLE) {
            Some(path) => Ok(Self::Named(path.into())),
            None => radzero_models::phantom().map(Self::Demo),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        match self {
            Self::Named(path) => path.clone(),
            Self::Demo(exported) => exported.path(),
        }
    }
}

/// Says on standard error that something is not measured, as `missing` is not there, and which `command` makes it.
pub fn skip(bench: &str, missing: &Path, command: &str) {
    eprintln!("{bench}: skipped, as {} is missing; this makes it: {command}", missing.display());
}

/// Different sentences, which differ from those of another `turn`, too.
#[must_use]
pub fn sentences(count: usize, turn: usize) -> Vec<String> {
    (0..count).map(|index| format!("There is finding {index} of turn {turn}")).collect()
}

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
    numbered_radiograph(height, width, 0)
}

/// One of many that differ.
///
/// # Errors
/// If it is empty or too large.
pub fn numbered_radiograph(height: usize, width: usize, number: usize) -> radzero_core::Result<Radiograph> {
    let level = |(y, x)| ((x * 7 + y * 13 + number * 29) ^ (x * y)) as u8;
    Radiograph::from_gray(Array2::from_shape_fn((height, width), level))
}
