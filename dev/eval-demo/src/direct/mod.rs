//! Scores computed directly from drawings: all maps in memory, every pair counted, every threshold applied to every pixel.
//!
//! Slow and simple on purpose; uses neither the label files nor the metrics of `radzero-eval`. For an interval, the images of
//! each bootstrap draw, repeated as often as drawn, are scored as a data set of their own.

mod classification;
mod grounding;
mod registered;
mod segmentation;

use std::fmt;
use std::path::{Path, PathBuf};

use radzero_core::Request;
use radzero_core::radiograph::IntensityPolicy;
use radzero_eval::datasets;
use radzero_eval::run::model::Model;

pub use self::registered::compute;
use crate::drawn::Drawn;
use crate::error::Result;

/// A score, named as in the evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct DirectScore {
    /// Name of the measure.
    pub name: &'static str,
    /// What it is a measure of: "macro", or the name of a class.
    pub of: String,
    /// The value; `None` if undefined.
    pub value: Option<f64>,
}

/// The interval of a score, named as in the evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct DirectInterval {
    /// Name of the measure.
    pub name: &'static str,
    /// What it is a measure of.
    pub of: String,
    /// 2.5th and 97.5th percentile, if the score and at least half of the draws are defined.
    pub ends: Option<(f64, f64)>,
}

/// Scores images, given by index (repeated if drawn several times); the flag says whether they are a bootstrap draw.
type Scorer = Box<dyn Fn(&[usize], bool) -> Vec<DirectScore>>;

/// The results of the model on the drawings, which can be scored for any selection of images.
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

    /// The intervals of all scores, from `draws` bootstrap draws.
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

/// Draws `images` images with SplitMix64 (Steele, Lea and Flood 2014), started from the mixed seed. The index of an image is the
/// integer part of number / 2^64 x `images`.
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

/// NumPy's `percentile`, with linear interpolation between ranks. `values` is not empty.
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

/// Share of pairs of a positive and a negative sample in the right order; a tie counts one half.
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

/// The image files of the drawings below a root folder.
#[derive(Clone, Copy)]
enum ImageFiles<'a> {
    Png(&'a Path),
    Dicom(&'a Path),
}

impl ImageFiles<'_> {
    fn path(self, drawn: &Drawn) -> PathBuf {
        match self {
            Self::Png(root) => root.join(format!("images/{}.png", drawn.name)),
            Self::Dicom(root) => root.join(format!("dicom/{}.dcm", drawn.name)),
        }
    }
}

/// Compares the image of each drawing with `prompts`; one list per drawing.
fn compare<M: Model>(
    model: &M,
    drawn: &[Drawn],
    files: ImageFiles<'_>,
    policy: IntensityPolicy,
    prompts: &[String],
) -> Result<Vec<Vec<M::Found>>> {
    let prompts = model.prompts(prompts)?;
    let requests = drawn.iter().map(|drawn| {
        let path = files.path(drawn);
        ((), Request::read_with(move |_| datasets::read(&path, policy)))
    });
    let found = model.encode_all(requests)?.map(|((), encoded)| Ok(model.compare(&encoded?.image, &prompts)?));
    found.collect()
}
