//! Errors.

use std::io;
use std::path::{Path, PathBuf};

use radzero_eval::tasks::TaskKind;

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
        /// The cause.
        source: io::Error,
    },
    /// A drawing does not have one level per pixel.
    #[error("{name}: {expected} levels expected, {found} found")]
    Levels {
        /// The drawing.
        name: String,
        /// Number of pixels.
        expected: usize,
        /// Number of levels.
        found: usize,
    },
    /// A registered data set has no direct computation here.
    #[error("{task} on {dataset}: a direct computation expected in direct/registered.rs, none found")]
    NoDirectComputation {
        /// The task.
        task: TaskKind,
        /// The name of the data set.
        dataset: String,
    },
    /// An error of the evaluation.
    #[error(transparent)]
    Evaluation(#[from] radzero_eval::Error),
    /// An error of the model or an image.
    #[error(transparent)]
    Library(#[from] radzero_core::Error),
}

impl Error {
    pub(crate) fn write<E: Into<Box<dyn std::error::Error + Send + Sync>>>(path: &Path) -> impl FnOnce(E) -> Self {
        let path = path.to_owned();
        move |source| Self::Write { path, source: io::Error::other(source) }
    }
}
