//! Evaluation of RadZero models: what the paper measured, on anyone's copy of the data.
//!
//! The modules are the stages of the data flow:
//!
//! 1. [`datasets`]: label files become samples with their ground truth
//! 2. [`run`]: each image is compared with the sentences of its data set, and a row of what the score needs is journaled
//! 3. [`tasks`]: what such a row is, and how the rows become a score; classification, grounding, segmentation
//! 4. [`metrics`]: what the scores are made of
//! 5. [`report`]: the result as JSON, Markdown and a page with diagrams, beside another result and the published numbers
//!
//! Research use only. What is measured are similarities between a sentence and an image, never a chance of disease.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

pub mod datasets;
mod error;
pub mod metrics;
pub mod report;
pub mod run;
pub mod tasks;

pub use crate::error::{Error, Result};
