//! The checkpoint that comes with the repository, and its export for tests and benches.
//!
//! [`measure`] asks it about phantoms that it has not seen, with the scores in [`scores`]; [`report`] holds the result
//! against the [`targets`], [`compare`] against that of another precision.
//!
//! `phantom/` is a small model trained on drawn radiographs. It is for demonstration and tests, and useless for patients:
//! its README is its model card.

pub mod compare;
pub mod measure;
pub mod report;
pub mod scores;
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

/// What can go wrong with [`phantom`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no room for a temporary folder.
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

/// Seeds of the phantoms that 8 bits are calibrated on: as many as the exporter looks at, of those that training saw.
const CALIBRATION: Range<u64> = 0..16;

/// Draws phantoms to calibrate on as PNG files in `folder`.
///
/// # Errors
/// If one cannot be drawn or written.
pub fn draw_calibration(folder: &Path) -> Result<(), radzero_phantom::Error> {
    CALIBRATION.into_iter().try_for_each(|seed| {
        let phantom = Plan::new(seed).draw(Size::square(measure::SIDE))?;
        phantom.write_png(&folder.join(format!("{seed:02}.png")), Depth::Eight)
    })
}
