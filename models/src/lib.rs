//! The checkpoint that comes with the repository, and its export for tests and benches.
//!
//! [`measure`] asks it about phantoms that it has not seen, with the scores in [`scores`]; [`report`] holds the result
//! against the [`targets`].
//!
//! `phantom/` is a small model trained on drawn radiographs. It is for demonstration and tests, and useless for patients:
//! its README is its model card.

pub mod measure;
pub mod report;
pub mod scores;
pub mod targets;

use std::path::{Path, PathBuf};

use radzero_export::{ExportError, ExportOptions, export};
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
