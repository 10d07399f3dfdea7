//! The result of a run, as written to JSON.

use radzero_core::manifest::Hasher;
use serde::{Deserialize, Serialize};

use crate::datasets::Dataset;
use crate::error::Result;
use crate::metrics::bootstrap::Bootstrap;
use crate::run::journal::Journal;
use crate::run::record::RunRecord;
use crate::run::{FailedImage, RunSummary};
use crate::tasks::{ClassScore, Measure, Score, Task};

/// How long the run took. After an interruption, only the last part is known.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// Number of images done.
    pub images: usize,
    /// Seconds in the image encoder.
    pub model_seconds: f64,
    /// Seconds in total.
    pub total_seconds: f64,
}

/// The result of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// What the result depends on.
    pub run: RunRecord,
    /// Number of images that were scored.
    pub scored: usize,
    /// SHA-256 over the indices of the scored images and the content of their files.
    pub scored_sha256: String,
    /// Images that failed in the last run.
    pub failed: Vec<FailedImage>,
    /// Settings of the intervals.
    pub bootstrap: Bootstrap,
    /// The measures of all images.
    pub measures: Vec<Measure>,
    /// The measures of each class.
    pub classes: Vec<ClassScore>,
    /// Mean Dice at each threshold 0.00, 0.01 ... 1.00.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dice_by_threshold: Option<Vec<f64>>,
    /// How long the run took.
    pub timing: Timing,
}

impl Evaluation {
    /// Scores the journal of a run. Returns the result, and the score with curves and cases to draw.
    ///
    /// # Errors
    /// The errors of [`Task::score`].
    pub fn new<T: Task>(
        dataset: &Dataset<T::Truth>,
        run: RunRecord,
        journal: &Journal,
        summary: &RunSummary,
        bootstrap: Bootstrap,
    ) -> Result<(Self, Score)> {
        let mut digest = Hasher::default();
        for index in 0..dataset.samples.len() {
            for file in journal.files(index).unwrap_or_default() {
                digest.update(&(index as u64).to_le_bytes());
                digest.update(file.as_bytes());
            }
        }
        let score = T::score(dataset, journal, &bootstrap)?;
        let evaluation = Self {
            run,
            scored: score.images,
            scored_sha256: digest.finish().into(),
            failed: summary.failed.clone(),
            bootstrap,
            measures: score.measures.clone(),
            classes: score.classes.clone(),
            dice_by_threshold: score.dice_by_threshold.clone(),
            timing: Timing {
                images: summary.progress.done,
                model_seconds: summary.progress.model.as_secs_f64(),
                total_seconds: summary.progress.total.as_secs_f64(),
            },
        };
        Ok((evaluation, score))
    }
}
