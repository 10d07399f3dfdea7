//! Errors: which file or value, what was expected and what was found.

use std::io;
use std::path::{Path, PathBuf};

use crate::metrics::Undefined;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this crate. Messages name files, lines and values of label files, never image content.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file of a data set does not exist.
    #[error("{} is missing. {owner}", path.display())]
    Missing {
        /// The expected path.
        path: PathBuf,
        /// Who distributes it, and how.
        owner: String,
    },
    /// A file could not be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// The operation that failed: "read", "write".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file does not have the documented format.
    #[error("{}{}: {message}", path.display(), .line.map_or(String::new(), |line| format!(", line {line}")))]
    Format {
        /// The file.
        path: PathBuf,
        /// The line, from 1, if known.
        line: Option<u64>,
        /// What was expected and what was found.
        message: String,
    },
    /// The ground truth does not fit its image.
    #[error("the ground truth does not fit the image: {0}")]
    Truth(String),
    /// The journal in the output directory belongs to another run.
    #[error("{} is of another run ({difference}): choose another directory, or remove the file to start anew", path.display())]
    OtherRun {
        /// The journal.
        path: PathBuf,
        /// The first setting that differs, with both values.
        difference: String,
    },
    /// Another process is writing the journal.
    #[error("{} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// Two results cannot be compared.
    #[error("the results cannot be compared: {0}")]
    Incomparable(String),
    /// The model returned a logit or map value outside its range.
    #[error("the model gave a value that is not allowed: {0}")]
    ModelValue(Undefined),
    /// An error of the model or the image decoder.
    #[error(transparent)]
    Library(#[from] radzero_core::Error),
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    pub(crate) fn format(path: &Path, line: impl Into<Option<u64>>, message: impl Into<String>) -> Self {
        Self::Format { path: path.to_owned(), line: line.into(), message: message.into() }
    }
}
