//! The index of the golden data, and access to its tensors (tests/golden/README.md describes them).

use std::collections::BTreeMap;

use ndarray::{ArrayD, IxDyn};
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

use crate::golden_path;

/// The index, `golden.json`.
#[derive(Debug, Deserialize)]
pub struct Golden {
    /// Image files by name.
    pub images: BTreeMap<String, Image>,
    /// Files with the images' pixels, by the side of the model's square.
    pub pixels: BTreeMap<usize, String>,
    /// Prompt sets by name.
    pub prompts: BTreeMap<String, PromptSet>,
    /// Checkpoints with their expected values.
    pub cases: Vec<Case>,
}

/// An image file.
#[derive(Debug, Deserialize)]
pub struct Image {
    /// Path relative to the golden data.
    pub file: String,
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// `as-is`, `min-max` or `dicom-max`.
    pub intensity: String,
    /// Largest difference allowed for a pixel, in levels.
    pub pixel_tolerance: u8,
}

/// A set of prompts.
#[derive(Debug, Deserialize)]
pub struct PromptSet {
    /// Tokens of the longest prompt allowed.
    pub max_tokens: usize,
    /// The prompts.
    pub prompts: Vec<Prompt>,
    /// File with the padded batch.
    pub batch: String,
    /// A prompt that must be refused.
    pub over_long: OverLong,
}

/// A prompt.
#[derive(Debug, Deserialize)]
pub struct Prompt {
    /// The sentence.
    pub text: String,
    /// Its token ids, with the special tokens.
    pub token_ids: Vec<u32>,
}

/// A prompt that is too long.
#[derive(Debug, Deserialize)]
pub struct OverLong {
    /// The sentence.
    pub text: String,
    /// How many tokens it has.
    pub tokens: usize,
}

/// A checkpoint with its expected values.
#[derive(Debug, Deserialize)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// Files of the checkpoint directory: name there to path in the golden data.
    pub files: BTreeMap<String, String>,
    /// `offset` or `size`.
    pub position_convention: String,
    /// `transformers4` or `transformers5`.
    pub tensor_names: String,
    /// Side of the model's square in pixels.
    pub image_size: usize,
    /// Similarity settings that the export must find in the checkpoint.
    pub similarity: Similarity,
    /// Name of the prompt set.
    pub prompts: String,
    /// The images to compare.
    pub images: Vec<CaseImage>,
    /// File with the expected values.
    pub expected: String,
}

/// Similarity settings that the export must find in the checkpoint.
#[derive(Debug, Deserialize)]
pub struct Similarity {
    /// `cos` or `dot`.
    pub operator: String,
    /// Temperature of the logits.
    pub temperature: f32,
    /// Temperature of the scores, if it is another.
    pub score_temperature: Option<f32>,
    /// Whether the CLS token is attended to.
    pub use_cls_token: bool,
    /// Whether there is a shared LayerNorm.
    pub use_layer_norm: bool,
}

/// An image of a case.
#[derive(Debug, Deserialize)]
pub struct CaseImage {
    /// Name in [`Golden::images`].
    pub name: String,
    /// Indices of the prompts whose whole map is stored.
    pub map_prompts: Vec<usize>,
}

impl Golden {
    /// Reads the index.
    #[must_use]
    pub fn load() -> Self {
        serde_json::from_slice(&std::fs::read(golden_path("golden.json")).unwrap()).unwrap()
    }

    /// The case of this name.
    #[must_use]
    pub fn case(&self, name: &str) -> &Case {
        self.cases.iter().find(|case| case.name == name).unwrap_or_else(|| panic!("no golden case {name}"))
    }
}

/// A safetensors file of the golden data.
pub struct Tensors(Vec<u8>);

impl Tensors {
    /// Reads the file.
    #[must_use]
    pub fn load(file: &str) -> Self {
        Self(std::fs::read(golden_path(file)).unwrap())
    }

    /// A tensor of 32-bit floats.
    #[must_use]
    pub fn f32(&self, name: &str) -> ArrayD<f32> {
        self.tensor(name, Dtype::F32, |data| data.as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b)).collect())
    }

    /// A tensor of 64-bit integers.
    #[must_use]
    pub fn i64(&self, name: &str) -> ArrayD<i64> {
        self.tensor(name, Dtype::I64, |data| data.as_chunks::<8>().0.iter().map(|&b| i64::from_le_bytes(b)).collect())
    }

    /// A tensor of bytes.
    #[must_use]
    pub fn u8(&self, name: &str) -> ArrayD<u8> {
        self.tensor(name, Dtype::U8, <[u8]>::to_vec)
    }

    /// The names of all tensors.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        SafeTensors::deserialize(&self.0).unwrap().names().into_iter().map(Into::into).collect()
    }

    fn tensor<T>(&self, name: &str, dtype: Dtype, read: impl Fn(&[u8]) -> Vec<T>) -> ArrayD<T> {
        let tensors = SafeTensors::deserialize(&self.0).unwrap();
        let view = tensors.tensor(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(view.dtype(), dtype, "{name}");
        ArrayD::from_shape_vec(IxDyn(view.shape()), read(view.data())).unwrap()
    }
}
