//! The error of an export, with paths and with expected and found values.

use std::fmt;
use std::path::{Path, PathBuf};

use safetensors::SafeTensorError;
use thiserror::Error;

use crate::checkpoint::TensorProblem;

/// Why a checkpoint could not be exported.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExportError {
    /// A file could not be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// The action, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// Options that contradict each other.
    #[error("{problem}")]
    Options {
        /// Which options, and what to do.
        problem: String,
    },
    /// A calibration image is unreadable, or there is none.
    #[error("cannot calibrate with {}: {problem}", path.display())]
    Calibration {
        /// The image or the folder.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// A JSON file is malformed.
    #[error("{} is not valid JSON", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Line, column and cause.
        source: serde_json::Error,
    },
    /// Settings that are malformed, contradict each other or are not supported.
    #[error("{} asks for what cannot be exported:{}", path.display(), Lines(problems))]
    Settings {
        /// The checkpoint.
        path: PathBuf,
        /// All of them.
        problems: Vec<SettingProblem>,
    },
    /// The checkpoint has no weight files of a known name, or two sets of them.
    #[error("{} holds {found}: either model.safetensors or model.safetensors.index.json is needed", path.display())]
    WeightFiles {
        /// The checkpoint.
        path: PathBuf,
        /// What was found.
        found: &'static str,
    },
    /// A weight file is truncated, damaged or not in the safetensors format.
    #[error("{} ({bytes} bytes) is not a whole safetensors file{hint}", path.display())]
    Safetensors {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        bytes: u64,
        /// What it appears to be instead; may be empty.
        hint: &'static str,
        /// Why it is refused.
        source: SafeTensorError,
    },
    /// The shard index does not fit the shards.
    #[error("{} does not fit the weight files:{}", path.display(), Lines(problems))]
    ShardIndex {
        /// The index.
        path: PathBuf,
        /// All differences.
        problems: Vec<String>,
    },
    /// A rename rule that matches nothing, or gives two tensors the same name.
    #[error("rename {from}={to}: {problem}")]
    Rename {
        /// The prefix to replace.
        from: String,
        /// Its replacement.
        to: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A row index beyond the end of a tensor.
    #[error("{name}: a row below {rows} expected, {found} found")]
    Row {
        /// The tensor.
        name: String,
        /// Its number of rows.
        rows: usize,
        /// The index.
        found: usize,
    },
    /// Tensors that are missing or surplus, or have another shape or an unsupported type.
    #[error("the tensors of {} are not those that its config.json describes:{}", path.display(), Lines(problems))]
    Tensors {
        /// The checkpoint.
        path: PathBuf,
        /// All of them.
        problems: Vec<TensorProblem>,
    },
    /// The tokenizer is unreadable, or does not fit the text encoder.
    #[error("{}: {problem}", path.display())]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
        /// The cause, if any.
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The checkpoint computes infinities or NaN.
    #[error("the checkpoint computes {found} of {total} values of {what} that are not finite")]
    NotFinite {
        /// Which output.
        what: &'static str,
        /// How many values are not finite.
        found: usize,
        /// How many values there are.
        total: usize,
    },
    /// The model directory cannot be written to the destination.
    #[error("cannot write a model directory at {}: {problem}", path.display())]
    Destination {
        /// The destination.
        path: PathBuf,
        /// What is in the way.
        problem: String,
    },
    /// The manifest is inconsistent, or a file could not be hashed.
    #[error(transparent)]
    Manifest(#[from] radzero_format::Error),
}

impl ExportError {
    /// Wraps the error of a file operation; for `map_err`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

/// A setting that is malformed, contradictory or not supported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingProblem {
    /// Its place, as `file: field`.
    pub field: String,
    /// Its value, as JSON.
    pub found: String,
    /// What would be accepted.
    pub expected: String,
}

impl fmt::Display for SettingProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}; expected: {}", self.field, self.found, self.expected)
    }
}

/// Displays a list as indented lines.
struct Lines<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for Lines<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}
