//! `radzero eval`: measures a model on a data set with ground truth. The library is `radzero-eval`; here are its files, its
//! progress and its pictures.

pub(crate) mod args;
mod cases;
mod compare;
mod evaluate;

use radzero_eval::datasets::{
    chestxdet10, chestxray14, chexpert, ms_cxr, openi, padchest, plain, region::Region, rsna, siim,
};
use radzero_eval::tasks::{Classification, Grounding, Segmentation};

use self::args::{ClassificationSet, EvalCommand, GroundingSet, SegmentationSet};
use self::cases::Truth;
use crate::error::{Failure, Outcome};

/// Runs one of the commands to its end.
pub(crate) fn run(command: EvalCommand) -> Result<Outcome, Failure> {
    match command {
        EvalCommand::Classification(args) => {
            let (data, images) = (&args.data, &args.images());
            let dataset = match args.dataset {
                ClassificationSet::Openi => openi::classification(data, images),
                ClassificationSet::Padchest => padchest::classification(data, images),
                ClassificationSet::Chestxray14 => chestxray14::classification(data, images),
                ClassificationSet::Chexpert => chexpert::classification(data, images),
                ClassificationSet::Chestxdet10 => chestxdet10::classification(data, images),
                ClassificationSet::Plain => plain::classification(data, images),
            };
            evaluate::run::<Classification>(&args.model, &args.out, &dataset?, |_, _| Truth::None)
        }
        EvalCommand::Grounding(args) => {
            let (data, images) = (&args.data, &args.images());
            let dataset = match args.dataset {
                GroundingSet::Chestxdet10 => chestxdet10::grounding(data, images),
                GroundingSet::MsCxr => ms_cxr::grounding(data, images),
                GroundingSet::Plain => plain::grounding(data, images),
            };
            evaluate::run::<Grounding>(&args.model, &args.out, &dataset?, |targets, prompt| {
                let of_prompt = targets.iter().filter(|target| target.prompt == prompt);
                Truth::Boxes(of_prompt.flat_map(|target| target.boxes.iter().copied()).collect())
            })
        }
        EvalCommand::Segmentation(args) => {
            let (data, images) = (&args.data, &args.images());
            let dataset = match args.dataset {
                SegmentationSet::Siim => siim::segmentation(data, images),
                SegmentationSet::Rsna => rsna::segmentation(data, images),
                SegmentationSet::Plain => plain::segmentation(data, images),
            };
            evaluate::run::<Segmentation>(&args.model, &args.out, &dataset?, |region: &Region, _| {
                Truth::Region(region.clone())
            })
        }
        EvalCommand::Compare(args) => compare::run(&args),
    }
}
