//! Readers of the data sets' files, one file a data set.
//!
//! The published evaluation's label files lie under one folder, in the layout of `data/` in the model's repository
//! (`Deepnoid/RadZero` on Hugging Face); the images come from their owners. Nothing is fetched: what is missing is named
//! with who distributes it.
//!
//! Steps: files (`files`) -> samples with ground truth -> masks where asked for ([`region`]).

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
pub mod rsna;
pub mod siim;

use std::path::{Path, PathBuf};

use radzero_core::Radiograph;
use radzero_core::radiograph::{IntensityPolicy, ReadOptions};
use serde::{Deserialize, Serialize};

pub(crate) use self::files::hex;
use self::region::Region;
use crate::metrics::pointing::Corners;

/// A data set for one task, with ground truths of type `T`.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset<T> {
    /// Its name, as in the published tables.
    pub name: String,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Sentences to compare images with. For classification and segmentation, one a class.
    pub prompts: Vec<String>,
    /// The images.
    pub samples: Vec<Sample<T>>,
    /// Sets of classes that the published tables average apart.
    pub groups: Vec<Group>,
    /// The published intensity policy.
    pub policy: IntensityPolicy,
    /// The label files that were read.
    pub files: Vec<LabelFile>,
    /// Who distributes the images, and how.
    pub owner: String,
}

impl<T> Dataset<T> {
    /// Reads the image of a sample by the data set's intensity policy.
    ///
    /// # Errors
    /// Those of [`ReadOptions::open`].
    pub fn read(&self, sample: &Sample<T>) -> radzero_core::Result<Radiograph> {
        read(&sample.path, self.policy)
    }
}

/// Reads an image by an intensity policy, and otherwise as the published code does.
///
/// # Errors
/// Those of [`ReadOptions::open`].
pub fn read(path: &Path, policy: IntensityPolicy) -> radzero_core::Result<Radiograph> {
    options(policy).open(path)
}

/// As [`read`], for the content of a file.
pub(crate) fn read_bytes(bytes: &[u8], policy: IntensityPolicy) -> radzero_core::Result<Radiograph> {
    options(policy).read_bytes(bytes)
}

/// The one place where it is chosen how images are read.
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

/// Grounding: what is to be pointed at in an image.
pub type Targets = Vec<Target>;

/// Segmentation: where the one class is.
pub type Regions = Region;

/// One thing to point at.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Index of its class.
    pub class: usize,
    /// Index of its sentence.
    pub prompt: usize,
    /// Boxes; a point in any of them is a hit.
    pub boxes: Vec<Corners>,
}

/// Some of the classes.
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

/// Classes by how many images show them, as the published evaluation divides long-tailed data sets: head above the 65th
/// percentile, tail at most 10 images, medium between.
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

/// Most positive images of a class of the tail.
const TAIL: f64 = 10.0;

fn percentile(sorted: &[usize], share: f64) -> f64 {
    let position = share * sorted.len().saturating_sub(1) as f64;
    let at = |index: usize| sorted.get(index.min(sorted.len().saturating_sub(1))).copied().unwrap_or(0) as f64;
    let below = position.floor();
    at(below as usize) + (at(below as usize + 1) - at(below as usize)) * (position - below)
}
