//! Calibration images, read and resized for the model.

use std::fs;
use std::path::{Path, PathBuf};

use ndarray::Array3;
use radzero_format::manifest::{Dimensions, Preprocessing};
use radzero_image::Radiograph;
use radzero_image::pixels::to_model;

use crate::error::ExportError;

/// Largest number of images: ranges settle after a few, and each image costs two runs of the reference.
const MOST: usize = 16;

/// Reads the radiographs in `folder`. Of more than [`MOST`], takes that many, evenly spread over the names in order.
pub(crate) fn read(
    folder: &Path,
    preprocessing: &Preprocessing,
    dimensions: &Dimensions,
) -> Result<Vec<Array3<u8>>, ExportError> {
    let listed = |source| ExportError::Io { action: "list", path: folder.to_owned(), source };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(listed)? {
        let path = entry.map_err(listed)?.path();
        if path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    if paths.is_empty() {
        return Err(ExportError::Calibration { path: folder.to_owned(), problem: "it holds no files".into() });
    }
    let count = paths.len().min(MOST);
    (0..count).map(|index| image(&paths[index * paths.len() / count], preprocessing, dimensions)).collect()
}

fn image(path: &PathBuf, preprocessing: &Preprocessing, dimensions: &Dimensions) -> Result<Array3<u8>, ExportError> {
    let unusable =
        |error: radzero_format::Error| ExportError::Calibration { path: path.clone(), problem: format!("{error:#}") };
    let radiograph = Radiograph::open(path).map_err(unusable)?;
    to_model(&radiograph, preprocessing.geometry, dimensions.image_size, preprocessing.resample).map_err(unusable)
}
