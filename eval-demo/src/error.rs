//! What can go wrong.

use std::io;
use std::path::{Path, PathBuf};

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A drawing has not as many levels as pixels.
    #[error("{name}: {expected} levels expected, {found} found")]
    Levels {
        /// The drawing.
        name: String,
        /// Its pixels.
        expected: usize,
        /// Its levels.
        found: usize,
    },
    /// From the evaluation.
    #[error(transparent)]
    Evaluation(#[from] radzero_eval::Error),
    /// From the model or an image.
    #[error(transparent)]
    Library(#[from] radzero_core::Error),
}

impl Error {
    pub(crate) fn write<E: Into<Box<dyn std::error::Error + Send + Sync>>>(path: &Path) -> impl FnOnce(E) -> Self {
        let path = path.to_owned();
        move |source| Self::Write { path, source: io::Error::other(source) }
    }
}
