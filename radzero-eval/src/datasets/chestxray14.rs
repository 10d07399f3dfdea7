//! ChestX-ray14 (NIH), the official test list, 14 classes.
//!
//! Files: `ChestXray14/chestxray14_test_image.csv` (column `Path`), `ChestXray14/chestxray14_test_text.json` (sentences),
//! `ChestXray14/test_list.txt` (no header; each line an image and 14 labels of 0 or 1, separated by spaces, in the order of
//! the image list).

use std::path::Path;

use super::classification::{PublishedParts, dataset};
use super::files::{LabelFiles, other_image, same_image, same_length};
use super::{Dataset, Labels};
use crate::error::{Error, Result};

const SENTENCES: &str = "ChestXray14/chestxray14_test_text.json";
const OWNER: &str =
    "ChestX-ray14's images are distributed by the NIH Clinical Center (nihcc.app.box.com/v/ChestXray-NIHCC).";
const LABELS: &str = "ChestXray14/test_list.txt";

/// In the order of the columns of the test list.
const CLASSES: [&str; 14] = [
    "Atelectasis",
    "Cardiomegaly",
    "Effusion",
    "Infiltration",
    "Lung Mass",
    "Lung Nodule",
    "Pneumonia",
    "Pneumothorax",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Pleural Thickening",
    "Hernia",
];

/// Reads ChestX-ray14: label files below `root`, image paths relative to `images`.
///
/// # Errors
/// [`Error::Missing`], [`Error::Format`].
pub fn classification(root: &Path, images: &Path) -> Result<Dataset<Labels>> {
    let mut files = LabelFiles::new(root, OWNER);
    let paths = files.image_paths("ChestXray14/chestxray14_test_image.csv")?;
    let prompts = files.prompts(SENTENCES)?;
    let text = files.text(LABELS)?;
    let file = files.path(LABELS);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    same_length(&file, paths.len(), lines.len())?;
    let mut labels = Vec::with_capacity(lines.len());
    for (number, (line, path)) in (1..).zip(lines.into_iter().zip(&paths)) {
        let mut words = line.split_whitespace();
        let name = words.next().unwrap_or_default();
        if !same_image(path, name) {
            return Err(other_image(&file, number, path, name));
        }
        let row: Option<Labels> = words.map(label).collect();
        let row = row.filter(|row| row.len() == CLASSES.len()).ok_or_else(|| {
            Error::format(
                &file,
                number,
                format!("an image and {} labels of 0 or 1 expected, {line:?} found", CLASSES.len()),
            )
        })?;
        labels.push(row);
    }
    let classes = CLASSES.map(str::to_owned).to_vec();
    dataset(
        PublishedParts {
            name: "ChestXray14",
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

fn label(word: &str) -> Option<bool> {
    match word {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}
