//! Exports a RadZero checkpoint to a model directory of ONNX graphs, without Python.
//!
//! [`export()`] runs these steps, each in a module of its own:
//!
//! 1. `checkpoint` reads config.json, preprocessor_config.json and the headers of the weight files, and reports everything
//!    that does not fit in one error.
//! 2. `quantize`, for 8-bit graphs only, chooses precision and smoothing of each layer by its error on `calibration` images.
//! 3. `graph` writes the image and the text encoder as ONNX. Weights go from the memory-mapped checkpoint to external data
//!    files. Pixel normalisation is folded into the patch projection, LayerScale into the layer before it, and position
//!    embeddings are resampled to the model's grid.
//! 4. `reference` computes part of the outputs a second time, plainly and from the checkpoint's own tensors, as the model
//!    directory's self-test.
//! 5. `write` adds the manifest and renames the finished directory to its final name.
//!
//! The model is described in the paper (arXiv 2504.07416, section 3) and its published code. [`radzero_format::manifest`] is the
//! contract of the model directory.
//!
//! # Metadata of the graphs
//! Both graphs pass ONNX's checker with shape inference and run in plain ONNX Runtime. Their metadata properties agree with the
//! manifest:
//!
//! | property | value | in the manifest |
//! | --- | --- | --- |
//! | `model_name` | the model's name, for people | `name` |
//! | `model_license` | licence of the weights | `weights_license` |
//! | `checkpoint_sha256` | SHA-256 of the weights | `source.files` |
//! | `generator` | program and version | `generator` |
//! | `intended_use` | that the model is for research use only | |
//!
//! The SHA-256 of sharded weights is that of the shards' lines `SHA-256  NAME`, in the order of names:
//! `sha256sum model-*.safetensors | sha256sum`.
//!
//! # Features
//! - `program`: the command line, as the program `radzero-export` and the module `program`

#![cfg_attr(docsrs, feature(doc_cfg))]

// The examples of README.md are tested with the others.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod calibration;
mod checkpoint;
mod dense;
mod error;
mod export;
mod graph;
mod metadata;
mod onnx;
#[cfg(feature = "program")]
pub mod program;
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
pub use radzero_format::manifest::{PositionConvention, Precision, Target};
