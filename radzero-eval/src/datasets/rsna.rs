//! RSNA Pneumonia Detection Challenge: bounding boxes, used as masks.
//!
//! File: `RSNA/test.csv`, columns `img_path` and `boxes` (`nan` or nothing, or `left;top;width;height`, several separated by
//! `|`). The original file of the competition (columns `patientId`, `x`, `y`, `width`, `height`, one box per line) works too;
//! its images are then found by name below the image folder. Numbers are truncated to whole pixels.

use std::collections::HashMap;
use std::path::Path;

use radzero_core::radiograph::IntensityPolicy;

use super::files::{CsvRow, LabelFiles, Table, images_by_stem, not_empty, number};
use super::region::{PixelBox, Region};
use super::{Dataset, Regions, Sample};
use crate::error::Result;

const OWNER: &str = "The RSNA Pneumonia Detection Challenge is distributed by Kaggle (competition rsna-pneumonia-detection-challenge) and \
    by the RSNA.";

/// Reads RSNA: label file below `root`, image paths relative to `images`.
///
/// # Errors
/// [`Error::Missing`](crate::Error::Missing), [`Error::Format`](crate::Error::Format).
pub fn segmentation(root: &Path, images: &Path) -> Result<Dataset<Regions>> {
    read(root, "RSNA/test.csv", images)
}

/// Reads the file `name` below `root`.
///
/// # Errors
/// The errors of [`segmentation`].
pub fn read(root: &Path, name: &str, images: &Path) -> Result<Dataset<Regions>> {
    let mut files = LabelFiles::new(root, OWNER);
    let table = files.csv(name)?;
    let samples = if table.has("patientId") { box_a_line(&table, images)? } else { image_a_line(&table, images)? };
    not_empty(&table.path, &samples)?;
    Ok(Dataset {
        name: "RSNA".to_owned(),
        classes: vec!["Pneumonia".to_owned()],
        prompts: vec!["There is Pneumonia".to_owned()],
        samples,
        groups: Vec::new(),
        policy: IntensityPolicy::Reference,
        files: files.finish(),
        owner: OWNER.to_owned(),
    })
}

fn image_a_line(table: &Table, images: &Path) -> Result<Vec<Sample<Regions>>> {
    let sample = |row: CsvRow<'_>| {
        let id = row.get("img_path")?;
        let text = row.get("boxes")?.trim();
        let bad = || row.bad("boxes", "nan or left;top;width;height, several separated by |,");
        let parse = |corners: &str| {
            let numbers: Option<Vec<u32>> = corners.split(';').map(whole).collect();
            match numbers.as_deref() {
                Some(&[left, top, width, height]) => Ok(PixelBox { left, top, width, height }),
                _ => Err(bad()),
            }
        };
        let boxes = match text {
            "" | "nan" => Vec::new(),
            boxes => boxes.split('|').map(parse).collect::<Result<_>>()?,
        };
        Ok(Sample { id: id.to_owned(), path: images.join(id), truth: Region::Boxes(boxes) })
    };
    table.rows().map(sample).collect()
}

fn box_a_line(table: &Table, images: &Path) -> Result<Vec<Sample<Regions>>> {
    let found = images_by_stem(images, OWNER)?;
    let mut samples: Vec<Sample<Regions>> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for row in table.rows() {
        let id = row.get("patientId")?;
        let place = *places.entry(id).or_insert_with(|| {
            // An image that is not found is reported when the run reaches it.
            let path = found.get(id).cloned().unwrap_or_else(|| images.join(format!("{id}.dcm")));
            samples.push(Sample { id: id.to_owned(), path, truth: Region::Boxes(Vec::new()) });
            samples.len() - 1
        });
        if row.get("x")?.trim().is_empty() {
            continue;
        }
        let at = |column: &str| whole(row.get(column)?).ok_or_else(|| row.bad(column, "a number from 0 on"));
        let corners = PixelBox { left: at("x")?, top: at("y")?, width: at("width")?, height: at("height")? };
        if let Region::Boxes(boxes) = &mut samples[place].truth {
            boxes.push(corners);
        }
    }
    Ok(samples)
}

/// Truncates, as the published code does.
fn whole(text: &str) -> Option<u32> {
    number(text).filter(|value| (0.0..f64::from(u32::MAX)).contains(value)).map(|value| value as u32)
}
