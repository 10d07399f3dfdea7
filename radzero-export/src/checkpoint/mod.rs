//! Reads a checkpoint: the settings, then the tensors by the names and shapes that the settings imply.

mod architecture;
mod loss;
mod matching;
mod names;
mod preprocessor;
mod settings;
mod storage;
mod weights;

use std::fs;
use std::path::{Path, PathBuf};

use radzero_format::manifest::{Assumption, Preprocessing, TensorNames};
use serde::de::DeserializeOwned;

pub(crate) use self::architecture::{Architecture, LossSettings, Stack};
pub use self::matching::TensorProblem;
pub use self::names::Extent;
pub(crate) use self::names::{ALIGN_LAYER, BUCKETS, LOSS, POSITIONS, RELATIVE_BIAS, TEXT_LAYER, VISION_LAYER, WORDS};
use self::settings::Findings;
use self::storage::Storage;
pub(crate) use self::weights::Weights;
use crate::error::{ExportError, SettingProblem};

pub(crate) const CONFIG: &str = "config.json";
pub(crate) const PREPROCESSOR: &str = "preprocessor_config.json";
pub(crate) const TOKENIZER: &str = "tokenizer.json";

/// Replaces a prefix of tensor names before they are matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rename {
    /// The prefix in the checkpoint; empty to prepend `to` to every name.
    pub from: String,
    /// Its replacement.
    pub to: String,
}

/// Sizes of the text encoder, read from its tensors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TextSizes {
    pub(crate) vocabulary: usize,
    pub(crate) hidden: usize,
    pub(crate) heads: usize,
    pub(crate) layers: usize,
    /// Longest prompt in tokens.
    pub(crate) max_tokens: usize,
}

/// A checkpoint with supported settings and a complete set of tensors.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    pub(crate) folder: PathBuf,
    pub(crate) architecture: Architecture,
    pub(crate) preprocessing: Preprocessing,
    /// Side of the model's input in pixels, from the preprocessor.
    pub(crate) image_size: usize,
    /// Side of the grid that the position embeddings are stored for.
    pub(crate) stored_grid: usize,
    pub(crate) text: TextSizes,
    pub(crate) tensor_names: TensorNames,
    pub(crate) weights: Weights,
    /// Names of the files that were read.
    pub(crate) files: Vec<String>,
    pub(crate) assumed: Vec<Assumption>,
}

impl Checkpoint {
    /// Reads the settings and the headers of the weight files.
    pub(crate) fn open(folder: &Path, renames: &[Rename]) -> Result<Self, ExportError> {
        let mut files: Vec<String> = [CONFIG, PREPROCESSOR, TOKENIZER].map(String::from).into();
        let config = read_json(&folder.join(CONFIG))?;
        let preprocessor = read_json(&folder.join(PREPROCESSOR))?;
        let mut findings = Findings::default();
        let architecture = architecture::read(&config, &mut findings);
        let (preprocessing, image_size) = preprocessor::read(&preprocessor, &mut findings);
        architecture.check_image_size(image_size, &mut findings);
        let settings = |problems| ExportError::Settings { path: folder.to_owned(), problems };
        if !findings.problems.is_empty() {
            return Err(settings(findings.problems));
        }

        let storage = Storage::open(folder, &mut files)?;
        let matched = matching::resolve(folder, storage, &architecture, renames)?;
        let (weights, text) = (matched.weights, matched.text);
        let heads_problem = |problem: String| {
            Err(settings(vec![SettingProblem {
                field: format!("text encoder: {problem}"),
                found: format!("{} heads, width {}, {} tokens", text.heads, text.hidden, text.max_tokens),
                expected: "heads that divide the width, and at least 2 tokens".into(),
            }]))
        };
        if !text.hidden.is_multiple_of(text.heads) {
            return heads_problem(format!("{RELATIVE_BIAS} against {WORDS}"));
        }
        if text.max_tokens < 2 {
            return heads_problem(POSITIONS.into());
        }
        let stored = weights.shape("vision_model.embeddings.position_embeddings")?[1];
        Ok(Self {
            folder: folder.to_owned(),
            architecture,
            preprocessing,
            image_size,
            stored_grid: (stored - 1).isqrt(),
            text,
            tensor_names: matched.tensor_names,
            weights,
            files,
            assumed: findings.assumed,
        })
    }

    /// Patches per side of the model's input.
    pub(crate) fn grid(&self) -> usize {
        self.image_size / self.architecture.patch_size
    }
}

/// Parses a JSON file.
fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, ExportError> {
    let bytes = fs::read(path).map_err(ExportError::io("read", path))?;
    serde_json::from_slice(&bytes).map_err(|source| ExportError::Json { path: path.to_owned(), source })
}
