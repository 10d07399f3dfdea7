//! The direct computation that belongs to each registered data set.

use std::path::Path;

use radzero_core::radiograph::IntensityPolicy;
use radzero_eval::run::model::Model;
use radzero_eval::tasks::TaskKind;

use super::classification::{classification, long_tailed};
use super::grounding::{grounding, phrases};
use super::segmentation::{Segmented, segmentation};
use super::{Direct, ImageFiles};
use crate::classes::{CHESTXDET10, CHESTXRAY14, CHEXPERT, Class, KINDS, OPENI, RSNA, SIIM};
use crate::drawn::Drawn;
use crate::error::{Error, Result};

/// Computes directly what the task should give on the drawings, whose images are below `root`, in the format of data set `name`.
///
/// # Errors
/// [`Error::NoDirectComputation`] for a data set that is not known here, and the errors of the model and of reading images.
pub fn compute<M: Model>(task: TaskKind, name: &str, model: &M, drawn: &[Drawn], root: &Path) -> Result<Direct> {
    let (min_max, reference) = (IntensityPolicy::MinMax, IntensityPolicy::Reference);
    let (png, dicom) = (ImageFiles::Png(root), ImageFiles::Dicom(root));
    let kinds = KINDS.map(|kind| Class { name: kind, kind });
    match (task, name) {
        (TaskKind::Classification, "openi") => long_tailed(model, drawn, png, &OPENI, min_max),
        (TaskKind::Classification, "padchest") => long_tailed(model, drawn, png, &kinds, min_max),
        (TaskKind::Classification, "chestxray14") => classification(model, drawn, png, &CHESTXRAY14, min_max),
        (TaskKind::Classification, "chexpert") => classification(model, drawn, png, &CHEXPERT, min_max),
        (TaskKind::Classification, "chestxdet10") => classification(model, drawn, png, &CHESTXDET10, min_max),
        (TaskKind::Classification, "plain") => classification(model, drawn, png, &kinds, reference),
        (TaskKind::Grounding, "chestxdet10") => grounding(model, drawn, png, &CHESTXDET10, min_max),
        (TaskKind::Grounding, "ms-cxr") => phrases(model, drawn, png, reference),
        (TaskKind::Grounding, "plain") => grounding(model, drawn, png, &kinds, reference),
        (TaskKind::Segmentation, "siim") => {
            let what = Segmented { kind: SIIM, class: "Pneumothorax", prompt: "There is Pneumothorax", boxes: false };
            segmentation(model, drawn, dicom, what, reference)
        }
        (TaskKind::Segmentation, "rsna") => {
            let what = Segmented { kind: RSNA, class: "Pneumonia", prompt: "There is Pneumonia", boxes: true };
            segmentation(model, drawn, dicom, what, reference)
        }
        (TaskKind::Segmentation, "plain") => {
            let what = Segmented { kind: SIIM, class: SIIM, prompt: "There is pneumothorax", boxes: false };
            segmentation(model, drawn, png, what, reference)
        }
        _ => Err(Error::NoDirectComputation { task, dataset: name.to_owned() }),
    }
}
