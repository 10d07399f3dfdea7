//! From encodings to results: everything after the two graphs of a RadZero model, without ONNX Runtime.
//!
//! 1. [`EncodedImage`], [`EncodedPrompt`]: the outputs of the graphs and their provenance; convertible to parts or bytes
//! 2. [`Scorer`]: compares them by VL-CABS ([`similarity`])
//! 3. [`Comparison`]: logit, probability, [map](SimilarityMap), [peak](Peak) and mask, placed by the [`Geometry`]
//!
//! An image that was encoded once can thus be asked again on a machine that cannot run the image graph. `radzero-core`
//! re-exports all of this.
//!
//! Research use only. All results are similarities between a sentence and an image, never a chance of disease.
//!
//! ```
//! use ndarray::Array2;
//! use radzero_score::format::manifest::sha256_bytes;
//! use radzero_score::format::record::{Device, EncoderRecord, ImageRecord, ModelRecord, ReadingRecord, TextRecord};
//! use radzero_score::{Comparison, EncodedPrompt};
//!
//! # fn main() -> radzero_score::format::Result<()> {
//! // A made-up result, for a test without a model.
//! let model = ModelRecord::named("none", sha256_bytes(b""));
//! let encoder = EncoderRecord::new(Device::Cpu, Default::default(), None, "1.31.1");
//! let image = ImageRecord::new(model.clone(), 28, (640, 480), ReadingRecord::memory(), encoder.clone());
//! let prompt = EncodedPrompt::new("There is fibrosis", vec![0.0; 4], TextRecord::new(model, encoder))?;
//! let found = Comparison::new(image, prompt, 1.5, Array2::from_shape_vec((2, 2), vec![-2.0, 0.0, 1.0, 2.0]).unwrap())?;
//! assert_eq!((found.peak().x, found.peak().y), (480, 360));
//! assert!(found.area(0.5)? > 0);
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

// The examples of README.md are tested with the others.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod comparison;
mod encoding;
mod geometry;
pub mod map;
mod scorer;
pub mod similarity;

pub use radzero_format as format;

pub use crate::comparison::Comparison;
pub use crate::encoding::{EncodedImage, EncodedPrompt, ImageParts, PromptParts, TokenMemory, Values};
pub use crate::geometry::{Fit, Geometry, GridArea};
pub use crate::map::{Peak, SimilarityMap, sigmoid};
pub use crate::scorer::Scorer;
pub use radzero_pool::set_threads;
