//! The result of a run, as it is written to JSON.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::datasets::{Dataset, hex};
use crate::error::Result;
use crate::metrics::Undefined;
use crate::metrics::bootstrap::{Bootstrap, Interval};
use crate::run::journal::Journal;
use crate::run::record::RunRecord;
use crate::run::{FailedImage, Outcome};
use crate::tasks::{Score, Task};

/// A measure of the whole or of a class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// Which: "AUROC".
    pub name: String,
    /// Of what: "macro", the name of a class.
    pub of: String,
    /// The value; `None` where it is undefined.
    pub value: Option<f64>,
    /// Why there is no value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undefined: Option<Undefined>,
    /// The 95 % interval, where there is one.
    pub interval: Option<Interval>,
    /// How far the value can be from the exact one, where it is not exact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<f64>,
    /// The value in each resample, for the interval of a difference.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replicates: Vec<Option<f32>>,
}

/// The measures of a class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassScore {
    /// The class.
    pub class: String,
    /// Its sentence; empty where it has several.
    pub prompt: String,
    /// Positive images, or targets.
    pub positives: usize,
    /// Its measures.
    pub measures: Vec<Measure>,
}

/// How long it took. Of an interrupted run only the last part is known.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// Images done in this part.
    pub images: usize,
    /// Seconds in the image encoder.
    pub model_seconds: f64,
    /// Seconds in all.
    pub total_seconds: f64,
}

/// The result of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// What ran.
    pub run: RunRecord,
    /// Images that were scored.
    pub scored: usize,
    /// SHA-256 of which images were scored, and of the content of their files.
    pub scored_sha256: String,
    /// Images that failed the last time.
    pub failed: Vec<FailedImage>,
    /// How the intervals were drawn.
    pub bootstrap: Bootstrap,
    /// The measures of the whole.
    pub measures: Vec<Measure>,
    /// The measures of each class.
    pub classes: Vec<ClassScore>,
    /// Mean Dice at each threshold 0.00, 0.01 ... 1.00.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dice_by_threshold: Option<Vec<f64>>,
    /// How long it took.
    pub timing: Timing,
}

impl Evaluation {
    /// Scores the journal of a run. Returns the result, and the score with what there is to draw.
    ///
    /// # Errors
    /// Those of reading the journal.
    pub fn new<T: Task>(
        dataset: &Dataset<T::Truth>,
        run: RunRecord,
        journal: &Journal,
        outcome: &Outcome,
        bootstrap: Bootstrap,
    ) -> Result<(Self, Score)> {
        let mut digest = Sha256::new();
        for index in 0..dataset.samples.len() {
            for file in journal.files(index).unwrap_or_default() {
                digest.update((index as u64).to_le_bytes());
                digest.update(file);
            }
        }
        let score = T::score(dataset, journal, &bootstrap)?;
        let evaluation = Self {
            run,
            scored: score.images,
            scored_sha256: hex(&digest.finalize()),
            failed: outcome.failed.clone(),
            bootstrap,
            measures: score.measures.clone(),
            classes: score.classes.clone(),
            dice_by_threshold: score.dice_by_threshold.clone(),
            timing: Timing {
                images: outcome.progress.done,
                model_seconds: outcome.progress.model.as_secs_f64(),
                total_seconds: outcome.progress.total.as_secs_f64(),
            },
        };
        Ok((evaluation, score))
    }
}
