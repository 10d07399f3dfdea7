//! Explainable zero-shot inference on chest radiographs: from one image and any sentence a probability, a similarity map
//! and a point, with a RadZero model (arXiv 2504.07416) that `radzero-export` turned into ONNX graphs.
//!
//! Research use only. All results are similarities between a sentence and an image, never a chance of disease.
//!
//! The modules are the stages of the data flow:
//!
//! 1. [`radiograph`]: a file or array becomes 8-bit levels
//! 2. [`pixels`]: levels become the model's input, and the patch grid goes back to original pixels
//! 3. [`runtime`]: ONNX Runtime turns pixels and token ids into tokens and embeddings
//! 4. [`similarity`]: VL-CABS turns tokens and embeddings into scores and logits
//! 5. [`map`]: scores become a similarity map with its peak and mask
//!
//! [`RadZero`] connects them, [`manifest`] and [`operators`] are the contract with the exporter.
//!
//! ```no_run
//! use radzero_core::{RadZero, Radiograph};
//!
//! # fn main() -> radzero_core::Result<()> {
//! let model = RadZero::open("models/radzero")?;
//! let found = &model.infer(&Radiograph::open("chest.png")?, &["There is fibrosis"])?[0];
//! let map = found.map();
//! println!("{} {} {} {:?}", found.probability(), map.min(), map.max(), map.values().dim());
//! # Ok(())
//! # }
//! ```

mod error;
pub mod manifest;
pub mod map;
mod model;
pub mod operators;
pub mod pixels;
mod prompt;
pub mod radiograph;
pub mod runtime;
pub mod similarity;

pub use crate::error::{Error, ErrorKind, Result};
pub use crate::map::{Peak, SimilarityMap};
pub use crate::model::{
    ArchiveImage, Comparison, EncodedArchive, EncodedImage, EncodedPrompt, Provenance, RadZero, RadZeroBuilder,
    SelfTestReport,
};
pub use crate::radiograph::Radiograph;
pub use crate::runtime::{Cancellation, Device, Runtime};
