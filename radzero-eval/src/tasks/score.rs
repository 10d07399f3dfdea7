//! Scores: measures with their intervals, curves to draw, and the best and worst cases.

use serde::{Deserialize, Serialize};

use crate::metrics::bootstrap::{Interval, interval};
use crate::metrics::{Curve, Undefined, Value};

/// A measure of all images or of a class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// Its name: "AUROC".
    pub name: String,
    /// What it is a measure of: "macro", or the name of a class.
    pub of: String,
    /// The value; `None` if it is undefined.
    pub value: Option<f64>,
    /// Why it is undefined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undefined: Option<Undefined>,
    /// The 95 % interval, if there is one.
    pub interval: Option<Interval>,
    /// Largest possible error of the value, if it is not exact.
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
    /// Its sentence; empty if it has several.
    pub prompt: String,
    /// Number of positive images, or of targets.
    pub positives: usize,
    /// Its measures.
    pub measures: Vec<Measure>,
}

/// The score of a task over the images of a run.
#[derive(Debug, Clone, Default)]
pub struct Score {
    /// Number of images that were scored.
    pub images: usize,
    /// The measures of all images.
    pub measures: Vec<Measure>,
    /// The measures of each class.
    pub classes: Vec<ClassScore>,
    /// Mean Dice at each threshold, for segmentation.
    pub dice_by_threshold: Option<Vec<f64>>,
    /// Curves to draw.
    pub curves: Vec<Curves>,
    /// The best cases, best first.
    pub best: Vec<Case>,
    /// The worst cases, worst first.
    pub worst: Vec<Case>,
}

/// The curves of a diagram.
#[derive(Debug, Clone)]
pub struct Curves {
    /// Title of the diagram.
    pub title: String,
    /// Label of the horizontal axis.
    pub x: &'static str,
    /// Label of the vertical axis.
    pub y: &'static str,
    /// Whether to draw the line of chance from (0, 0) to (1, 1).
    pub diagonal: bool,
    /// Name and points of each curve.
    pub series: Vec<(String, Curve)>,
}

/// An image and a sentence to look at.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Index of the sample.
    pub sample: usize,
    /// Index of the sentence.
    pub prompt: usize,
    /// What it is an example of.
    pub caption: String,
    /// Similarity at which to draw the contour.
    pub threshold: f32,
}

/// Most cases of each kind.
const CASES: usize = 6;

/// The best and the worst cases by `key` (higher is better), each sample at most once.
pub(super) fn best_and_worst(mut cases: Vec<(f64, Case)>) -> (Vec<Case>, Vec<Case>) {
    cases.sort_by(|one, other| other.0.total_cmp(&one.0));
    let pick = |cases: &mut dyn Iterator<Item = &(f64, Case)>, taken: &mut Vec<usize>| {
        let mut picked = Vec::new();
        for (_, case) in cases {
            if picked.len() < CASES && !taken.contains(&case.sample) {
                taken.push(case.sample);
                picked.push(case.clone());
            }
        }
        picked
    };
    // With few images, the worst cases matter more.
    let mut taken = Vec::new();
    let worst = pick(&mut cases.iter().rev(), &mut taken);
    let best = pick(&mut cases.iter(), &mut taken);
    (best, worst)
}

/// A measure with its interval over `images` images, from its value in each resample.
pub(super) fn measured(name: &str, of: &str, value: Value, replicates: &[Value], images: usize) -> Measure {
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

/// A column of a table of replicates.
pub(super) fn column(replicates: &[Vec<Value>], index: usize) -> Vec<Value> {
    replicates.iter().map(|row| row.get(index).copied().unwrap_or(Err(Undefined::NoSample))).collect()
}
