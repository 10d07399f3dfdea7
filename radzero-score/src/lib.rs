//! From encodings to results: what comes after the two graphs of a RadZero model, without ONNX Runtime.
//!
//! 1. [`EncodedImage`], [`EncodedPrompt`]: what the graphs gave, with what made it; to parts or bytes and back
//! 2. [`Scorer`]: compares them by VL-CABS ([`similarity`])
//! 3. [`Comparison`]: logit, probability, [map](SimilarityMap), [peak](Peak) and mask, placed by the [`Geometry`]
//!
//! Images that were encoded once can so be asked again on a machine without a runtime for the image graph. `radzero-core`
//! re-exports all of it.
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
//! // A result as a test wants it, without a model.
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

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod comparison;
mod encoding;
mod geometry;
pub mod map;
#[doc(hidden)]
pub mod pool;
mod scorer;
pub mod similarity;

pub use radzero_format as format;

pub use crate::comparison::Comparison;
pub use crate::encoding::{EncodedImage, EncodedPrompt, ImageParts, PromptParts, Values};
pub use crate::geometry::{Fit, Geometry, GridArea};
pub use crate::map::{Peak, SimilarityMap, sigmoid};
pub use crate::pool::set_threads;
pub use crate::scorer::Scorer;
