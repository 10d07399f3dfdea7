//! SIIM-ACR Pneumothorax Segmentation: masks as run-lengths.
//!
//! File: `SIIM/test.csv`, columns `ImageId`, `EncodedPixels` (-1, or pairs of start and length, column by column, each start
//! relative to the end of the previous run), `dicom_path`. An image has one line per region. The original file of the
//! competition has no `dicom_path`: its images are found by name below the image folder.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use radzero_core::radiograph::IntensityPolicy;

use super::files::{CsvRow, LabelFiles, images_by_stem, not_empty};
use super::region::Region;
use super::{Dataset, Regions, Sample};
use crate::error::Result;

const OWNER: &str =
    "SIIM-ACR Pneumothorax Segmentation is distributed by Kaggle (competition siim-acr-pneumothorax-segmentation).";

/// Reads SIIM: label file below `root`, image paths relative to `images`.
///
/// # Errors
/// [`Error::Missing`](crate::Error::Missing), [`Error::Format`](crate::Error::Format).
pub fn segmentation(root: &Path, images: &Path) -> Result<Dataset<Regions>> {
    read(root, "SIIM/test.csv", images)
}

/// Reads the file `name` below `root`.
///
/// # Errors
/// The errors of [`segmentation`].
pub fn read(root: &Path, name: &str, images: &Path) -> Result<Dataset<Regions>> {
    let mut files = LabelFiles::new(root, OWNER);
    let table = files.csv(name)?;
    let found = if table.has("dicom_path") { None } else { Some(images_by_stem(images, OWNER)?) };
    let mut samples: Vec<Sample<Regions>> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for row in table.rows() {
        let id = row.get("ImageId")?;
        let runs = runs(&row)?;
        let place = *places.entry(id).or_insert_with(|| {
            let path = match &found {
                None => images.join(row.optional("dicom_path")),
                // An image that is not found is reported when the run reaches it.
                Some(found) => {
                    found.get(id).cloned().unwrap_or_else(|| images.join(PathBuf::from(format!("{id}.dcm"))))
                }
            };
            samples.push(Sample { id: id.to_owned(), path, truth: Region::nowhere() });
            samples.len() - 1
        });
        if let (Some(runs), Region::All(regions)) = (runs, &mut samples[place].truth) {
            regions.push(Region::Runs(runs));
        }
    }
    not_empty(&table.path, &samples)?;
    Ok(Dataset {
        name: "SIIM".to_owned(),
        classes: vec!["Pneumothorax".to_owned()],
        prompts: vec!["There is Pneumothorax".to_owned()],
        samples,
        groups: Vec::new(),
        policy: IntensityPolicy::Reference,
        files: files.finish(),
        owner: OWNER.to_owned(),
    })
}

/// The runs of a line; `None` for -1.
fn runs(row: &CsvRow<'_>) -> Result<Option<Vec<(u32, u32)>>> {
    const COLUMN: &str = "EncodedPixels";
    let text = row.get(COLUMN)?.trim();
    if text == "-1" {
        return Ok(None);
    }
    let bad = || row.bad(COLUMN, "-1, or pairs of a start and a length,");
    let numbers: Vec<u32> =
        text.split_whitespace().map(|word| word.parse().map_err(|_| bad())).collect::<Result<_>>()?;
    if numbers.is_empty() || numbers.len() % 2 == 1 {
        return Err(bad());
    }
    Ok(Some(numbers.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()))
}
