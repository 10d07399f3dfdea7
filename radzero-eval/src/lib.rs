//! Evaluation of RadZero models: the measurements of the paper, on your own copy of the data.
//!
//! Each module uses only the ones above it:
//!
//! 1. [`metrics`]: AUROC, Dice, the pointing game and others, with bootstrap intervals
//! 2. [`datasets`]: readers that turn label files into samples with ground truth, and the list of known data sets
//! 3. [`tasks`]: classification, grounding and segmentation: what is kept of each image, and how that becomes a score
//! 4. [`run`]: the loop that compares each image with the sentences of its data set and keeps a journal
//! 5. [`report`]: the result as JSON, Markdown and a page with diagrams, next to another result or the published numbers
//!
//! Research use only. The evaluation measures similarities between a sentence and an image, never a chance of disease.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

// The examples of README.md are tested with the others.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

pub mod datasets;
mod error;
pub mod metrics;
pub mod report;
pub mod run;
pub mod tasks;

pub use crate::error::{Error, Result};
