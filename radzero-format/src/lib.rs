//! What the parts of RadZero's runtime agree on. Nothing here computes or needs ONNX Runtime.
//!
//! - [`manifest`]: the contract between the exporter and the runtime, `radzero.json` in a model directory
//! - [`reading`]: how a radiograph was read: origin, intensity rule, transfer syntax, warnings; and its levels, borrowed
//! - [`record`]: what a result is and what made it, as serde values with a version and a JSON Schema
//! - [`Error`]: one error type with kinds that have stable codes
//!
//! `radzero-core` re-exports it (what is in [`reading`] as part of its module `radiograph`): depend on this crate alone to read
//! records or manifests without a runtime.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod error;
pub mod manifest;
pub mod reading;
pub mod record;

pub use crate::error::{Error, ErrorKind, Result, chain};
