//! RSNA Pneumonia Detection Challenge: boxes, taken as masks.
//!
//! File: `RSNA/test.csv`, columns `img_path` and `boxes` (`nan` or nothing, or `left;top;width;height`, several separated by
//! `|`). The file of the competition's owner (columns `patientId`, `x`, `y`, `width`, `height`, a line a box) is read as well; its
//! images are found below the image folder by their name. Numbers are cut to whole pixels.

use std::collections::HashMap;
use std::path::Path;

use super::files::{LabelFiles, Row, Table, images_by_stem, not_empty, number};
use super::region::{PixelBox, Region};
use super::{Dataset, Regions, Sample};
use crate::error::Result;
use radzero_core::radiograph::IntensityPolicy;

const OWNER: &str = "The RSNA Pneumonia Detection Challenge is distributed by Kaggle (competition rsna-pneumonia-detection-challenge) and \
    by the RSNA.";

/// Reads RSNA below `root`, images relative to `images`.
///
/// # Errors
/// [`Error::Missing`](crate::Error::Missing), [`Error::Format`](crate::Error::Format).
pub fn segmentation(root: &Path, images: &Path) -> Result<Dataset<Regions>> {
    read(root, "RSNA/test.csv", images)
}

/// Reads the file `name` below `root`.
///
/// # Errors
/// As [`segmentation`].
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
    let sample = |row: Row<'_>| {
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
            // A name that is not there is reported when its turn comes.
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

/// Cut, not rounded, as in the published code.
fn whole(text: &str) -> Option<u32> {
    number(text).filter(|value| (0.0..f64::from(u32::MAX)).contains(value)).map(|value| value as u32)
}
