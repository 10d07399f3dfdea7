//! The export, from options to a published model directory.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use ndarray::Array3;
use radzero_format::manifest::{
    Dimensions, FORMAT, FORMAT_VERSION, Graph, MANIFEST_FILE, Manifest, OPERATORS_VERSION, PositionConvention,
    PositionEmbedding, Precision, SelfTest, Similarity, SimilarityOperator, Source, Target, Text, sha256_file,
};

use crate::calibration;
use crate::checkpoint::{Checkpoint, LOSS, Rename, TOKENIZER};
use crate::error::ExportError;
use crate::graph;
use crate::graph::block::Numerics;
use crate::graph::text::PADDING;
use crate::metadata::Metadata;
use crate::onnx::{GraphBuilder, OPSET};
use crate::progress::{Counter, Progress, Stage};
use crate::quantize;
use crate::reference;
use crate::write::Output;

const IMAGE_GRAPH: &str = "image_encoder.onnx";
const TEXT_GRAPH: &str = "text_encoder.onnx";

/// Program and version, for manifest and graphs.
const GENERATOR: &str = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"));

/// What to export, where and how.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ExportOptions {
    /// Folder with config.json, preprocessor_config.json, tokenizer.json and the weights.
    pub checkpoint: PathBuf,
    /// The model directory to create. Its parent must exist; it must not exist itself.
    pub destination: PathBuf,
    /// Replaces an existing model directory. Anything else at the destination is left alone, and is an error.
    pub force: bool,
    /// How position embeddings are resampled if they are stored for another grid.
    pub position_embedding: PositionConvention,
    /// Numeric precision of the image graph.
    pub precision: Precision,
    /// Folder of radiographs (PNG, JPEG, DICOM) to calibrate [`Precision::Int8`] on: required for it, and refused otherwise. Of
    /// more than 16 files, 16 are used, evenly spread over the names in order.
    pub calibration: Option<PathBuf>,
    /// Which operators the graphs use.
    pub target: Target,
    /// Prefixes of tensor names to replace. The first matching rule applies to each name.
    pub renames: Vec<Rename>,
    /// A name for people, recorded in manifest and graphs; the checkpoint folder's name if `None`.
    pub name: Option<String>,
    /// Licence of the weights, recorded in manifest and graphs.
    pub weights_license: Option<String>,
}

impl ExportOptions {
    /// Exports `checkpoint` to `destination`, with defaults for everything else.
    #[must_use]
    pub fn new(checkpoint: impl Into<PathBuf>, destination: impl Into<PathBuf>) -> Self {
        Self {
            checkpoint: checkpoint.into(),
            destination: destination.into(),
            force: false,
            position_embedding: PositionConvention::default(),
            precision: Precision::default(),
            calibration: None,
            target: Target::default(),
            renames: Vec::new(),
            name: None,
            weights_license: None,
        }
    }
}

/// Exports a checkpoint to a model directory and returns its manifest.
///
/// The same checkpoint and options give the same bytes. The directory appears only when it is complete; an error leaves nothing
/// behind. `progress` is called often, on the calling thread.
///
/// # Errors
/// Any [`ExportError`]. All unsupported settings, or all tensors that do not fit, are listed in one error.
pub fn export(options: &ExportOptions, mut progress: impl FnMut(Progress)) -> Result<Manifest, ExportError> {
    let report: &mut dyn FnMut(Progress) = &mut progress;
    check(options)?;
    let mut output = Output::begin(&options.destination, options.force)?;
    let checkpoint = Checkpoint::open(&options.checkpoint, &options.renames)?;
    let prompts = reference::Prompts::read(&checkpoint)?;
    let dimensions = dimensions(&checkpoint);
    let images = match &options.calibration {
        Some(folder) => calibration::read(folder, &checkpoint.preprocessing, &dimensions)?,
        None => Vec::new(),
    };
    let source = hash(&checkpoint, report)?;
    let numerics = numerics(&checkpoint, options, &images, report)?;

    let name = name(options);
    let weights_license = options.weights_license.clone().unwrap_or_else(|| "not stated".into());
    let metadata = Metadata::new(&name, &weights_license, GENERATOR, &source);

    let weights = &checkpoint.weights;
    let bytes = weights.bytes(&["vision_model.", "align_transformer.", LOSS]);
    let counter = Counter::new(report, Stage::ImageEncoder, bytes);
    let builder = GraphBuilder::begin(
        image_contract(&dimensions, options.precision),
        options.target,
        &metadata,
        weights,
        &output,
        counter,
    )?;
    let image_encoder = graph::image::write(&checkpoint, options.position_embedding, &numerics, builder, &mut output)?;

    let bytes = weights.bytes(&["text_model.", "text_projector.", LOSS]);
    let counter = Counter::new(report, Stage::TextEncoder, bytes);
    let builder =
        GraphBuilder::begin(text_contract(&dimensions), options.target, &metadata, weights, &output, counter)?;
    let text_encoder = graph::text::write(&checkpoint, builder, &mut output)?;

    let tokenizer = options.checkpoint.join(TOKENIZER);
    output.write(TOKENIZER, &fs::read(&tokenizer).map_err(ExportError::io("read", &tokenizer))?)?;
    let self_test = self_test(&checkpoint, options, &prompts, report, &mut output)?;

    let manifest = Manifest {
        format: FORMAT.into(),
        format_version: FORMAT_VERSION,
        requires: Vec::new(),
        generator: GENERATOR.into(),
        name,
        weights_license,
        source,
        position_embedding: PositionEmbedding {
            stored_grid: checkpoint.stored_grid,
            grid: dimensions.grid,
            convention: options.position_embedding,
        },
        dimensions,
        preprocessing: checkpoint.preprocessing.clone(),
        similarity: similarity(&checkpoint)?,
        text: Text { max_tokens: checkpoint.text.max_tokens, pad_token_id: PADDING },
        precision: options.precision,
        target: options.target,
        // Every model for ONNX Runtime uses some: the text encoder is in 32 bits at any precision.
        operators_version: (options.target == Target::OnnxRuntime).then_some(OPERATORS_VERSION),
        quantization: match &numerics {
            Numerics::Int8(plan) => Some(plan.record()),
            Numerics::Single | Numerics::Half => None,
        },
        image_encoder,
        text_encoder,
        self_test,
        files: output.files().clone(),
        assumed: checkpoint.assumed.clone(),
    };
    output.write(MANIFEST_FILE, &manifest.to_json()?)?;
    output.publish(options.force)?;
    Ok(manifest)
}

/// Refuses options that contradict each other.
fn check(options: &ExportOptions) -> Result<(), ExportError> {
    let refuse = |problem: &str| Err(ExportError::Options { problem: problem.to_owned() });
    match (options.precision, options.target, &options.calibration) {
        (Precision::Int8, Target::Portable, _) => {
            refuse("int8 is for ONNX Runtime's CPU kernels: it has no portable form; choose fp32 or fp16")
        }
        (Precision::Int8, _, None) => {
            refuse("int8 needs calibration images: a folder of radiographs like those the model will see")
        }
        (precision, _, Some(_)) if precision != Precision::Int8 => {
            refuse(&format!("calibration images are for int8; {precision} has no use for them"))
        }
        _ => Ok(()),
    }
}

/// The numerics of each layer, after calibration if the precision is int8.
fn numerics(
    checkpoint: &Checkpoint,
    options: &ExportOptions,
    images: &[Array3<u8>],
    report: &mut dyn FnMut(Progress),
) -> Result<Numerics, ExportError> {
    Ok(match options.precision {
        Precision::Int8 => {
            let blocks = checkpoint.architecture.vision.layers + checkpoint.architecture.align.layers;
            let mut counter = Counter::new(report, Stage::Calibration, (2 * images.len() * blocks) as u64);
            Numerics::Int8(quantize::plan(checkpoint, options.position_embedding, images, &mut counter)?)
        }
        Precision::Fp16 => Numerics::Half,
        _ => Numerics::Single,
    })
}

/// The given name, or that of the checkpoint's folder.
fn name(options: &ExportOptions) -> String {
    let from_folder = || {
        let folder = options.checkpoint.canonicalize().ok()?;
        Some(folder.file_name()?.to_string_lossy().into_owned())
    };
    options.name.clone().or_else(from_folder).unwrap_or_else(|| "RadZero".into())
}

/// Hashes the checkpoint's files.
fn hash(checkpoint: &Checkpoint, report: &mut dyn FnMut(Progress)) -> Result<Source, ExportError> {
    let mut total = 0;
    for name in &checkpoint.files {
        let path = checkpoint.folder.join(name);
        total += fs::metadata(&path).map_err(ExportError::io("look at", &path))?.len();
    }
    let mut counter = Counter::new(report, Stage::Hash, total);
    let mut files = BTreeMap::new();
    for name in &checkpoint.files {
        files.insert(name.clone(), sha256_file(&checkpoint.folder.join(name), |bytes| counter.add(bytes))?);
    }
    Ok(Source {
        files,
        transformers_version: checkpoint.architecture.transformers_version.clone(),
        tensor_names: checkpoint.tensor_names,
    })
}

fn dimensions(checkpoint: &Checkpoint) -> Dimensions {
    let architecture = &checkpoint.architecture;
    Dimensions {
        image_size: checkpoint.image_size,
        patch_size: architecture.patch_size,
        grid: checkpoint.grid(),
        hidden: architecture.vision.hidden,
        vision_layers: architecture.vision.layers,
        vision_heads: architecture.vision.heads,
        align_layers: architecture.align.layers,
        align_heads: architecture.align.heads,
        text_layers: checkpoint.text.layers,
        text_heads: checkpoint.text.heads,
        text_hidden: checkpoint.text.hidden,
        vocabulary: checkpoint.text.vocabulary,
    }
}

fn similarity(checkpoint: &Checkpoint) -> Result<Similarity, ExportError> {
    let loss = &checkpoint.architecture.loss;
    // Temperatures are stored as logarithms.
    let temperature = |name: &str| Ok::<_, ExportError>(checkpoint.weights.vector(&format!("{LOSS}{name}"))?[0].exp());
    let own = loss.attn_temperature && loss.operator == SimilarityOperator::Cos;
    Ok(Similarity {
        operator: loss.operator,
        temperature: temperature("loss_temperature")?,
        score_temperature: if own { Some(temperature("attn_temperature")?) } else { None },
        use_cls_token: loss.use_vision_cls_token,
        use_layer_norm: loss.layer_norm,
    })
}

fn image_contract(dimensions: &Dimensions, precision: Precision) -> Graph {
    let (inputs, outputs) = Manifest::image_tensors(dimensions, precision);
    Graph { file: IMAGE_GRAPH.into(), opset: OPSET, inputs, outputs }
}

fn text_contract(dimensions: &Dimensions) -> Graph {
    let (inputs, outputs) = Manifest::text_tensors(dimensions);
    Graph { file: TEXT_GRAPH.into(), opset: OPSET, inputs, outputs }
}

/// Computes and writes the self-test.
fn self_test(
    checkpoint: &Checkpoint,
    options: &ExportOptions,
    prompts: &reference::Prompts,
    report: &mut dyn FnMut(Progress),
    output: &mut Output,
) -> Result<SelfTest, ExportError> {
    let blocks = checkpoint.architecture.vision.layers
        + checkpoint.architecture.align.layers
        + checkpoint.text.layers * prompts.len();
    let mut counter = Counter::new(report, Stage::SelfTest, blocks as u64);
    let self_test =
        reference::compute(checkpoint, options.position_embedding, options.precision, prompts, &mut counter)?;
    output.write(reference::FILE, &self_test.bytes)?;
    Ok(self_test.manifest)
}
