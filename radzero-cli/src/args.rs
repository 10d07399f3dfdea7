//! The arguments. What can be checked without a model is checked here or in [`crate::output::files`].

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use radzero_core::Device;
use radzero_core::radiograph::{IntensityPolicy, ReadOptions};

use crate::commands::eval::args::EvalCommand;
use crate::error::Failure;
use crate::help::{self, footer};

/// Compares chest radiographs with sentences: probabilities, similarity maps, points and masks
#[derive(Debug, Parser)]
#[command(name = "radzero", version, after_help = footer(&[help::NOTICE, help::STATUS]), max_term_width = 120)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Makes a model directory from a checkpoint: ONNX graphs, tokenizer, manifest and self-test
    #[command(after_help = footer(&[help::NOTICE, help::STATUS_EXPORT]))]
    Export(radzero_export::program::Arguments),
    /// Prints the probability and the similarity map range of each prompt in each image
    Infer(InferArgs),
    /// Prints a table of probabilities, one row per image, one column per prompt
    Classify(ClassifyArgs),
    /// Prints the point of greatest similarity with each prompt, in pixels of the image
    Ground(GroundArgs),
    /// Prints the share of each image above a threshold, and writes masks
    Segment(SegmentArgs),
    /// Draws the similarity maps over the images
    Overlay(OverlayArgs),
    /// Shows how files are read, and writes the pictures that the model sees
    Inspect(InspectArgs),
    /// Checks a model directory: file hashes, tensor contract, self-test
    Verify(VerifyArgs),
    /// Measures a model on a data set with ground truth, by the published protocol
    #[command(subcommand, after_help = help::NOTICE)]
    Eval(EvalCommand),
    /// Measures how long each stage takes on this machine
    Bench(BenchArgs),
    /// Prints which ONNX Runtime is found and which devices work on this machine
    Doctor(DoctorArgs),
}

/// The model and where it runs.
#[derive(Debug, Args)]
pub(crate) struct ModelArgs {
    /// Model directory, as written by radzero export
    #[arg(long, value_name = "DIR")]
    pub(crate) model: PathBuf,
    #[arg(long, value_name = "DEVICE", default_value_t = Device::Cpu, help = format!("Where the model runs, without fallback: {}", Device::forms()))]
    pub(crate) device: Device,
    /// Threads for inference, resampling and maps [default: one per core]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Limit in MiB on the GPU memory of each of the two graphs: on cuda the arena, which must hold more than the weights; on
    /// tensorrt only the workspace [default: no limit]
    #[arg(long, value_name = "MIB")]
    pub(crate) memory_limit: Option<NonZeroU32>,
    /// Directory that keeps tensorrt's engines for the next start, as building them takes minutes [default: not kept]
    #[arg(long, value_name = "DIR")]
    pub(crate) engine_cache: Option<PathBuf>,
}

impl ModelArgs {
    /// The memory limit in bytes; saturates, as a limit beyond the address space limits nothing.
    pub(crate) fn memory_limit(&self) -> Option<usize> {
        let bytes = |mib: NonZeroU32| usize::try_from(u64::from(mib.get()) << 20).unwrap_or(usize::MAX);
        self.memory_limit.map(bytes)
    }

    /// Refuses options that the device ignores, because silence would suggest that they took effect.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let check = |option, given: bool, takes: fn(Device) -> bool| {
            if !given || takes(self.device) {
                return Ok(());
            }
            let devices = Device::ALL.into_iter().filter(|&device| takes(device)).map(|device| device.to_string());
            let devices = devices.collect::<Vec<_>>().join(" or ");
            Err(Failure::NotForDevice { option, devices, device: self.device })
        };
        check("--engine-cache", self.engine_cache.is_some(), Device::takes_engine_cache)?;
        check("--memory-limit", self.memory_limit.is_some(), Device::takes_memory_limit)
    }
}

/// How image files are read.
#[derive(Debug, Args)]
pub(crate) struct ReadArgs {
    /// How stored values become 8-bit levels
    #[arg(long, value_name = "POLICY", value_parser = intensity(), default_value_t = IntensityPolicy::default())]
    pub(crate) intensity: IntensityPolicy,
    /// Frame of a DICOM file, from 0; required for files with several frames
    #[arg(long, value_name = "N")]
    pub(crate) frame: Option<usize>,
    /// Also reads DICOM files FOR PROCESSING: raw detector data, unlike the images that the model was trained on
    #[arg(long)]
    pub(crate) allow_for_processing: bool,
    /// Applies the EXIF orientation of PNG and JPEG files, which the published code ignores
    #[arg(long)]
    pub(crate) exif_orientation: bool,
}

impl ReadArgs {
    pub(crate) fn options(&self) -> ReadOptions {
        ReadOptions {
            intensity: self.intensity,
            frame: self.frame,
            allow_for_processing: self.allow_for_processing,
            apply_exif_orientation: self.exif_orientation,
            ..ReadOptions::default()
        }
    }
}

/// The arguments of every command that runs a model over images.
#[derive(Debug, Args)]
pub(crate) struct JobArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// Sentence to compare the images with, such as "There is fibrosis"; may be given several times
    #[arg(long = "prompt", value_name = "TEXT", required = true)]
    pub(crate) prompts: Vec<String>,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
    /// PNG, JPEG or DICOM files; the type is detected from the content, not the name
    #[arg(value_name = "IMAGE", required = true)]
    pub(crate) images: Vec<PathBuf>,
}

#[derive(Debug, Args)]
#[command(
    after_help = footer(&[help::NOTICE, help::STATUS_INSPECT]),
    after_long_help = footer(&[help::JSON_INSPECT, help::NOTICE, help::STATUS_INSPECT])
)]
pub(crate) struct InspectArgs {
    #[command(flatten)]
    pub(crate) read: ReadArgs,
    /// Prints JSON, one line per file, instead of text; --help lists the fields
    #[arg(long, long_help = "Prints JSON, one line per file, instead of text; the fields are listed below")]
    pub(crate) json: bool,
    /// Writes the exact 8-bit picture that the model sees to DIR/STEM_model.png; needs --model or --size
    #[arg(long, value_name = "DIR", requires = "square")]
    pub(crate) out: Option<PathBuf>,
    /// Model directory whose image size and geometry the picture gets
    #[arg(long, value_name = "DIR", group = "square", requires = "out")]
    pub(crate) model: Option<PathBuf>,
    /// Width and height of the picture in pixels, from 1 to 8192; the image is stretched to it
    #[arg(long, value_name = "N", group = "square", requires = "out", value_parser = clap::value_parser!(u16).range(1..=8192))]
    pub(crate) size: Option<u16>,
    /// Also prints names and identifiers of patient and study: protected health information
    #[arg(long)]
    pub(crate) phi: bool,
    /// PNG, JPEG or DICOM files; the type is detected from the content, not the name
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
#[command(
    after_help = footer(&[help::NOTICE, help::STATUS_IMAGES]),
    after_long_help = footer(&[help::JSON_INFER, help::NOTICE, help::STATUS_IMAGES])
)]
pub(crate) struct InferArgs {
    #[command(flatten)]
    pub(crate) job: JobArgs,
    /// Prints JSON, one line per image, instead of text; --help lists the fields
    #[arg(long, long_help = "Prints JSON, one line per image, instead of text; the fields are listed below")]
    pub(crate) json: bool,
    /// Writes the similarity maps of each image to DIR/STEM.npy: float32, shape (prompts, height, width), values from 0 to 1
    #[arg(long, value_name = "DIR")]
    pub(crate) save_maps: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = footer(&[help::NOTICE, help::STATUS_IMAGES]))]
pub(crate) struct ClassifyArgs {
    #[command(flatten)]
    pub(crate) job: JobArgs,
}

#[derive(Debug, Args)]
#[command(after_help = footer(&[help::NOTICE, help::STATUS_IMAGES]))]
pub(crate) struct GroundArgs {
    #[command(flatten)]
    pub(crate) job: JobArgs,
}

#[derive(Debug, Args)]
#[command(after_help = footer(&[help::NOTICE, help::STATUS_IMAGES]))]
pub(crate) struct SegmentArgs {
    #[command(flatten)]
    pub(crate) job: JobArgs,
    /// Similarity above which a pixel belongs to the mask, from 0 to 1; no value fits every prompt
    #[arg(long, value_name = "T", value_parser = threshold)]
    pub(crate) threshold: f32,
    /// Writes each mask to DIR/STEM_PROMPT.png: 8-bit gray, 0 or 255, at the size of the image
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = footer(&[help::NOTICE, help::STATUS_IMAGES]))]
pub(crate) struct OverlayArgs {
    #[command(flatten)]
    pub(crate) job: JobArgs,
    /// Writes each picture to DIR/STEM_overlay.png
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Similarity at which the contour is drawn, from 0 to 1; no value fits every prompt
    #[arg(long, value_name = "T", value_parser = threshold, default_value = "0.5")]
    pub(crate) threshold: f32,
}

#[derive(Debug, Args)]
#[command(after_help = footer(&[help::NOTICE, help::STATUS_VERIFY]))]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,
}

#[derive(Debug, Args)]
#[command(after_help = footer(&[help::NOTICE, help::STATUS_BENCH]))]
pub(crate) struct BenchArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// Number of images, and so of measurements of each stage
    #[arg(long, value_name = "N", default_value = "5")]
    pub(crate) images: NonZeroUsize,
    /// Number of prompts that each image is compared with
    #[arg(long, value_name = "N", default_value = "14")]
    pub(crate) prompts: NonZeroUsize,
    /// Number of images per run of the image encoder
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) batch: NonZeroUsize,
    /// Prints a JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = footer(&[help::NOTICE, help::STATUS_DOCTOR]))]
pub(crate) struct DoctorArgs {}

/// Parses one of [`IntensityPolicy::ALL`], which also gives the help of each value.
fn intensity() -> impl TypedValueParser<Value = IntensityPolicy> {
    let values = IntensityPolicy::ALL.map(|policy| PossibleValue::new(policy.name()).help(policy.about()));
    PossibleValuesParser::new(values).try_map(|name| name.parse::<IntensityPolicy>())
}

fn threshold(text: &str) -> Result<f32, String> {
    let value: f32 = text.parse().map_err(|_| "a number from 0 to 1 expected".to_owned())?;
    if !(0.0..=1.0).contains(&value) {
        return Err(format!("a number from 0 to 1 expected, {value} found"));
    }
    Ok(value)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_argument_tables_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn thresholds_are_from_zero_to_one() {
        assert_eq!(threshold("0"), Ok(0.0));
        assert_eq!(threshold("0.7"), Ok(0.7));
        assert_eq!(threshold("1"), Ok(1.0));
        for text in ["", "x", "-0.1", "1.1", "nan", "inf", "0,5"] {
            assert!(threshold(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn flags_may_stand_before_and_after_images() {
        let words =
            ["radzero", "infer", "a.png", "--model", "m", "--prompt", "x", "b.png", "--prompt", "y z", "--json"];
        let Command::Infer(infer) = Cli::try_parse_from(words).unwrap().command else { unreachable!() };
        assert_eq!(infer.job.images, [PathBuf::from("a.png"), PathBuf::from("b.png")]);
        assert_eq!(infer.job.prompts, ["x", "y z"]);
        assert!(infer.json && infer.save_maps.is_none());
        assert_eq!(infer.job.model.device, Device::Cpu);
    }

    #[test]
    fn memory_is_limited_in_mib() {
        let words = ["radzero", "verify", "--model", "m", "--device", "cuda:1", "--memory-limit", "512"];
        let Command::Verify(verify) = Cli::try_parse_from(words).unwrap().command else { unreachable!() };
        assert_eq!(verify.model.memory_limit(), Some(512 * 1024 * 1024));
        assert!(verify.model.check().is_ok());
        let Command::Verify(verify) = Cli::try_parse_from(&words[..4]).unwrap().command else { unreachable!() };
        assert_eq!(verify.model.memory_limit(), None);
    }
}
