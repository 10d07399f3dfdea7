//! The error of a task.

use std::io;
use std::path::{Path, PathBuf};

pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, and what to do about it if that is known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{tool} was not found: {help}")]
    MissingTool { tool: String, help: &'static str },

    #[error("cannot start `{command}`")]
    Start { command: String, source: io::Error },

    #[error("`{command}` failed ({status}){}", indented(.output))]
    Failed { command: String, status: String, output: String },

    #[error("cannot {action} {}", .path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },

    #[error("{}: SHA-256 {} expected, {found} found: nothing was kept", .path.display(), .expected.join(" or "))]
    Digest { path: PathBuf, expected: Vec<String>, found: String },

    #[error("cannot unpack {entry} from {}", .archive.display())]
    Archive { archive: PathBuf, entry: String, source: io::Error },

    #[error("one .{extension} file expected in {}, {found} found", .directory.display())]
    Download { directory: PathBuf, extension: &'static str, found: usize },

    #[error("no ONNX Runtime library is pinned for {platform}: set ORT_DYLIB_PATH to one of version 1.24 or newer")]
    Platform { platform: String },

    #[error("ORT_DYLIB_PATH names {}, which does not exist: correct it, or unset it to have the pinned library fetched", .path.display())]
    GivenLibrary { path: PathBuf },

    #[error(
        "the ONNX Runtime library could not be fetched\n  pip: {pip}\n  npm: {npm}\n\
         install one of the two, or set ORT_DYLIB_PATH to a library of version 1.24 or newer"
    )]
    NoLibrary { pip: String, npm: String },

    #[error("{}: {message}", .path.display())]
    Malformed { path: PathBuf, message: String },

    #[error("the packages are not as they should be{}", indented(&.0.join("\n")))]
    Packages(Vec<String>),

    #[error("{0} cases of the corpus failed")]
    Corpus(usize),

    #[cfg(feature = "parity")]
    #[error("{0} of the compared stages differ by more than their bound: no report was written")]
    Parity(usize),

    #[cfg(feature = "parity")]
    #[error(transparent)]
    RadZero(#[from] radzero_core::Error),
}

impl Error {
    /// For `map_err`: says which operation failed on `path`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }

    /// The message, followed by those of its causes, one per line.
    pub(crate) fn chain(&self) -> String {
        let mut messages = vec![self.to_string()];
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            messages.push(error.to_string());
            cause = error.source();
        }
        messages.join("\n  ")
    }
}

fn indented(output: &str) -> String {
    output.lines().map(|line| format!("\n  {line}")).collect()
}
