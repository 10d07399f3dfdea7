//! Explainable zero-shot inference on chest radiographs: from one image and any sentence a probability, a similarity map
//! and a point, with a RadZero model (arXiv 2504.07416) that `radzero-export` turned into ONNX graphs.
//!
//! Research use only. All results are similarities between a sentence and an image, never a chance of disease.
//!
//! The modules are the stages of the data flow:
//!
//! 1. [`radiograph`]: a file or array becomes 8-bit levels
//! 2. [`pixels`]: levels become the model's input
//! 3. [`runtime`]: ONNX Runtime turns pixels and token ids into tokens and embeddings
//! 4. [`similarity`]: VL-CABS turns tokens and embeddings into scores and logits
//! 5. [`map`]: scores become a similarity map with its peak and mask
//!
//! [`RadZero`] connects them, an [`EncoderQueue`] shares one among many callers and images. [`manifest`] and [`operators`] are
//! the contract with the exporter, [`record`] is what is written down of a result. Stages 4 and 5 are the crate
//! `radzero-score`, manifest, record and errors the crate `radzero-format`: neither needs ONNX Runtime, and both are
//! re-exported here.
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
//!
//! # Features
//! - `dicom`: reads DICOM files and parsed objects
//! - `share-ort`: shares an ONNX Runtime environment with a host that uses `ort` itself, and re-exports `ort`. Without it no
//!   type of `ort` is part of this crate's interface.

mod cancellation;
mod model;
pub mod operators;
pub mod pixels;
mod prompt;
mod queue;
pub mod radiograph;
pub mod runtime;

/// Crates whose types are part of this interface, in the versions that fit.
#[cfg(feature = "dicom")]
pub use dicom_object;
pub use image;
pub use ndarray;
/// The crate that sessions and environments are shared through.
#[cfg(feature = "share-ort")]
pub use ort;
pub use radzero_format::{Error, ErrorKind, Result, chain, manifest, record};
pub use radzero_score::{
    Comparison, EncodedImage, EncodedPrompt, Geometry, GridArea, ImageParts, Peak, PromptParts, Scorer, SimilarityMap,
    Values, map, set_threads, similarity,
};

pub use crate::cancellation::Cancellation;
pub use crate::model::{Encoders, RadZero, RadZeroBuilder, SelfTestReport};
pub use crate::queue::{
    Answer, BatchTokens, EncodedImages, Encoder, EncoderQueue, EncoderQueueBuilder, Place, QueueStatus, QueueTotals,
    Request, Ticket,
};
pub use crate::radiograph::Radiograph;
pub use crate::runtime::{Device, Runtime};
