//! The three tasks: what is kept of an image, and how the kept rows become a score.

pub mod classification;
pub mod grounding;
pub mod segmentation;

use std::fmt;
use std::path::Path;

use radzero_core::Radiograph;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use self::classification::Classification;
pub use self::grounding::Grounding;
pub use self::segmentation::Segmentation;
use crate::datasets::Dataset;
use crate::error::Result;
use crate::metrics::bootstrap::{Bootstrap, interval};
use crate::metrics::{Curve, Undefined, Value};
use crate::report::result::{ClassScore, Measure};
use crate::run::journal::Journal;
use crate::run::model::Similarity;

/// Which task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskKind {
    /// Which findings does an image show?
    Classification,
    /// Where is it?
    Grounding,
    /// What is its extent?
    Segmentation,
}

impl fmt::Display for TaskKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Classification => "classification",
            Self::Grounding => "grounding",
            Self::Segmentation => "segmentation",
        })
    }
}

/// One of the three tasks. The value holds what can be used again from image to image.
pub trait Task: Default {
    /// Which.
    const KIND: TaskKind;
    /// The ground truth of an image.
    type Truth: Sync;
    /// What is kept of an image.
    type Row: Serialize + DeserializeOwned;

    /// Indices of the sentences that an image is compared with, of so many.
    fn prompts(truth: &Self::Truth, prompts: usize) -> Vec<usize>;

    /// The files, besides the image, that the ground truth is read from when its image is done.
    fn files(_: &Self::Truth) -> Vec<&Path> {
        Vec::new()
    }

    /// Takes from the comparisons what the score needs.
    ///
    /// # Errors
    /// [`Error::Truth`](crate::Error::Truth), [`Error::ModelValue`](crate::Error::ModelValue).
    fn observe<S: Similarity>(
        &mut self,
        truth: &Self::Truth,
        radiograph: &Radiograph,
        found: &[S],
    ) -> Result<Self::Row>;

    /// Scores the rows of the journal, taken in the order of the samples: which draw an image belongs to must not depend on
    /// when it was done.
    ///
    /// # Errors
    /// Those of reading the journal.
    fn score(dataset: &Dataset<Self::Truth>, journal: &Journal, bootstrap: &Bootstrap) -> Result<Score>;
}

/// What the rows of a journal amount to.
#[derive(Debug, Clone, Default)]
pub struct Score {
    /// Images that were scored.
    pub images: usize,
    /// The measures of the whole.
    pub measures: Vec<Measure>,
    /// The measures of each class.
    pub classes: Vec<ClassScore>,
    /// Mean Dice at each threshold, for segmentation.
    pub dice_by_threshold: Option<Vec<f64>>,
    /// Curves to draw.
    pub curves: Vec<Curves>,
    /// Best and worst cases, the best first.
    pub best: Vec<Case>,
    /// The worst first.
    pub worst: Vec<Case>,
}

/// Curves of one diagram.
#[derive(Debug, Clone)]
pub struct Curves {
    /// What it shows.
    pub title: String,
    /// Along the horizontal axis.
    pub x: &'static str,
    /// Along the vertical axis.
    pub y: &'static str,
    /// A line of chance from (0, 0) to (1, 1) belongs to it.
    pub diagonal: bool,
    /// Name and points of each curve.
    pub series: Vec<(String, Curve)>,
}

/// A single image and sentence, to be looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Index of the sample.
    pub sample: usize,
    /// Index of the sentence.
    pub prompt: usize,
    /// What it is an example of.
    pub caption: String,
    /// The similarity whose contour says most.
    pub threshold: f32,
}

/// Cases of each kind.
const CASES: usize = 6;

/// The first and last of `cases`, each image once, by descending `key`.
fn best_and_worst<T>(mut cases: Vec<(f64, T)>, sample: impl Fn(&T) -> usize) -> (Vec<T>, Vec<T>)
where
    T: Clone,
{
    cases.sort_by(|one, other| other.0.total_cmp(&one.0));
    let pick = |cases: &mut dyn Iterator<Item = &(f64, T)>, taken: &mut Vec<usize>| {
        let mut picked = Vec::new();
        for (_, case) in cases {
            if picked.len() < CASES && !taken.contains(&sample(case)) {
                taken.push(sample(case));
                picked.push(case.clone());
            }
        }
        picked
    };
    // With few images the worst matter more.
    let mut taken = Vec::new();
    let worst = pick(&mut cases.iter().rev(), &mut taken);
    let best = pick(&mut cases.iter(), &mut taken);
    (best, worst)
}

/// A measure with its interval from its value in each resample, over so many images.
fn measured(name: &str, of: &str, value: Value, replicates: &[Value], images: usize) -> Measure {
    let found = value.and_then(|_| interval(replicates, images));
    Measure {
        name: name.to_owned(),
        of: of.to_owned(),
        value: value.ok(),
        undefined: value.err(),
        interval: found.ok(),
        bound: None,
        replicates: replicates.iter().map(|value| value.ok().map(|value| value as f32)).collect(),
    }
}

/// One column of a table of replicates.
fn column(replicates: &[Vec<Value>], index: usize) -> Vec<Value> {
    replicates.iter().map(|row| row.get(index).copied().unwrap_or(Err(Undefined::NoSample))).collect()
}
