//! CheXpert, the test set labelled by radiologists, with the five competition classes.
//!
//! Files: `Chexpert/chexpert5_test_image.csv` (column `Path`), `Chexpert/chexpert5_test_text.json` (sentences),
//! `Chexpert/test_labels.csv` (`Path` and a column of 0 or 1 per class, in the order of the image list). Uncertain (-1) and
//! missing labels, which occur in the training set, are refused.

use std::path::Path;

use super::classification::{PublishedParts, dataset};
use super::files::{LabelFiles, other_image, same_length, same_path};
use super::{Dataset, Labels};
use crate::error::Result;

const SENTENCES: &str = "Chexpert/chexpert5_test_text.json";
const OWNER: &str = "CheXpert's images are distributed by Stanford AIMI (aimi.stanford.edu) after registration.";

const CLASSES: [&str; 5] = ["Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion"];

/// Reads CheXpert: label files below `root`, image paths relative to `images`.
///
/// # Errors
/// [`Error::Missing`](crate::Error::Missing), [`Error::Format`](crate::Error::Format).
pub fn classification(root: &Path, images: &Path) -> Result<Dataset<Labels>> {
    let mut files = LabelFiles::new(root, OWNER);
    let paths = files.image_paths("Chexpert/chexpert5_test_image.csv")?;
    let prompts = files.prompts(SENTENCES)?;
    let table = files.csv("Chexpert/test_labels.csv")?;
    same_length(&table.path, paths.len(), table.len())?;
    // File names only say the view; patient and study folders distinguish the images.
    let labels = table.rows().zip(&paths).map(|(row, path)| match row.optional("Path") {
        other if !other.is_empty() && !same_path(path, other, 3) => {
            Err(other_image(&table.path, row.line, path, other))
        }
        _ => CLASSES.iter().map(|class| row.label(class)).collect(),
    });
    let labels = labels.collect::<Result<Vec<Labels>>>()?;
    let classes = CLASSES.map(str::to_owned).to_vec();
    dataset(
        PublishedParts {
            name: "CheXpert",
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
