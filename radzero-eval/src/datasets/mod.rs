//! Readers of the data sets, one file each; [`registry`] lists them.
//!
//! The label files of the published evaluation are in one folder, laid out like `data/` in the model's repository
//! (`Deepnoid/RadZero` on Hugging Face); the images come from their owners. Nothing is downloaded: an error names the missing
//! file and who distributes it.
//!
//! Steps: label files (`files`) -> samples with ground truth -> masks on demand ([`region`]).

pub mod chestxdet10;
pub mod chestxray14;
pub mod chexpert;
mod classification;
mod files;
pub mod ms_cxr;
pub mod openi;
pub mod padchest;
pub mod plain;
pub mod region;
pub mod registry;
pub mod rsna;
pub mod siim;

use std::path::{Path, PathBuf};

use radzero_core::Radiograph;
use radzero_core::radiograph::{IntensityPolicy, ReadOptions};
use serde::{Deserialize, Serialize};

use self::region::Region;
use crate::metrics::pointing::Corners;

/// A data set for one task, with ground truths of type `T`.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset<T> {
    /// Its name, as in the published tables.
    pub name: String,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Sentences to compare images with; one per class for classification and segmentation.
    pub prompts: Vec<String>,
    /// The images.
    pub samples: Vec<Sample<T>>,
    /// Groups of classes that the published tables average separately.
    pub groups: Vec<Group>,
    /// The intensity policy of the published code.
    pub policy: IntensityPolicy,
    /// The label files that were read.
    pub files: Vec<LabelFile>,
    /// Who distributes the images, and how.
    pub owner: String,
}

impl<T> Dataset<T> {
    /// Reads the image of a sample with the intensity policy of the data set.
    ///
    /// # Errors
    /// Those of [`ReadOptions::open`].
    pub fn read(&self, sample: &Sample<T>) -> radzero_core::Result<Radiograph> {
        read(&sample.path, self.policy)
    }
}

/// Reads an image with an intensity policy; everything else is as in the published code.
///
/// # Errors
/// Those of [`ReadOptions::open`].
pub fn read(path: &Path, policy: IntensityPolicy) -> radzero_core::Result<Radiograph> {
    options(policy).open(path)
}

/// Like [`read`], from the bytes of a file.
pub(crate) fn read_bytes(bytes: &[u8], policy: IntensityPolicy) -> radzero_core::Result<Radiograph> {
    options(policy).read_bytes(bytes)
}

/// The only place that sets how images are read.
fn options(policy: IntensityPolicy) -> ReadOptions {
    ReadOptions { intensity: policy, ..ReadOptions::default() }
}

/// One image.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample<T> {
    /// The image as the label file names it.
    pub id: String,
    /// Where the image is.
    pub path: PathBuf,
    /// Its ground truth.
    pub truth: T,
}

/// Classification: which of the classes an image shows.
pub type Labels = Vec<bool>;

/// Grounding: the targets in an image.
pub type Targets = Vec<Target>;

/// Segmentation: the region of the one class.
pub type Regions = Region;

/// A finding or phrase for the pointing game.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Index of its class.
    pub class: usize,
    /// Index of its sentence.
    pub prompt: usize,
    /// Bounding boxes; a point in any of them is a hit.
    pub boxes: Vec<Corners>,
}

/// A group of classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Indices of its classes.
    pub classes: Vec<usize>,
}

/// A label file that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelFile {
    /// File name.
    pub name: String,
    /// SHA-256 of its content, hexadecimal.
    pub sha256: String,
}

/// Groups of classes by number of positive images, as in the published evaluation of long-tailed data sets: head above the
/// 65th percentile, tail at most 10 images, medium in between.
fn long_tail_groups(samples: &[Sample<Labels>], classes: usize) -> Vec<Group> {
    let counts: Vec<usize> =
        (0..classes).map(|class| samples.iter().filter(|sample| sample.truth[class]).count()).collect();
    let mut sorted = counts.clone();
    sorted.sort_unstable();
    let head = percentile(&sorted, 0.65);
    let group = |name: &str, in_group: &dyn Fn(f64) -> bool| Group {
        name: name.to_owned(),
        classes: (0..classes).filter(|&class| in_group(counts[class] as f64)).collect(),
    };
    vec![
        group("head", &|count| count > head),
        group("medium", &|count| count <= head && count > TAIL),
        group("tail", &|count| count <= TAIL),
    ]
}

/// Largest number of positive images of a class in the tail.
const TAIL: f64 = 10.0;

fn percentile(sorted: &[usize], share: f64) -> f64 {
    let position = share * sorted.len().saturating_sub(1) as f64;
    let at = |index: usize| sorted.get(index.min(sorted.len().saturating_sub(1))).copied().unwrap_or(0) as f64;
    let below = position.floor();
    at(below as usize) + (at(below as usize + 1) - at(below as usize)) * (position - below)
}
