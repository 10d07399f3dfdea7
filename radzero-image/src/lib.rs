//! Reads chest radiographs to exact 8-bit levels, and resamples them to a model's square.
//!
//! ```no_run
//! use radzero_image::{IntensityPolicy, ReadOptions};
//!
//! # fn main() -> radzero_image::Result<()> {
//! let options = ReadOptions { intensity: IntensityPolicy::Display, ..ReadOptions::default() };
//! let radiograph = options.open("chest.dcm")?;
//! println!("{} x {}, {}", radiograph.width(), radiograph.height(), radiograph.intensity());
//! # Ok(())
//! # }
//! ```
//!
//! [`Radiograph::open`] reads a file as RadZero's published code does. [`ReadOptions`] changes how: another intensity policy, a
//! frame, raw detector data, EXIF orientation. It also reads arrays, decoded images and parsed DICOM objects. A [`Radiograph`]
//! tells which rule made its levels ([`Radiograph::intensity`]), what was assumed or worked around ([`Radiograph::warnings`]) and
//! what the file says it shows ([`Radiograph::eligibility`]). [`pixels`] turns it into the model's input.
//!
//! Steps: bytes -> file type by content -> decoded samples -> intensity rule -> 8-bit levels -> pixels.
//!
//! # Features
//! - `dicom`: reads DICOM files and parsed objects

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

// The examples of README.md are tested with the others.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

#[cfg(feature = "dicom")]
mod dicom;
mod dicom_signature;
mod eligibility;
mod file;
mod guard;
mod intensity;
mod jpeg;
mod levels;
mod options;
pub mod pixels;
mod radiograph;
mod read;
mod refusal;
mod source;

/// Crates whose types appear in this interface, in the versions it uses.
#[cfg(feature = "dicom")]
pub use dicom_object;
pub use image;
pub use ndarray;
pub use radzero_format::reading::{
    Frame, IntensityPolicy, IntensityRule, Levels, MAX_PIXELS, MAX_SIDE, ModalityTransform, Origin, TransferSyntax,
    VoiFunction, VoiTransform, Warning,
};
pub use radzero_format::{Error, ErrorKind, Result};
pub use radzero_pool::set_threads;

#[cfg(feature = "dicom")]
pub use crate::dicom::{Identifiers, identifiers};
pub use crate::eligibility::{BodyPart, Eligibility, ImageKind, Intent, Modality, View};
pub use crate::options::ReadOptions;
pub use crate::radiograph::Radiograph;
pub use crate::source::{Laterality, SourceReference};
