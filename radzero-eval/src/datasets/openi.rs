//! OpenI (Indiana University), 18 classes from the automatic labels.
//!
//! Files: `OpenI/openi_multi_label_image.csv` (column `Path`), `OpenI/openi_multi_label_text.json` (sentences),
//! `OpenI/custom.csv` (columns `imageid` and `labels_automatic`, in the order of the image list). As in the published
//! evaluation, an image is positive for a class if the text under `labels_automatic` contains the name of the class.

use std::path::Path;

use super::classification::{PublishedParts, dataset};
use super::files::{LabelFiles, ends_with_name, other_image, same_length};
use super::{Dataset, Labels, long_tail_groups};
use crate::error::Result;

const SENTENCES: &str = "OpenI/openi_multi_label_text.json";
const OWNER: &str = "OpenI's images are distributed by the U.S. National Library of Medicine (openi.nlm.nih.gov, Indiana University collection).";

/// Name, and the terms that the text is searched for.
const CLASSES: [(&str, &[&str]); 18] = [
    ("Atelectasis", &["atelectasis", "atelectases"]),
    ("Cardiomegaly", &["cardiomegaly"]),
    ("Effusion", &["effusion"]),
    ("Infiltration", &["infiltration", "infiltrate"]),
    ("Mass", &["mass"]),
    ("Nodule", &["nodule"]),
    ("Pneumonia", &["pneumonia"]),
    ("Pneumothorax", &["pneumothorax"]),
    ("Edema", &["edema"]),
    ("Emphysema", &["emphysema"]),
    ("Fibrosis", &["fibrosis"]),
    ("Pleural Thickening", &["pleural_thickening", "pleural thickening"]),
    ("Hernia", &["hernia"]),
    ("Fracture", &["fracture"]),
    ("Lung Opacity", &["opacity"]),
    ("Lung Lesion", &["lesion"]),
    ("Calcified Granuloma", &["calcified granuloma"]),
    ("Granuloma", &["granuloma"]),
];

/// Reads OpenI: label files below `root`, image paths relative to `images`.
///
/// # Errors
/// [`Error::Missing`](crate::Error::Missing), [`Error::Format`](crate::Error::Format).
pub fn classification(root: &Path, images: &Path) -> Result<Dataset<Labels>> {
    let mut files = LabelFiles::new(root, OWNER);
    let paths = files.image_paths("OpenI/openi_multi_label_image.csv")?;
    let prompts = files.prompts(SENTENCES)?;
    let table = files.csv("OpenI/custom.csv")?;
    same_length(&table.path, paths.len(), table.len())?;
    let labels = table.rows().zip(&paths).map(|(row, path)| {
        let name = row.optional("imageid");
        if !name.is_empty() && !ends_with_name(path, name) {
            return Err(other_image(&table.path, row.line, path, name));
        }
        let text = row.get("labels_automatic")?;
        Ok(CLASSES.iter().map(|(_, words)| words.iter().any(|word| text.contains(word))).collect())
    });
    let labels = labels.collect::<Result<Vec<Labels>>>()?;
    let classes = CLASSES.map(|(name, _)| name.to_owned()).to_vec();
    let mut dataset = dataset(
        PublishedParts { name: "OpenI", owner: OWNER, sentences: SENTENCES, classes, prompts, paths, labels, images },
        files,
    )?;
    dataset.groups = long_tail_groups(&dataset.samples, dataset.classes.len());
    Ok(dataset)
}
