//! Calibration images, as the model sees them.

use std::fs;
use std::path::{Path, PathBuf};

use ndarray::Array3;
use radzero_core::Radiograph;
use radzero_core::manifest::{Dimensions, Preprocessing};
use radzero_core::pixels::to_model;

use crate::error::ExportError;

/// Images that are looked at, at most: ranges settle after a few, and each costs two runs of the reference.
const MOST: usize = 16;

/// Reads the radiographs in `folder`: all, or [`MOST`] evenly spread over the order of their names.
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
        |error: radzero_core::Error| ExportError::Calibration { path: path.clone(), problem: format!("{error:#}") };
    let radiograph = Radiograph::open(path).map_err(unusable)?;
    to_model(&radiograph, preprocessing.geometry, dimensions.image_size, preprocessing.resample).map_err(unusable)
}
