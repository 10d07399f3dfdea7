//! Scores computed directly from drawings: all maps in memory, every pair counted, every threshold tried on every pixel.
//!
//! Slow and plain on purpose: neither the label files nor the metrics of `radzero-eval` are used. For an interval the images of
//! each draw are laid side by side, as often as they were drawn, and scored as if they were a data set.

mod classification;
mod grounding;
mod segmentation;

use std::fmt;
use std::path::Path;

use radzero_core::Request;
use radzero_core::radiograph::IntensityPolicy;
use radzero_eval::datasets;
use radzero_eval::run::model::Model;

pub use self::classification::{classification, long_tailed};
pub use self::grounding::{grounding, phrases};
pub use self::segmentation::segmentation;
use crate::drawn::Drawn;
use crate::error::Result;

/// A score: what, of what, and its value where it is defined.
#[derive(Debug, Clone, PartialEq)]
pub struct DirectScore {
    /// As the evaluation names it.
    pub name: &'static str,
    /// Of what.
    pub of: String,
    /// The value.
    pub value: Option<f64>,
}

/// The interval of a score.
#[derive(Debug, Clone, PartialEq)]
pub struct DirectInterval {
    /// As the evaluation names it.
    pub name: &'static str,
    /// Of what.
    pub of: String,
    /// 2.5th and 97.5th percentile, where the score and at least half of the draws have a value.
    pub ends: Option<(f64, f64)>,
}

/// Given indices of images, each as often as it counts, and whether they are a draw.
type Scorer = Box<dyn Fn(&[usize], bool) -> Vec<DirectScore>>;

/// What was asked of the model, ready to be scored over any choice of its images.
pub struct Direct {
    images: usize,
    score: Scorer,
}

impl fmt::Debug for Direct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Direct").field("images", &self.images).finish_non_exhaustive()
    }
}

impl Direct {
    fn new(images: usize, score: impl Fn(&[usize], bool) -> Vec<DirectScore> + 'static) -> Self {
        Self { images, score: Box::new(score) }
    }

    /// The scores of all images.
    #[must_use]
    pub fn scores(&self) -> Vec<DirectScore> {
        (self.score)(&(0..self.images).collect::<Vec<_>>(), false)
    }

    /// The intervals of all scores, from so many draws.
    #[must_use]
    pub fn intervals(&self, draws: u64, seed: u64) -> Vec<DirectInterval> {
        let drawn: Vec<Vec<DirectScore>> =
            (0..draws).map(|draw| (self.score)(&drawn_images(seed + draw, self.images), true)).collect();
        let interval = |(index, score): (usize, DirectScore)| {
            let values: Vec<f64> = drawn.iter().filter_map(|scores| scores[index].value).collect();
            let enough = score.value.is_some() && 2 * values.len() as u64 >= draws;
            let ends = enough.then(|| (percentile(&values, 0.025), percentile(&values, 0.975)));
            DirectInterval { name: score.name, of: score.of, ends }
        };
        self.scores().into_iter().enumerate().map(interval).collect()
    }
}

fn score(name: &'static str, of: &str, value: Option<f64>) -> DirectScore {
    DirectScore { name, of: of.to_owned(), value }
}

/// As many images as there are, by SplitMix64 (Steele, Lea and Flood 2014) from the mixed seed: the whole part of each number,
/// taken as a fraction of 2^64, times the number of images.
fn drawn_images(seed: u64, images: usize) -> Vec<usize> {
    let mix = |mut value: u64| {
        value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        value ^ (value >> 31)
    };
    let start = mix(seed);
    let numbers = (1..=images as u64).map(|step| mix(start.wrapping_add(step.wrapping_mul(0x9E37_79B9_7F4A_7C15))));
    numbers.map(|number| ((u128::from(number) * images as u128) >> 64) as usize).collect()
}

/// As NumPy's `percentile`: linear between the nearest ranks. There is a value.
fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let position = share * (sorted.len() as f64 - 1.0);
    let (below, above) = (sorted[position.floor() as usize], sorted[position.ceil() as usize]);
    below + (above - below) * position.fract()
}

fn mean(values: &[f64]) -> Option<f64> {
    if values.is_empty() { None } else { Some(values.iter().sum::<f64>() / values.len() as f64) }
}

/// Share of pairs of a positive and a negative sample that are in order; half for a tie.
fn pairs(samples: &[(f64, bool)]) -> Option<f64> {
    let mut won = Vec::new();
    for (positive, _) in samples.iter().filter(|(_, label)| *label) {
        for (negative, _) in samples.iter().filter(|(_, label)| !label) {
            won.push(if positive > negative {
                1.0
            } else if positive < negative {
                0.0
            } else {
                0.5
            });
        }
    }
    mean(&won)
}

/// The comparisons of each drawing's image in `folder` (with this extension) with `prompts`: a list a drawing.
fn compare<M: Model>(
    model: &M,
    drawn: &[Drawn],
    folder: &Path,
    extension: &str,
    policy: IntensityPolicy,
    prompts: &[String],
) -> Result<Vec<Vec<M::Found>>> {
    let prompts = model.prompts(prompts)?;
    let requests = drawn.iter().map(|drawn| {
        let path = folder.join(format!("{}.{extension}", drawn.name));
        ((), Request::read_with(move |_| datasets::read(&path, policy)))
    });
    let found = model.encode_all(requests)?.map(|((), encoded)| Ok(model.compare(&encoded?.image, &prompts)?));
    found.collect()
}
