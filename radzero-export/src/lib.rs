//! Exports a RadZero checkpoint to a model directory of ONNX graphs, without Python.
//!
//! [`export()`] runs these steps, each a module of its own:
//!
//! 1. `checkpoint`: config.json, preprocessor_config.json and the headers of the weight files are read and compared with
//!    each other; everything that does not fit is reported at once.
//! 2. `quantize`, for 8-bit graphs only: activations on `calibration` images decide each layer's precision and smoothing.
//! 3. `graph`: the image and the text encoder are written as ONNX, weights flowing from the memory-mapped checkpoint into
//!    external data files. Normalisation is folded into the patch projection and LayerScale into the layers before it;
//!    position embeddings are resampled to the model's grid.
//! 4. `reference`: the same outputs are computed once more, plainly, from the checkpoint's own tensors, and stored as the
//!    model directory's self-test.
//! 5. `write`: the manifest is added and the directory takes its name, whole or not at all.
//!
//! What RadZero computes is described in the paper (arXiv 2504.07416, section 3) and its published code; the model
//! directory's contract is [`radzero_core::manifest`].

mod calibration;
mod checkpoint;
mod dense;
mod error;
mod export;
mod graph;
mod onnx;
mod progress;
mod quantize;
mod reference;
mod unfinished;
mod write;

pub use crate::checkpoint::{Extent, Rename, TensorProblem};
pub use crate::error::{ExportError, SettingProblem};
pub use crate::export::{ExportOptions, export};
pub use crate::progress::{Progress, Stage};
pub use crate::unfinished::remove_unfinished;
pub use radzero_core::manifest::{PositionConvention, Precision, Target};
