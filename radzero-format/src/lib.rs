//! Data formats and types that all parts of the RadZero runtime share. It does not need ONNX Runtime.
//!
//! - [`manifest`]: `radzero.json` in a model directory, the contract between the exporter and the runtime
//! - [`operators`]: the project's own operators, the contract between exported graphs and the kernels that run them
//! - [`geometry`]: how a radiograph is fitted to the model's square
//! - [`reading`]: how a radiograph is read (intensity policy) and was read (origin, rule, transfer syntax, warnings)
//! - [`record`]: a result and how it was made, as serde types with a version and a JSON Schema
//! - [`Error`]: the error type, with kinds that have stable codes
//!
//! `radzero-core` re-exports most of it ([`reading`] and [`geometry`] in its modules `radiograph` and `pixels`). Depend on this
//! crate alone to read manifests or records without a runtime.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

// The examples of README.md are tested with the others.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod error;
pub mod geometry;
pub mod manifest;
pub mod operators;
pub mod reading;
pub mod record;

pub use crate::error::{Error, ErrorKind, Result, chain};
