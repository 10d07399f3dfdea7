//! The arguments of `radzero eval`.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use radzero_eval::datasets::registry::Entry;
use radzero_eval::tasks::{Classification, Grounding, Segmentation, Task};

use crate::args::ModelArgs;
use crate::help::{self, footer};

#[derive(Debug, Subcommand)]
pub(crate) enum EvalCommand {
    /// Measures which findings the model recognises: AUROC, AUPRC
    #[command(after_help = footer(&[help::EVAL_FILES, help::NOTICE, help::STATUS_EVAL]))]
    Classification(RunArgs<Classification>),
    /// Measures whether the model points at the findings: pointing game
    #[command(after_help = footer(&[help::EVAL_FILES, help::NOTICE, help::STATUS_EVAL]))]
    Grounding(RunArgs<Grounding>),
    /// Measures how well the maps cover the findings: Dice, specificity, AUROC of pixels
    #[command(after_help = footer(&[help::EVAL_FILES, help::NOTICE, help::STATUS_EVAL]))]
    Segmentation(RunArgs<Segmentation>),
    /// Prints two results side by side, with their differences
    #[command(after_help = footer(&[help::NOTICE, help::STATUS_COMPARE]))]
    Compare(CompareArgs),
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs<T: Task> {
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// Data set; it also determines the sentences and the intensity policy
    #[arg(long, value_name = "NAME", value_parser = dataset::<T>())]
    pub(crate) dataset: &'static Entry<T::Truth>,
    /// Folder with the published label files; for plain, the CSV file
    #[arg(long, value_name = "PATH")]
    pub(crate) data: PathBuf,
    /// Folder that the image paths are relative to [default: the folder of --data]
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,
    /// Output directory for journal, results and report
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}

impl<T: Task> RunArgs<T> {
    /// The folder that image paths are relative to.
    pub(crate) fn images(&self) -> PathBuf {
        let beside = || match self.data.extension() {
            // The CSV file of plain.
            Some(_) if !self.data.is_dir() => self.data.parent().map_or_else(PathBuf::new, PathBuf::from),
            _ => self.data.clone(),
        };
        self.images.clone().unwrap_or_else(beside)
    }
}

/// Parses the name of a data set of the task.
fn dataset<T: Task>() -> impl TypedValueParser<Value = &'static Entry<T::Truth>> {
    let values = T::DATASETS.iter().map(|entry| PossibleValue::new(entry.name).help(entry.title));
    PossibleValuesParser::new(values).try_map(|name| {
        let found = T::DATASETS.iter().find(|entry| entry.name == name);
        found.ok_or("no data set has this name")
    })
}

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// The result.json of an evaluation
    #[arg(value_name = "A.json")]
    pub(crate) first: PathBuf,
    /// The result.json of another evaluation, of the same task and data set
    #[arg(value_name = "B.json")]
    pub(crate) second: PathBuf,
}
