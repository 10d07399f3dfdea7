//! The command line of the export, shared by `radzero export` and `radzero-export`.

use std::error::Error;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{
    ExportError, ExportOptions, PositionConvention, Precision, Progress, Rename, Stage, Target, export,
    remove_unfinished,
};

/// The command line arguments of an export.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Checkpoint folder: config.json, preprocessor_config.json, tokenizer.json, and model.safetensors or its shards
    checkpoint_dir: PathBuf,
    /// Model directory to create; its parent must exist
    model_dir: PathBuf,
    /// How to resample position embeddings that are stored for another grid
    #[arg(long, value_enum, value_name = "CONVENTION", default_value = "offset")]
    position_embedding: Convention,
    /// Numeric precision of the image encoder: fp16 for GPUs, int8 for CPUs (with --calibration)
    #[arg(long, value_enum, value_name = "PRECISION", default_value = "fp32")]
    precision: PrecisionName,
    /// Folder of radiographs (PNG, JPEG, DICOM) to calibrate int8 on: up to 16, similar to those the model will see
    #[arg(long, value_name = "DIR")]
    calibration: Option<PathBuf>,
    /// Operators in the graphs: ONNX Runtime's fused ones (CPU, CUDA) or standard ones only (TensorRT, OpenVINO, others)
    #[arg(long, value_enum, value_name = "TARGET", default_value = "onnxruntime")]
    target: TargetName,
    /// Replaces a prefix of tensor names; repeatable, and the first match applies to each name
    #[arg(long, value_name = "FROM=TO", value_parser = parse_rename)]
    rename: Vec<Rename>,
    /// Name of the model, for people [default: the checkpoint folder's name]
    #[arg(long)]
    name: Option<String>,
    /// Licence of the weights, such as CC-BY-NC-4.0; recorded in manifest and graphs
    #[arg(long, value_name = "TEXT")]
    weights_license: Option<String>,
    /// Replaces an existing model directory
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Convention {
    /// Scale by (grid + 0.1) / stored, as in transformers up to 4.44, which the published model was trained with
    Offset,
    /// Scale by grid / stored, as in transformers 4.45 and later
    Size,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PrecisionName {
    Fp32,
    Fp16,
    Int8,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum TargetName {
    Onnxruntime,
    Portable,
}

fn parse_rename(text: &str) -> Result<Rename, String> {
    match text.split_once('=') {
        Some((from, to)) => Ok(Rename { from: from.into(), to: to.into() }),
        None => Err("FROM=TO expected".into()),
    }
}

impl From<&Arguments> for ExportOptions {
    fn from(arguments: &Arguments) -> Self {
        let mut options = Self::new(&arguments.checkpoint_dir, &arguments.model_dir);
        options.force = arguments.force;
        options.renames = arguments.rename.clone();
        options.name = arguments.name.clone();
        options.weights_license = arguments.weights_license.clone();
        options.precision = match arguments.precision {
            PrecisionName::Fp32 => Precision::Fp32,
            PrecisionName::Fp16 => Precision::Fp16,
            PrecisionName::Int8 => Precision::Int8,
        };
        options.calibration = arguments.calibration.clone();
        options.target = match arguments.target {
            TargetName::Onnxruntime => Target::OnnxRuntime,
            TargetName::Portable => Target::Portable,
        };
        options.position_embedding = match arguments.position_embedding {
            Convention::Offset => PositionConvention::Offset,
            Convention::Size => PositionConvention::Size,
        };
        options
    }
}

/// Exit status after an interruption, as in shells.
const INTERRUPTED: i32 = 130;

/// Why the export command failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The export failed.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The signal handler could not be installed.
    #[error("cannot prepare for interruption")]
    Interrupt(#[source] Box<dyn Error + Send + Sync>),
}

/// Exports, and returns a summary to print. Shows a progress bar if standard error is a terminal.
///
/// Installs a handler for the whole process: on SIGINT, SIGTERM or SIGHUP it removes unpublished files and exits with status 130.
/// Call it once per process.
///
/// # Errors
/// [`Failure::Export`] if [`export()`](crate::export()) fails, [`Failure::Interrupt`] if the process already has such a handler.
pub fn run(arguments: &Arguments) -> Result<String, Failure> {
    ctrlc::set_handler(|| {
        remove_unfinished();
        std::process::exit(INTERRUPTED);
    })
    .map_err(|error| Failure::Interrupt(error.into()))?;

    let options = ExportOptions::from(arguments);
    let started = Instant::now();
    let mut display = ProgressDisplay::new();
    let result = export(&options, |progress| display.show(progress));
    display.bar.finish_and_clear();
    let manifest = result?;
    let bytes: u64 = manifest.files.values().map(|file| file.bytes).sum();
    let mut text = format!(
        "{}: {} ({:.1} MB, {:.1} s)\n",
        options.destination.display(),
        manifest.name,
        bytes as f64 / 1e6,
        started.elapsed().as_secs_f64()
    );
    for assumption in &manifest.assumed {
        let _ = writeln!(text, "assumed {} = {} ({})", assumption.field, assumption.value, assumption.reason);
    }
    Ok(text)
}

/// A progress bar that restarts at each stage. It is invisible if standard error is not a terminal.
struct ProgressDisplay {
    bar: ProgressBar,
    stage: Option<Stage>,
}

impl ProgressDisplay {
    fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        // If the template were malformed, the default style would remain.
        if let Ok(style) = ProgressStyle::with_template("{msg:28} {wide_bar} {percent:>3} %") {
            bar.set_style(style);
        }
        Self { bar, stage: None }
    }

    fn show(&mut self, progress: Progress) {
        if self.stage != Some(progress.stage) {
            self.stage = Some(progress.stage);
            self.bar.reset();
            self.bar.set_length(progress.total);
            self.bar.set_message(progress.stage.to_string());
        }
        self.bar.set_position(progress.done);
    }
}
