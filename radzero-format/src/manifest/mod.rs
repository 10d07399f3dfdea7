//! The manifest of a model directory: `radzero.json`.
//!
//! The exporter writes it and the library reads it once. Dimensions, temperatures, preprocessing and tensor shapes come from it,
//! and are never guessed from a graph.

mod check;
mod directory;
mod hash;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::directory::ModelDirectory;
pub use self::hash::{Digest, Hasher, sha256_bytes, sha256_file};

/// The manifest's file name in a model directory.
pub const MANIFEST_FILE: &str = "radzero.json";

/// The value of [`Manifest::format`].
pub const FORMAT: &str = "radzero-model";

/// The format version that this crate reads and writes.
pub const FORMAT_VERSION: u32 = 1;

/// The version of the project's own operators, including the layout of their weights in files.
pub const OPERATORS_VERSION: u32 = 1;

/// Everything the library must know about an exported model.
///
/// A later version of this crate may add fields; unknown ones are ignored. What a reader must not ignore is named in
/// [`requires`](Manifest::requires).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Always [`FORMAT`].
    pub format: String,
    /// Always [`FORMAT_VERSION`]; another version is refused.
    pub format_version: u32,
    /// Names of extensions that a reader must know to read the model correctly; a reader that does not know one refuses the model.
    /// This version knows none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<String>,
    /// Program and version that wrote the directory.
    pub generator: String,
    /// Name of the model, for people; the [hash](ModelDirectory::hash) identifies it.
    pub name: String,
    /// Licence of the weights, if known.
    pub weights_license: String,
    /// The checkpoint that was exported.
    pub source: Source,
    /// Sizes of the network.
    pub dimensions: Dimensions,
    /// How a radiograph becomes pixels.
    pub preprocessing: Preprocessing,
    /// Position embeddings: as stored and as exported.
    pub position_embedding: PositionEmbedding,
    /// The VL-CABS switches and temperatures.
    pub similarity: Similarity,
    /// Tokenisation limits.
    pub text: Text,
    /// Numeric precision of the image graph; the text graph is always 32-bit.
    pub precision: Precision,
    /// Which operators the graphs are made of.
    pub target: Target,
    /// Version of the project's own operators in the graphs, including the layout of their weights. Any other than
    /// [`OPERATORS_VERSION`] is refused. `None` if the graphs have none, or if the manifest predates this field (version 1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operators_version: Option<u32>,
    /// How the image graph was quantized; `None` unless the precision is [`Precision::Int8`].
    pub quantization: Option<Quantization>,
    /// The image graph's contract.
    pub image_encoder: Graph,
    /// The text graph's contract.
    pub text_encoder: Graph,
    /// The stored self-test.
    pub self_test: SelfTest,
    /// All other files in the directory, by name.
    pub files: BTreeMap<String, FileRecord>,
    /// Every value that was assumed rather than read, with the reason.
    pub assumed: Vec<Assumption>,
}

/// The checkpoint that was exported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// Files read, by name, with size and SHA-256.
    pub files: BTreeMap<String, FileRecord>,
    /// `transformers_version` of config.json, if present.
    pub transformers_version: Option<String>,
    /// Which generation of tensor names the vision blocks have.
    pub tensor_names: TensorNames,
}

/// Generation of the vision blocks' tensor names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TensorNames {
    /// `attention.attention.query` and so on, as transformers 4 writes.
    Transformers4,
    /// `attention.q_proj` and so on, as transformers 5 writes.
    Transformers5,
}

/// Size and SHA-256 of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Size in bytes.
    pub bytes: u64,
    /// Lower-case hexadecimal SHA-256.
    pub sha256: Digest,
}

/// Sizes of the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dimensions {
    /// Side S of the square model input, in pixels.
    pub image_size: usize,
    /// Side P of a patch, in pixels.
    pub patch_size: usize,
    /// Patches per side, g = S / P.
    pub grid: usize,
    /// Length D of a token and of a text embedding.
    pub hidden: usize,
    /// Blocks of the vision encoder.
    pub vision_layers: usize,
    /// Attention heads of the vision encoder.
    pub vision_heads: usize,
    /// Blocks of the align transformer.
    pub align_layers: usize,
    /// Attention heads of the align transformer.
    pub align_heads: usize,
    /// Blocks of the text encoder.
    pub text_layers: usize,
    /// Attention heads of the text encoder.
    pub text_heads: usize,
    /// Width of the text encoder (differs from `hidden` only with a text projection).
    pub text_hidden: usize,
    /// Entries of the word embedding table.
    pub vocabulary: usize,
}

impl Dimensions {
    /// Number of patches, N = g x g.
    #[must_use]
    pub fn patches(&self) -> usize {
        self.grid * self.grid
    }

    /// Number of tokens of an image, including CLS, which comes first: 1 + N.
    #[must_use]
    pub fn tokens(&self) -> usize {
        1 + self.patches()
    }
}

/// How a radiograph becomes the pixels that the image graph takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Preprocessing {
    /// How the image is fitted to the model's square.
    pub geometry: GeometryKind,
    /// Resampling kernel.
    pub resample: Resample,
    /// Factor from 8-bit levels to unit range; already folded into the graph.
    pub rescale_factor: f64,
    /// Per-channel mean after rescaling; already folded into the graph.
    pub image_mean: [f64; 3],
    /// Per-channel standard deviation after rescaling; already folded into the graph.
    pub image_std: [f64; 3],
}

/// How an image is fitted to the model's square input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum GeometryKind {
    /// Both sides are resized to S; the aspect ratio is not kept.
    Stretch,
    /// Black borders along the longer sides make a square, which is resized to S. The map is cropped back.
    PadSquare,
    /// The shorter side is resized to S, and the middle S pixels of the longer one are kept. The map is 0 outside.
    CropSquare,
}

impl std::fmt::Display for GeometryKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Stretch => "stretch",
            Self::PadSquare => "pad-square",
            Self::CropSquare => "crop-square",
        })
    }
}

/// Resampling kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Resample {
    /// Cubic convolution with a = -0.5, widened when shrinking (antialiased), 8-bit result: Pillow's `BICUBIC`.
    Bicubic,
}

/// Position embeddings: as stored and as exported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PositionEmbedding {
    /// Grid side in the checkpoint.
    pub stored_grid: usize,
    /// Grid side in the graph.
    pub grid: usize,
    /// How it was interpolated (recorded even if the grids are equal and nothing was interpolated).
    pub convention: PositionConvention,
}

/// How stored position embeddings are resampled to the model's grid (bicubic, a = -0.75, no antialias).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PositionConvention {
    /// Scale (g + 0.1) / stored, as transformers up to 4.44 did; RadZero was trained and evaluated with it.
    #[default]
    Offset,
    /// Scale g / stored, as transformers from 4.45 on does.
    Size,
}

impl PositionConvention {
    /// The numerator of the scale for a grid of this side.
    #[must_use]
    pub fn scaled_side(self, grid: usize) -> f64 {
        match self {
            Self::Offset => grid as f64 + 0.1,
            Self::Size => grid as f64,
        }
    }
}

/// The VL-CABS switches and temperatures (paper section 3.2; the published code's `RadZeroLoss`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Similarity {
    /// Cosine or dot product between sentence and patches.
    pub operator: SimilarityOperator,
    /// Temperature tau of the logit: l = t . g / tau. Also divides the scores unless `score_temperature` is set.
    pub temperature: f32,
    /// Separate temperature of the scores (`attn_temperature`), cosine only.
    pub score_temperature: Option<f32>,
    /// Whether the CLS token takes part in the softmax.
    pub use_cls_token: bool,
    /// Whether both encoders end in the loss's shared layer norm (already in the graphs).
    pub use_layer_norm: bool,
}

/// Similarity between a sentence and a patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SimilarityOperator {
    /// Cosine, divided by the temperature; the graphs' outputs are L2-normalised.
    Cos,
    /// Dot product, divided by sqrt(D); the graphs' outputs are *not* normalised.
    Dot,
}

impl SimilarityOperator {
    /// Whether the outputs of both graphs are L2-normalised.
    #[must_use]
    pub fn is_normalised(self) -> bool {
        match self {
            Self::Cos => true,
            Self::Dot => false,
        }
    }
}

/// Tokenisation limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// Longest prompt in tokens, special tokens included.
    pub max_tokens: usize,
    /// Token id that pads the shorter prompts of a batch.
    pub pad_token_id: u32,
}

/// Numeric precision of the image graph.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Precision {
    /// 32-bit floating point.
    #[default]
    Fp32,
    /// Matrix products and attention in 16-bit floating point; norms and residual sums are computed in 32-bit. With
    /// [`Target::Portable`] the residual stream and softmax are 32-bit too; otherwise the stream is rounded to 16 bits after every
    /// sum, and softmax is computed as in the provider's fused attention. For GPUs.
    Fp16,
    /// Products of 8-bit integers in layers whose measured error allows it, the rest in 32-bit floating point. For CPUs.
    Int8,
}

impl std::fmt::Display for Precision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Fp32 => "fp32",
            Self::Fp16 => "fp16",
            Self::Int8 => "int8",
        })
    }
}

/// Which operators the graphs are made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Target {
    /// ONNX Runtime's fused operators, for its CPU and CUDA providers.
    #[default]
    #[serde(rename = "onnxruntime")]
    OnnxRuntime,
    /// Standard ONNX operators only, for TensorRT, OpenVINO and other engines.
    Portable,
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::OnnxRuntime => "onnxruntime",
            Self::Portable => "portable",
        })
    }
}

/// How the image graph's layers were quantized.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quantization {
    /// Number of calibration images.
    pub calibration_images: usize,
    /// SHA-256 of the pixels of these images, as the model saw them.
    pub calibration_sha256: Digest,
    /// The decision for each group of layers that share an input, by its name in the graph.
    pub layers: BTreeMap<String, QuantizedLayer>,
}

/// The decision for a group of layers that share an input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuantizedLayer {
    /// [`Precision::Int8`] or, if the error was too large, [`Precision::Fp32`].
    pub precision: Precision,
    /// Exponent alpha by which outliers were moved from the inputs into the weights (SmoothQuant, arXiv 2211.10438,
    /// equation 4); `None` if they were not.
    pub smoothing: Option<f32>,
    /// Relative L2 error of the layers' output in 8 bits, on the calibration images.
    pub error: f32,
}

/// The contract of a graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Graph {
    /// The ONNX file's name in the directory.
    pub file: String,
    /// Standard operator set version.
    pub opset: u32,
    /// Inputs, in order.
    pub inputs: Vec<Tensor>,
    /// Outputs, in order.
    pub outputs: Vec<Tensor>,
}

/// Name, element type and shape of a graph's input or output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tensor {
    /// Tensor name.
    pub name: String,
    /// Element type.
    pub element: Element,
    /// Dimensions, outermost first.
    pub shape: Vec<Dimension>,
}

/// Element type of a graph's input or output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Element {
    /// Unsigned 8-bit integer.
    U8,
    /// Signed 64-bit integer.
    I64,
    /// 16-bit floating point (IEEE 754 binary16).
    F16,
    /// 32-bit floating point.
    F32,
}

/// A fixed extent, or the name of a dynamic one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Dimension {
    /// Always this extent.
    Fixed(usize),
    /// Chosen at each call; equal names have equal extents within a call.
    Free(String),
}

/// The stored self-test: expected outputs, computed from the checkpoint's tensors before any folding, by an implementation that
/// is independent of the graphs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SelfTest {
    /// safetensors file with the expected outputs for the image of `pixels_seed`: `tokens` \[k, D\] at `token_indices` \[k\], and
    /// `embeddings` \[n, D\].
    pub file: String,
    /// Seed of the test image, see [`self_test_pixels`].
    pub pixels_seed: u32,
    /// The prompts, one per row of `embeddings`.
    pub prompts: Vec<String>,
    /// Largest absolute difference allowed for an output value.
    pub tolerance: f32,
}

/// A value that was assumed rather than read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assumption {
    /// The field, as `file: field`.
    pub field: String,
    /// The value used.
    pub value: String,
    /// Why this value.
    pub reason: String,
}

/// The test image of a [`SelfTest`]: \[3, S, S\] 8-bit levels, three different smooth gradients with seeded noise of 0..=31.
///
/// Integer arithmetic only, so every machine makes the same image.
#[must_use]
pub fn self_test_pixels(seed: u32, size: usize) -> ndarray::Array3<u8> {
    let mut state = seed | 1;
    ndarray::Array3::from_shape_fn((3, size, size), |(channel, y, x)| {
        // xorshift32 (Marsaglia 2003)
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let ramp = match channel {
            0 => x * 224 / size,
            1 => y * 224 / size,
            _ => (x + y) * 112 / size,
        };
        (ramp as u8).saturating_add((state >> 27) as u8)
    })
}

impl Tensor {
    /// A tensor description.
    #[must_use]
    pub fn new(name: &str, element: Element, shape: Vec<Dimension>) -> Self {
        Self { name: name.into(), element, shape }
    }
}

impl From<usize> for Dimension {
    fn from(extent: usize) -> Self {
        Self::Fixed(extent)
    }
}

impl std::fmt::Display for Tensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?} [", self.name, self.element)?;
        for (index, dimension) in self.shape.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            match dimension {
                Dimension::Fixed(extent) => write!(f, "{extent}")?,
                Dimension::Free(name) => f.write_str(name)?,
            }
        }
        f.write_str("]")
    }
}

/// A list of tensors, for messages.
#[must_use]
pub fn list(tensors: &[Tensor]) -> String {
    tensors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
