//! Arguments as typed. What can be checked without a model is checked here or in [`crate::output::files`].

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use radzero_core::Device;
use radzero_core::radiograph::{IntensityPolicy, ReadOptions};

use crate::commands::eval::args::EvalCommand;
use crate::error::Failure;

const AFTER_HELP: &str = "\
Research use only. Values are similarities between a sentence and an image, never a chance of disease, and have no
universal cut-off.

Exit status:
  0    every image was processed (verify: the model is good)
  1    some images failed, each reported on standard error with its path (verify: a check failed), or standard output was
       closed with images left; files are written even then
  2    nothing could be done: wrong usage, prompt, model, device or output directory
  130  interrupted; files written so far are whole";

const INSPECT_JSON_HELP: &str = "\
Prints one JSON object a line on standard output instead of text

One line for each file that was read, in the order given:
  image, width, height    path as given; size in pixels
  origin                  png, jpeg or dicom
  transfer_syntax, frame  of a DICOM file: UID; index (from 0) and count
  policy, intensity       the policy asked for, and the rule that ran
  gray                    whether it is gray
  level_min, level_max    its least and greatest 8-bit level
  warnings                what was worked around, assumed or left undone
  eligibility             of a DICOM file: kind, modality, body_part, view, intent; not-stated where it has none, unknown
                          where it has what is no known term
  chest_radiograph        true or false, or null where the file does not say enough
  picture                 path of the picture written, with --out only
  identifiers             with --phi only: patient, study and image, as the file has them
  radzero                 version of this program

A file that failed has no line there. It has one on standard error, a JSON object too: image, kind (docs/embedding.md lists
them), error.";

const JSON_HELP: &str = "\
Prints one JSON object a line on standard output instead of text

One line for each image that was processed, in the order given, written when the image is done:
  image, width, height    path as given; size in pixels
  record                  version of this format: 1
  model                   name, hash (SHA-256 of radzero.json, which holds the hash of every file), precision, target, geometry,
                          resample
  provider                execution provider that runs the image graph, as read from the session
  results                 one a prompt, in the order given: prompt, probability, logit, map_min, map_max,
                          point [x, y] (the map's greatest value, in pixels of the image)
  maps                    path of the array written, with --save-maps only
  provenance              reading: origin, transfer_syntax, frame, policy, intensity, warnings, orientation_applied
                          image_encoder, text_encoder: device, provider, nodes (by provider), kernels (own ones, by instruction
                          set, or null), onnxruntime, radzero
                          tokens, embeddings: f32, or f16 where they were stored so
                          radzero: the version that compared

docs/result.schema.json is its JSON Schema.

An image that failed has no line there. It has one on standard error, a JSON object too: image, kind, error. docs/embedding.md
lists the kinds. Errors that stop the command are plain text on standard error, and the exit status is 2.";

/// Explainable zero-shot inference on chest radiographs.
#[derive(Debug, Parser)]
#[command(name = "radzero", version, about, after_help = AFTER_HELP, max_term_width = 120)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Prints probability and similarity map range of each prompt in each image
    Infer(InferArgs),
    /// Prints a table of probabilities, one row an image, one column a prompt
    Classify(ClassifyArgs),
    /// Prints the point of greatest similarity with each prompt, in pixels of the image
    Ground(GroundArgs),
    /// Prints the share of the image above a threshold, and writes masks
    Segment(SegmentArgs),
    /// Draws the similarity maps over the images
    Overlay(OverlayArgs),
    /// Shows how files are read, and writes the pictures that the model sees
    Inspect(InspectArgs),
    /// Checks a model directory: file hashes, tensor contract, self-test
    Verify(VerifyArgs),
    /// Measures a model on a data set with ground truth, by the published protocol
    #[command(subcommand)]
    Eval(EvalCommand),
    /// Measures how long each stage takes on this machine
    Bench(BenchArgs),
    /// Prints which ONNX Runtime is found and which devices work here
    Doctor(DoctorArgs),
}

/// The model and where it runs.
#[derive(Debug, Args)]
pub(crate) struct ModelArgs {
    /// Model directory, as written by radzero-export
    #[arg(long, value_name = "DIR")]
    pub(crate) model: PathBuf,
    /// Where the model runs: cpu, openvino, openvino:bf16, cuda, cuda:N, tensorrt or tensorrt:N; there is no fallback to another
    #[arg(long, value_name = "DEVICE", default_value_t = Device::Cpu)]
    pub(crate) device: Device,
    /// Threads for inference, resampling and maps; one a core by default
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Most GPU memory for each of the two graphs, in MiB; on cuda its arena, more than the weights take; on tensorrt the workspace
    /// alone; none by default
    #[arg(long, value_name = "MIB")]
    pub(crate) memory_limit: Option<NonZeroU32>,
    /// Keeps tensorrt's engines under DIR, where the next start finds them: building them takes minutes
    #[arg(long, value_name = "DIR")]
    pub(crate) engine_cache: Option<PathBuf>,
}

impl ModelArgs {
    /// The memory limit in bytes. One that no address reaches limits nothing, and stays so.
    pub(crate) fn memory_limit(&self) -> Option<usize> {
        let bytes = |mib: NonZeroU32| usize::try_from(u64::from(mib.get()) << 20).unwrap_or(usize::MAX);
        self.memory_limit.map(bytes)
    }

    /// Refuses an option that the device has no use for: to ignore it would look as if it worked.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let of_no_use = |option, devices| Err(Failure::NotForDevice { option, devices, device: self.device });
        match self.device {
            Device::TensorRt(_) => Ok(()),
            _ if self.engine_cache.is_some() => of_no_use("--engine-cache", "tensorrt"),
            Device::Cuda(_) => Ok(()),
            _ if self.memory_limit.is_some() => of_no_use("--memory-limit", "cuda or tensorrt"),
            _ => Ok(()),
        }
    }
}

/// How files are read.
#[derive(Debug, Args)]
pub(crate) struct ReadArgs {
    /// Which rule makes 8-bit levels: reference (as the model was trained), display (as on a radiologist's screen) or min-max
    #[arg(long, value_name = "POLICY", default_value_t = IntensityPolicy::Reference)]
    pub(crate) intensity: IntensityPolicy,
    /// Frame of a DICOM file, from 0; one of several frames is refused without
    #[arg(long, value_name = "N")]
    pub(crate) frame: Option<usize>,
    /// Reads DICOM files FOR PROCESSING too: raw detector data, unlike what the model has seen
    #[arg(long)]
    pub(crate) allow_for_processing: bool,
    /// Turns PNG and JPEG files as their EXIF orientation says, which the published code does not
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

/// What every command over images takes.
#[derive(Debug, Args)]
pub(crate) struct JobArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// Sentence to compare the images with, for example "There is fibrosis"; may be given several times
    #[arg(long = "prompt", value_name = "TEXT", required = true)]
    pub(crate) prompts: Vec<String>,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
    /// PNG, JPEG or DICOM files; the content decides, not the name
    #[arg(value_name = "IMAGE", required = true)]
    pub(crate) images: Vec<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct InspectArgs {
    #[command(flatten)]
    pub(crate) read: ReadArgs,
    #[arg(long, help = "Prints one JSON object a line on standard output instead of text", long_help = INSPECT_JSON_HELP)]
    pub(crate) json: bool,
    /// Writes the exact 8-bit picture that the model sees to DIR/STEM_model.png; needs --model or --size
    #[arg(long, value_name = "DIR", requires = "square")]
    pub(crate) out: Option<PathBuf>,
    /// Model directory whose side and geometry the picture has
    #[arg(long, value_name = "DIR", group = "square", requires = "out")]
    pub(crate) model: Option<PathBuf>,
    /// Side of the picture in pixels, both edges resized to it
    #[arg(long, value_name = "N", group = "square", requires = "out", value_parser = clap::value_parser!(u16).range(1..=8192))]
    pub(crate) size: Option<u16>,
    /// Prints names, numbers and identifiers of patient and study too: protected health information
    #[arg(long)]
    pub(crate) phi: bool,
    /// PNG, JPEG or DICOM files; the content decides, not the name
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct InferArgs {
    #[command(flatten)]
    pub(crate) job: JobArgs,
    #[arg(long, help = "Prints one JSON object a line on standard output instead of text", long_help = JSON_HELP)]
    pub(crate) json: bool,
    /// Writes the similarity maps of each image to DIR/STEM.npy: float32, (prompts, height, width), values from 0 to 1
    #[arg(long, value_name = "DIR")]
    pub(crate) save_maps: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ClassifyArgs {
    #[command(flatten)]
    pub(crate) job: JobArgs,
}

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct GroundArgs {
    #[command(flatten)]
    pub(crate) job: JobArgs,
}

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct SegmentArgs {
    #[command(flatten)]
    pub(crate) job: JobArgs,
    /// Similarity above which a pixel belongs to the mask, from 0 to 1; there is no value that fits every prompt
    #[arg(long, value_name = "T", value_parser = threshold)]
    pub(crate) threshold: f32,
    /// Writes each mask to DIR/STEM_PROMPT.png: 8-bit gray, 0 or 255, of the size of the image
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct OverlayArgs {
    #[command(flatten)]
    pub(crate) job: JobArgs,
    /// Writes each picture to DIR/STEM_overlay.png
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Similarity at which the contour is drawn, from 0 to 1; there is no value that fits every prompt
    #[arg(long, value_name = "T", value_parser = threshold, default_value = "0.5")]
    pub(crate) threshold: f32,
}

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,
}

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct BenchArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// Times that every stage is measured
    #[arg(long, value_name = "N", default_value = "5")]
    pub(crate) images: NonZeroUsize,
    /// Prompts that each image is compared with
    #[arg(long, value_name = "N", default_value = "14")]
    pub(crate) prompts: NonZeroUsize,
    /// Images in one run of the image encoder
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) batch: NonZeroUsize,
    /// Prints one JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct DoctorArgs {}

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
