//! The checkpoint that comes with the repository, and its export for tests and benches.
//!
//! [`measure`] runs it on phantoms that it has not seen, with the metrics in [`metrics`]; [`report`] compares the figures with
//! the [`targets`], and [`compare`] with those of another precision.
//!
//! `phantom/` is a small model trained on drawn radiographs, for demonstration and tests. It is useless for patients; its
//! README is the model card.

#![forbid(unsafe_code)]

pub mod compare;
pub mod measure;
pub mod metrics;
pub mod report;
pub mod targets;

use std::ops::Range;
use std::path::{Path, PathBuf};

use radzero_export::{ExportError, ExportOptions, export};
use radzero_phantom::{Depth, Plan, Size};
use tempfile::TempDir;

/// The phantom checkpoint's folder.
#[must_use]
pub fn phantom_checkpoint() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("phantom")
}

/// A model directory that is deleted with the value.
#[derive(Debug)]
pub struct Exported(TempDir);

impl Exported {
    /// The model directory.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.0.path().join("model")
    }
}

/// Why [`phantom`] failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A temporary folder cannot be created.
    #[error("cannot create a temporary folder")]
    Folder(#[from] std::io::Error),
    /// The export failed.
    #[error(transparent)]
    Export(#[from] ExportError),
}

/// Exports the phantom checkpoint to a temporary folder.
///
/// # Errors
/// [`Error`].
pub fn phantom() -> Result<Exported, Error> {
    let folder = TempDir::new()?;
    export(&ExportOptions::new(phantom_checkpoint(), folder.path().join("model")), |_| {})?;
    Ok(Exported(folder))
}

/// Seeds of the phantoms for int8 calibration: as many as the exporter uses, apart from those that are measured.
const CALIBRATION: Range<u64> = 0..16;

/// Draws the phantoms for int8 calibration as PNG files in `folder`.
///
/// # Errors
/// If a phantom cannot be drawn or written.
pub fn draw_calibration(folder: &Path) -> Result<(), radzero_phantom::Error> {
    CALIBRATION.into_iter().try_for_each(|seed| {
        let phantom = Plan::new(seed).draw(Size::square(measure::SIDE))?;
        phantom.write_png(&folder.join(format!("{seed:02}.png")), Depth::Eight)
    })
}
