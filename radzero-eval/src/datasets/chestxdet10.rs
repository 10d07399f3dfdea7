//! ChestX-Det10 (Deepwise), test set, 10 classes: labels and bounding boxes.
//!
//! Files: `ChestXDet10/chestXDet10_test_image.csv` (column `Path`), `ChestXDet10/chestXDet10_test_text.json` (sentences, in
//! alphabetical order of the classes), `ChestXDet10/test.json` (as distributed by its owner: a list of `file_name`, `syms`,
//! `boxes` \[left, top, right, bottom\], in the order of the image list).

use std::path::Path;

use serde::Deserialize;

use super::classification::{PublishedParts, dataset};
use super::files::{LabelFiles, other_image, same_image, same_length};
use super::{Dataset, Labels, Sample, Target, Targets};
use crate::error::{Error, Result};
use crate::metrics::pointing::Corners;

const SENTENCES: &str = "ChestXDet10/chestXDet10_test_text.json";
const OWNER: &str = "ChestX-Det10's images are distributed by the NIH Clinical Center (nihcc.app.box.com/v/ChestXray-NIHCC) and with \
    Deepwise's annotations (GitHub, Deepwise-AILab/ChestX-Det10-Dataset).";
const LABELS: &str = "ChestXDet10/test.json";

const CLASSES: [&str; 10] = [
    "Atelectasis",
    "Calcification",
    "Consolidation",
    "Effusion",
    "Emphysema",
    "Fibrosis",
    "Fracture",
    "Mass",
    "Nodule",
    "Pneumothorax",
];

#[derive(Deserialize)]
struct Entry {
    file_name: String,
    syms: Vec<String>,
    boxes: Vec<[f64; 4]>,
}

struct Read {
    files: LabelFiles,
    paths: Vec<String>,
    prompts: Vec<String>,
    entries: Vec<Vec<(usize, Corners)>>,
}

/// Reads ChestX-Det10 for classification: label files below `root`, image paths relative to `images`.
///
/// # Errors
/// [`Error::Missing`], [`Error::Format`].
pub fn classification(root: &Path, images: &Path) -> Result<Dataset<Labels>> {
    let Read { files, paths, prompts, entries } = read(root)?;
    let labels = entries
        .iter()
        .map(|entry| (0..CLASSES.len()).map(|class| entry.iter().any(|(shown, _)| *shown == class)).collect());
    let (labels, classes) = (labels.collect(), CLASSES.map(str::to_owned).to_vec());
    dataset(
        PublishedParts {
            name: "ChestXDet10",
            owner: OWNER,
            sentences: SENTENCES,
            classes,
            prompts,
            paths,
            labels,
            images,
        },
        files,
    )
}

/// Reads ChestX-Det10 for grounding: one target, with all its boxes, for each class that an image shows.
///
/// # Errors
/// [`Error::Missing`], [`Error::Format`].
pub fn grounding(root: &Path, images: &Path) -> Result<Dataset<Targets>> {
    let labelled = classification(root, images)?;
    let Read { entries, .. } = read(root)?;
    let samples = labelled.samples.into_iter().zip(entries).map(|(sample, entry)| {
        let target = |class: usize| {
            let boxes: Vec<Corners> =
                entry.iter().filter(|(shown, _)| *shown == class).map(|(_, corners)| *corners).collect();
            (!boxes.is_empty()).then_some(Target { class, prompt: class, boxes })
        };
        Sample { id: sample.id, path: sample.path, truth: (0..CLASSES.len()).filter_map(target).collect() }
    });
    Ok(Dataset {
        name: labelled.name,
        classes: labelled.classes,
        prompts: labelled.prompts,
        samples: samples.collect(),
        groups: Vec::new(),
        policy: labelled.policy,
        files: labelled.files,
        owner: labelled.owner,
    })
}

fn read(root: &Path) -> Result<Read> {
    let mut files = LabelFiles::new(root, OWNER);
    let paths = files.image_paths("ChestXDet10/chestXDet10_test_image.csv")?;
    let prompts = files.prompts(SENTENCES)?;
    let raw: Vec<Entry> = files.json(LABELS)?;
    let file = files.path(LABELS);
    same_length(&file, paths.len(), raw.len())?;
    let mut entries = Vec::with_capacity(raw.len());
    for (path, entry) in paths.iter().zip(raw) {
        let bad = |message: String| Error::format(&file, None, message);
        if !same_image(path, &entry.file_name) {
            return Err(other_image(&file, None, path, &entry.file_name));
        }
        if entry.syms.len() != entry.boxes.len() {
            let (syms, boxes) = (entry.syms.len(), entry.boxes.len());
            return Err(bad(format!("{}: a box for each of {syms} \"syms\" expected, {boxes} found", entry.file_name)));
        }
        let found = entry.syms.iter().zip(&entry.boxes).map(|(name, &[left, top, right, bottom])| {
            let class = CLASSES.iter().position(|class| class == name).ok_or_else(|| {
                bad(format!("{}: one of {} expected, {name:?} found", entry.file_name, CLASSES.join(", ")))
            })?;
            Ok((class, Corners { left, top, right, bottom }))
        });
        entries.push(found.collect::<Result<_>>()?);
    }
    Ok(Read { files, paths, prompts, entries })
}
