//! One error for everything that can go wrong, with paths and expected and found values.

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
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// Options that do not go together.
    #[error("{problem}")]
    Options {
        /// Which, and what to do.
        problem: String,
    },
    /// A calibration image cannot be read, or there is none.
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
    /// Settings that are malformed, contradict each other, or ask for a computation that the graphs do not have.
    #[error("{} asks for what cannot be exported:{}", path.display(), Lines(problems))]
    Settings {
        /// The checkpoint.
        path: PathBuf,
        /// Every one of them.
        problems: Vec<SettingProblem>,
    },
    /// The checkpoint holds no weights in a known place, or two sets of them.
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
        /// Its size.
        bytes: u64,
        /// What it seems to be instead, or nothing.
        hint: &'static str,
        /// The rule that it breaks.
        source: SafeTensorError,
    },
    /// The shard index does not fit the shards.
    #[error("{} does not fit the weight files:{}", path.display(), Lines(problems))]
    ShardIndex {
        /// The index.
        path: PathBuf,
        /// Every difference.
        problems: Vec<String>,
    },
    /// A rename rule that does nothing, or gives two tensors the same name.
    #[error("rename {from}={to}: {problem}")]
    Rename {
        /// The prefix to replace.
        from: String,
        /// Its replacement.
        to: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A row that a tensor does not have.
    #[error("{name}: a row below {rows} expected, {found} found")]
    Row {
        /// The tensor.
        name: String,
        /// Rows that it has.
        rows: usize,
        /// The row that was asked for.
        found: usize,
    },
    /// Tensors that are missing, surplus, of another shape or of an unusable type.
    #[error("the tensors of {} are not those that its config.json describes:{}", path.display(), Lines(problems))]
    Tensors {
        /// The checkpoint.
        path: PathBuf,
        /// Every one of them.
        problems: Vec<TensorProblem>,
    },
    /// The tokenizer cannot be read or used.
    #[error("{}: {problem}", path.display())]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
        /// The cause, where there is one.
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The checkpoint's own computation gives infinities or NaN.
    #[error("the checkpoint computes {found} of {total} values of {what} that are not finite")]
    NotFinite {
        /// Which output.
        what: &'static str,
        /// How many are not finite.
        found: usize,
        /// How many there are.
        total: usize,
    },
    /// The model directory cannot be written where it was asked for.
    #[error("cannot write a model directory at {}: {problem}", path.display())]
    Destination {
        /// The place asked for.
        path: PathBuf,
        /// What is in the way.
        problem: String,
    },
    /// The manifest could not be written.
    #[error(transparent)]
    Manifest(#[from] radzero_core::Error),
}

impl ExportError {
    /// For `map_err`: a failed file operation.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

/// A setting that is malformed, contradictory or not supported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingProblem {
    /// Where it stands, as `file: field`.
    pub field: String,
    /// The value found, as JSON.
    pub found: String,
    /// What would be accepted.
    pub expected: String,
}

impl fmt::Display for SettingProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}; expected: {}", self.field, self.found, self.expected)
    }
}

/// A list, one indented line each.
struct Lines<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for Lines<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}
