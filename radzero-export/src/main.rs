//! `radzero-export CHECKPOINT_DIR MODEL_DIR`: a checkpoint to a model directory.

use std::error::Error;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use radzero_export::{
    ExportOptions, PositionConvention, Precision, Progress, Rename, Stage, Target, export, remove_unfinished,
};

/// Exports a RadZero checkpoint to a model directory: ONNX graphs, tokenizer, manifest and self-test.
///
/// Research use only: the model is no medical device, and its weights carry their own licence.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Folder with config.json, preprocessor_config.json, tokenizer.json and model.safetensors (or its shards).
    checkpoint_dir: PathBuf,
    /// Model directory to make; it must not exist, its parent must.
    model_dir: PathBuf,
    /// How position embeddings stored for another grid are resampled.
    #[arg(long, value_enum, value_name = "CONVENTION", default_value = "offset")]
    position_embedding: Convention,
    /// Numeric precision of the image encoder; fp16 is for GPUs, int8 for CPUs.
    #[arg(long, value_enum, value_name = "PRECISION", default_value = "fp32")]
    precision: PrecisionName,
    /// Folder of radiographs (PNG, JPEG, DICOM) that int8 is calibrated on: a few, like those the model will see.
    #[arg(long, value_name = "DIR")]
    calibration: Option<PathBuf>,
    /// Operators of the graphs: ONNX Runtime's fused ones (CPU, CUDA), or standard ones only (TensorRT, OpenVINO, others).
    #[arg(long, value_enum, value_name = "TARGET", default_value = "onnxruntime")]
    target: TargetName,
    /// Replace a prefix of tensor names; may be given several times, the first that fits applies.
    #[arg(long, value_name = "FROM=TO", value_parser = parse_rename)]
    rename: Vec<Rename>,
    /// The model's name, for people [default: the checkpoint folder's name].
    #[arg(long)]
    name: Option<String>,
    /// Licence of the weights, recorded in the manifest.
    #[arg(long, value_name = "TEXT")]
    weights_license: Option<String>,
    /// Replace a model directory that is there already.
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Convention {
    /// Scale (g + 0.1) / stored, as in the library that the published model was trained with.
    Offset,
    /// Scale g / stored, as in later versions.
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

/// The exit status of a process that a user interrupted, as shells give it.
const INTERRUPTED: i32 = 130;

fn main() -> ExitCode {
    let interruptible = ctrlc::set_handler(|| {
        remove_unfinished();
        std::process::exit(INTERRUPTED);
    });
    match interruptible.map_err(Into::into).and_then(|()| run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(error.as_ref());
            ExitCode::FAILURE
        }
    }
}

/// Exports, and prints what became of it.
fn run() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let mut options = ExportOptions::new(arguments.checkpoint_dir, arguments.model_dir);
    options.force = arguments.force;
    options.renames = arguments.rename;
    options.name = arguments.name;
    options.weights_license = arguments.weights_license;
    options.precision = match arguments.precision {
        PrecisionName::Fp32 => Precision::Fp32,
        PrecisionName::Fp16 => Precision::Fp16,
        PrecisionName::Int8 => Precision::Int8,
    };
    options.calibration = arguments.calibration;
    options.target = match arguments.target {
        TargetName::Onnxruntime => Target::OnnxRuntime,
        TargetName::Portable => Target::Portable,
    };
    options.position_embedding = match arguments.position_embedding {
        Convention::Offset => PositionConvention::Offset,
        Convention::Size => PositionConvention::Size,
    };

    let started = Instant::now();
    let mut display = Display::new();
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
        text.push_str(&format!("assumed {} = {} ({})\n", assumption.field, assumption.value, assumption.reason));
    }
    match io::stdout().write_all(text.as_bytes()) {
        // The model is there, whether somebody reads about it or not.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Prints an error and its causes on standard error. There is nowhere to report that this failed.
fn complain(error: &dyn Error) {
    let mut stderr = io::stderr().lock();
    let _ = writeln!(stderr, "error: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = writeln!(stderr, "  because: {cause}");
        source = cause.source();
    }
}

/// One bar, started anew at each stage; nothing is drawn where stderr is not a terminal.
struct Display {
    bar: ProgressBar,
    stage: Option<Stage>,
}

impl Display {
    fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        // A malformed template leaves the default style.
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
