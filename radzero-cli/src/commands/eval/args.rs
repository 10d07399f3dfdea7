//! Arguments of `radzero eval` as typed.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::args::ModelArgs;

const AFTER_HELP: &str = "\
Writes to the output directory, each file whole or not at all:
  journal.jsonl  a line an image, as it is done: run the same command again to go on after an interruption
  result.json    measures with 95 % intervals, and what made them: model hash, provider, precision, intensity policy, versions
  result.md      the same as tables, beside the published numbers
  report.html    the same with curves, and the best and worst cases with their maps and ground truth in cases/

Published data sets: --data is the folder that holds the published label files (OpenI/, PadChest/, ... as in data/ of
Deepnoid/RadZero on Hugging Face). Plain: --data is a CSV file with the columns image, label and, for a box, left, top,
right, bottom, or mask. docs/evaluation.md describes all of them.

Research use only. Values are similarities between a sentence and an image, never a chance of disease.

Exit status:
  0    every image was scored
  1    some images or pictures of cases failed, each reported on standard error; the rest was done
  2    nothing could be done: wrong usage, missing files, model, device, or the journal of another run
  130  interrupted; the journal holds what was done";

#[derive(Debug, Subcommand)]
pub(crate) enum EvalCommand {
    /// Measures which findings the model sees: AUROC, AUPRC
    #[command(after_help = AFTER_HELP)]
    Classification(RunArgs<ClassificationSet>),
    /// Measures where the model points: pointing game
    #[command(after_help = AFTER_HELP)]
    Grounding(RunArgs<GroundingSet>),
    /// Measures the extent that the model gives: Dice, specificity, AUROC of pixels
    #[command(after_help = AFTER_HELP)]
    Segmentation(RunArgs<SegmentationSet>),
    /// Prints two results beside each other, with the differences
    Compare(CompareArgs),
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs<D: ValueEnum + Send + Sync + 'static> {
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// Data set, which also chooses the published sentences and intensity policy
    #[arg(long, value_enum, value_name = "NAME")]
    pub(crate) dataset: D,
    /// Folder with the published label files; for plain, the CSV file
    #[arg(long, value_name = "PATH")]
    pub(crate) data: PathBuf,
    /// Folder that the paths of images are relative to; by default that of --data
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,
    /// Directory for journal, results and report
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}

impl<D: ValueEnum + Send + Sync + 'static> RunArgs<D> {
    /// The folder that paths of images are relative to.
    pub(crate) fn images(&self) -> PathBuf {
        let beside = || match self.data.extension() {
            // A file: plain.
            Some(_) if !self.data.is_dir() => self.data.parent().map_or_else(PathBuf::new, PathBuf::from),
            _ => self.data.clone(),
        };
        self.images.clone().unwrap_or_else(beside)
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ClassificationSet {
    Openi,
    Padchest,
    Chestxray14,
    Chexpert,
    Chestxdet10,
    Plain,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum GroundingSet {
    Chestxdet10,
    MsCxr,
    Plain,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum SegmentationSet {
    Siim,
    Rsna,
    Plain,
}

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// A result.json
    #[arg(value_name = "A.json")]
    pub(crate) first: PathBuf,
    /// Another result.json of the same task and data set
    #[arg(value_name = "B.json")]
    pub(crate) second: PathBuf,
}
