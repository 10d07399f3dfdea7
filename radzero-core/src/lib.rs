//! Explainable zero-shot inference on chest radiographs. From one image and any sentence to a probability, a similarity map and a
//! point, with a RadZero model (arXiv 2504.07416) that `radzero-export` has converted to ONNX graphs.
//!
//! Research use only. All results are similarities between a sentence and an image, never a chance of disease.
//!
//! The modules are the stages of the data flow:
//!
//! 1. [`radiograph`]: from a file or array to 8-bit levels
//! 2. [`pixels`]: from levels to the model's input
//! 3. [`runtime`]: from pixels and token ids to tokens and embeddings, by ONNX Runtime
//! 4. [`similarity`]: from tokens and embeddings to scores and logits, by VL-CABS
//! 5. [`map`]: from scores to a similarity map with its peak and mask
//!
//! [`RadZero`] runs all of them. An [`EncoderQueue`] shares one model among many callers and images. [`manifest`] and
//! [`operators`] are the contract with the exporter; [`record`] is the stored form of a result.
//!
//! Stages 1 and 2 are the crate `radzero-image`, stages 4 and 5 the crate `radzero-score`. Manifest, operators, record and errors
//! are the crate `radzero-format`. None of these needs ONNX Runtime, and all are re-exported here.
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
//! - `dicom`: reads DICOM files and parsed DICOM objects
//! - `share-ort`: shares an ONNX Runtime environment with a program that uses `ort` itself, and re-exports `ort`. Without it, no
//!   type of `ort` is part of this crate's interface.

#![cfg_attr(docsrs, feature(doc_cfg))]

// The examples of README.md are tested with the others.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod cancellation;
mod model;
mod process;
mod prompt;
mod queue;
pub mod runtime;

/// Re-exported in the version with which environments are shared.
#[cfg(feature = "share-ort")]
pub use crate::runtime::ort;
/// Re-exported in the version that this crate's interface uses.
#[cfg(feature = "dicom")]
pub use dicom_object;
pub use image;
pub use ndarray;
pub use radzero_format::{Error, ErrorKind, Result, chain, manifest, operators, record};
pub use radzero_image::Radiograph;
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
pub use crate::runtime::{Device, Runtime};

/// Reading files and arrays as a [`Radiograph`]: the crate `radzero-image`.
pub mod radiograph {
    pub use radzero_image::{
        BodyPart, Eligibility, Frame, ImageKind, IntensityPolicy, IntensityRule, Intent, Laterality, Levels,
        MAX_PIXELS, MAX_SIDE, Modality, ModalityTransform, Origin, Radiograph, ReadOptions, SourceReference,
        TransferSyntax, View, VoiFunction, VoiTransform, Warning,
    };
    #[cfg(feature = "dicom")]
    pub use radzero_image::{Identifiers, identifiers};
}

/// From a [`Radiograph`] to the pixels of the image graph, and the [`Geometry`] of that mapping.
pub mod pixels {
    pub use radzero_image::pixels::{Fit, resample, to_model};
    pub use radzero_score::{Geometry, GridArea};
}
