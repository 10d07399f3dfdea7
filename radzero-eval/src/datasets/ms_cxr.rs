//! MS-CXR: phrases from reports and the bounding boxes that they describe, on images of MIMIC-CXR.
//!
//! File: `MS-CXR/test.json`, a list of `image` and `det`, itself a list of `name` (the phrase, used verbatim) and `label`
//! (boxes \[left, top, right, bottom\]). As in the published evaluation, only the first box of the first phrase of each entry
//! counts, and the score is the share of hits over all entries: one class. All entries of an image become one sample, so that
//! it is encoded once.

use std::collections::HashMap;
use std::path::Path;

use radzero_core::radiograph::IntensityPolicy;
use serde::Deserialize;

use super::files::{LabelFiles, not_empty};
use super::{Dataset, Sample, Target, Targets};
use crate::error::{Error, Result};
use crate::metrics::pointing::Corners;

const OWNER: &str = "MS-CXR is distributed by PhysioNet (physionet.org/content/ms-cxr), its images with MIMIC-CXR-JPG there, for \
    credentialed users.";
const LABELS: &str = "MS-CXR/test.json";

#[derive(Deserialize)]
struct Entry {
    image: String,
    det: Vec<Phrase>,
}

#[derive(Deserialize)]
struct Phrase {
    name: String,
    label: Vec<[f64; 4]>,
}

/// Reads MS-CXR: label file below `root`, image paths relative to `images`.
///
/// # Errors
/// [`Error::Missing`], [`Error::Format`].
pub fn grounding(root: &Path, images: &Path) -> Result<Dataset<Targets>> {
    let mut files = LabelFiles::new(root, OWNER);
    let entries: Vec<Entry> = files.json(LABELS)?;
    let mut prompts: Vec<String> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    let mut samples: Vec<Sample<Targets>> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for entry in entries {
        let phrase = entry.det.into_iter().next();
        let found = phrase.and_then(|phrase| Some((*phrase.label.first()?, phrase.name)));
        let Some(([left, top, right, bottom], name)) = found else {
            let message = format!("{}: a phrase with a box expected, none found", entry.image);
            return Err(Error::format(&files.path(LABELS), None, message));
        };
        let prompt = *known.entry(name.clone()).or_insert_with(|| {
            prompts.push(name);
            prompts.len() - 1
        });
        let place = *places.entry(entry.image.clone()).or_insert_with(|| {
            samples.push(Sample { path: images.join(&entry.image), id: entry.image, truth: Vec::new() });
            samples.len() - 1
        });
        samples[place].truth.push(Target { class: 0, prompt, boxes: vec![Corners { left, top, right, bottom }] });
    }
    not_empty(&files.path(LABELS), &samples)?;
    Ok(Dataset {
        name: "MS-CXR".to_owned(),
        classes: vec!["phrases".to_owned()],
        prompts,
        samples,
        groups: Vec::new(),
        policy: IntensityPolicy::Reference,
        files: files.finish(),
        owner: OWNER.to_owned(),
    })
}
