//! `radzero eval`: measures a model on a data set with ground truth. The library `radzero-eval` does the work; this module adds
//! files, progress and pictures.

pub(crate) mod args;
mod cases;
mod compare;
mod evaluate;

use radzero_eval::datasets::region::Region;
use radzero_eval::tasks::{Classification, Grounding, Segmentation};

use self::args::EvalCommand;
use self::cases::Truth;
use crate::error::{Completion, Failure};

/// Runs one of the subcommands.
pub(crate) fn run(command: EvalCommand) -> Result<Completion, Failure> {
    match command {
        EvalCommand::Classification(args) => evaluate::run::<Classification>(&args, |_, _| Truth::None),
        EvalCommand::Grounding(args) => evaluate::run::<Grounding>(&args, |targets, prompt| {
            let of_prompt = targets.iter().filter(|target| target.prompt == prompt);
            Truth::Boxes(of_prompt.flat_map(|target| target.boxes.iter().copied()).collect())
        }),
        EvalCommand::Segmentation(args) => {
            evaluate::run::<Segmentation>(&args, |region: &Region, _| Truth::Region(region.clone()))
        }
        EvalCommand::Compare(args) => compare::run(&args),
    }
}
