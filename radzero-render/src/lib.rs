//! Pictures of similarity maps over the radiograph, without ONNX Runtime.
//!
//! - [`Picture`]: a page with one panel per sentence, titles, captions, notes and a colour bar
//! - [`overlay`]: one radiograph under the colours of one map, without text; for secondary captures
//! - [`legend`]: the colour bar alone
//! - [`colour`], [`colour_table`], [`opacity`]: for viewers that draw overlays themselves
//! - [`mask_png`]: a mask as a PNG file
//! - [`text`]: line breaking
//!
//! Radiograph and map are scaled to the display size and blended; then the contour at the threshold and a ring at the peak are
//! drawn. Do not measure on pictures: the numbers are those of the [`Comparison`](radzero_score::Comparison).
//!
//! Pictures show similarities between a sentence and an image, never a chance of disease. They do not say so themselves: show
//! "research use only" beside them, for example as in the notes below.
//!
//! ```
//! use ndarray::Array2;
//! use radzero_render::{Picture, overlay};
//! use radzero_score::format::manifest::sha256_bytes;
//! use radzero_score::format::reading::Levels;
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
//!
//! // A page.
//! let radiograph = Array2::from_shape_fn((480, 640), |(y, x)| ((x + y) / 5) as u8);
//! let levels = Levels::Gray(radiograph.view());
//! let notes = vec!["Research use only. Values are similarities, never a chance of disease.".to_owned()];
//! let mut picture = Picture::new(levels, 1, 0.5, notes)?;
//! let caption = format!("probability {:.3}", found.probability());
//! picture.push_comparison(&found, found.prompt().to_owned(), caption)?;
//! assert!(picture.png()?.starts_with(b"\x89PNG"));
//!
//! // The pixels of a secondary capture.
//! let capture = overlay(levels, &found, Some(0.5), 320, 240)?;
//! assert_eq!(capture.as_raw().len(), 3 * 320 * 240);
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

// The examples of README.md are tested with the others.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod colour;
mod layout;
mod legend;
mod mask;
mod overlay;
mod picture;
mod png;
mod scale;
mod stroke;
#[cfg(test)]
mod test_data;
pub mod text;
mod typeset;
mod validate;

pub use image::RgbImage;

pub use crate::colour::{colour, colour_table, opacity};
pub use crate::legend::legend;
pub use crate::mask::mask_png;
pub use crate::overlay::overlay;
pub use crate::picture::{MAX_PANELS, Panel, Picture};
