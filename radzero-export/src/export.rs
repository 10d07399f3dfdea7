//! The export as a whole.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use ndarray::Array3;
use radzero_core::manifest::{
    Dimensions, FORMAT, FORMAT_VERSION, Graph, MANIFEST_FILE, Manifest, OPERATORS_VERSION, PositionConvention,
    PositionEmbedding, Precision, SelfTest, Similarity, SimilarityOperator, Source, Target, Text, sha256_file,
};

use crate::calibration;
use crate::checkpoint::{Checkpoint, LOSS, Rename, TOKENIZER};
use crate::error::ExportError;
use crate::graph;
use crate::graph::block::Numerics;
use crate::graph::text::PADDING;
use crate::onnx::{GraphBuilder, OPSET};
use crate::progress::{Counter, Progress, Stage};
use crate::quantize;
use crate::reference;
use crate::write::Output;

const IMAGE_GRAPH: &str = "image_encoder.onnx";
const TEXT_GRAPH: &str = "text_encoder.onnx";

/// What to export, where to, and how.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ExportOptions {
    /// Folder with config.json, preprocessor_config.json, tokenizer.json and the weights.
    pub checkpoint: PathBuf,
    /// The model directory to make; its parent must exist, itself must not.
    pub destination: PathBuf,
    /// Replaces a model directory that is there already. Anything else that is there stays, and is an error.
    pub force: bool,
    /// How position embeddings are resampled where they are stored for another grid.
    pub position_embedding: PositionConvention,
    /// Numeric precision of the image graph.
    pub precision: Precision,
    /// Folder of radiographs (PNG, JPEG, DICOM) that 8-bit scales are chosen on; needed for, and only for, [`Precision::Int8`].
    /// Of more than 16, 16 are taken, evenly spread over their names' order.
    pub calibration: Option<PathBuf>,
    /// Which operators the graphs are made of.
    pub target: Target,
    /// Prefixes of tensor names to replace; for each name the first rule that fits applies.
    pub renames: Vec<Rename>,
    /// The model's name for people; the checkpoint folder's name if `None`.
    pub name: Option<String>,
    /// Licence of the weights, recorded in the manifest.
    pub weights_license: Option<String>,
}

impl ExportOptions {
    /// Exports `checkpoint` to `destination` with every option at its default.
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
/// The same checkpoint and options give the same bytes. The directory appears when it is complete; on an error nothing is
/// left behind. `progress` is called often, from the calling thread.
///
/// # Errors
/// Every [`ExportError`]; settings and tensors that do not fit are listed completely.
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

    let weights = &checkpoint.weights;
    let bytes = weights.bytes(&["vision_model.", "align_transformer.", LOSS]);
    let counter = Counter::new(report, Stage::ImageEncoder, bytes);
    let builder = GraphBuilder::begin(image_contract(&dimensions), options.target, weights, &output, counter)?;
    let image_encoder = graph::image::write(&checkpoint, options.position_embedding, &numerics, builder, &mut output)?;

    let bytes = weights.bytes(&["text_model.", "text_projector.", LOSS]);
    let counter = Counter::new(report, Stage::TextEncoder, bytes);
    let builder = GraphBuilder::begin(text_contract(&dimensions), options.target, weights, &output, counter)?;
    let text_encoder = graph::text::write(&checkpoint, builder, &mut output)?;

    let tokenizer = options.checkpoint.join(TOKENIZER);
    output.write(TOKENIZER, &fs::read(&tokenizer).map_err(ExportError::io("read", &tokenizer))?)?;
    let self_test = self_test(&checkpoint, options, &prompts, report, &mut output)?;

    let manifest = Manifest {
        format: FORMAT.into(),
        format_version: FORMAT_VERSION,
        requires: Vec::new(),
        generator: concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")).into(),
        name: name(options),
        weights_license: options.weights_license.clone().unwrap_or_else(|| "not stated".into()),
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
        // Every graph for ONNX Runtime has some: those of the text encoder, which is of 32 bits in all of them.
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

/// Refuses options that do not go together.
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

/// What the precision means for each layer.
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

fn name(options: &ExportOptions) -> String {
    let from_folder = || {
        let folder = options.checkpoint.canonicalize().ok()?;
        Some(folder.file_name()?.to_string_lossy().into_owned())
    };
    options.name.clone().or_else(from_folder).unwrap_or_else(|| "RadZero".into())
}

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

fn image_contract(dimensions: &Dimensions) -> Graph {
    let (inputs, outputs) = Manifest::image_tensors(dimensions);
    Graph { file: IMAGE_GRAPH.into(), opset: OPSET, inputs, outputs }
}

fn text_contract(dimensions: &Dimensions) -> Graph {
    let (inputs, outputs) = Manifest::text_tensors(dimensions);
    Graph { file: TEXT_GRAPH.into(), opset: OPSET, inputs, outputs }
}

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
    let expectation =
        reference::compute(checkpoint, options.position_embedding, options.precision, prompts, &mut counter)?;
    output.write(reference::FILE, &expectation.bytes)?;
    Ok(expectation.manifest)
}
