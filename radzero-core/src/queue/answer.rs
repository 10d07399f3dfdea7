//! The answer to a request.

use std::time::Duration;

use radzero_score::{Comparison, EncodedImage};

use crate::radiograph::Radiograph;

/// The answer of a queue to a request.
#[derive(Debug)]
#[non_exhaustive]
pub struct Answer {
    /// The radiograph that was read.
    pub radiograph: Radiograph,
    /// Its encoding.
    pub encoded: EncodedImage,
    /// One comparison for each of the request's prompts, in order.
    pub comparisons: Vec<Comparison>,
    /// How long the request waited for a worker.
    pub waited: Duration,
    /// The image's share of the duration of its run.
    pub run: Duration,
}
