//! The loop over a data set's images: read, compare, observe, journal.
//!
//! Sentences are encoded once. Images are taken in their order, the next ones read and encoded meanwhile, in batches where the
//! model does so ([`Model::encode_all`]), and what is kept of each is a line of the [`journal`]: memory does not grow with
//! their number, and an interrupted run goes on where it stopped, if the files are still those of the journal (`content`). An
//! image that cannot be read or does not fit its ground truth is reported and skipped; it is tried again the next time.

mod content;
pub mod journal;
pub mod model;
mod reading;
pub mod record;

use std::time::{Duration, Instant};

use radzero_core::{ErrorKind, chain};

use self::journal::Journal;
use self::model::{Encoded, Model, Similarity};
use crate::datasets::Dataset;
use crate::error::{Error, Result};
use crate::metrics::Undefined;
use crate::tasks::Task;

/// Is told what happens.
pub trait Watch {
    /// An image was done.
    fn done(&mut self, progress: &Progress);
    /// An image failed, and the run goes on.
    fn failed(&mut self, image: &str, error: &Error);
}

/// How far a run is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    /// Images done in this run.
    pub done: usize,
    /// Time in the image encoder.
    pub model: Duration,
    /// Time in everything, of which reading and encoding go on beside comparing, maps, counting and the journal.
    pub total: Duration,
}

/// An image that failed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FailedImage {
    /// The image as the label file names it.
    pub image: String,
    /// What went wrong.
    pub error: String,
}

/// How a run ended.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Images done in this run, those of earlier runs left out.
    pub progress: Progress,
    /// Images that failed in this run.
    pub failed: Vec<FailedImage>,
}

/// Runs what `journal` does not hold yet.
///
/// # Errors
/// [`Error::OtherRun`] if a file of an image in the journal has changed, [`Error::Missing`] if no image is there at all,
/// [`Error::Library`] for sentences that cannot be encoded, [`Error::Io`] if the journal cannot be written.
pub fn run<T: Task, M: Model>(
    dataset: &Dataset<T::Truth>,
    model: &M,
    journal: &mut Journal,
    watch: &mut impl Watch,
) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    content::unchanged::<T>(dataset, journal)?;
    let left: Vec<usize> = (0..dataset.samples.len()).filter(|&index| !journal.is_done(index)).collect();
    let Some(first) = left.first() else { return Ok(outcome) };
    if !left.iter().any(|&index| dataset.samples[index].path.exists()) {
        let path = dataset.samples[*first].path.clone();
        let owner = format!("None of the {} images to do is there, this is the first. {}", left.len(), dataset.owner);
        return Err(Error::Missing { path, owner });
    }
    let mut task = T::default();
    let prompts = model.prompts(&dataset.prompts)?;
    let start = Instant::now();
    let requests = left.iter().map(|&index| {
        let (reading, request) = reading::request::<T>(dataset, &dataset.samples[index]);
        ((index, reading), request)
    });
    for ((index, reading), encoded) in model.encode_all(requests)? {
        let sample = &dataset.samples[index];
        let mut observe = |Encoded { radiograph, image, time }: Encoded<M::Image>, files| {
            let asked = T::prompts(&sample.truth, prompts.len());
            let asked: Vec<M::Prompt> = asked.iter().map(|&index| prompts[index].clone()).collect();
            let found = model.compare(&image, &asked)?;
            check(&found, asked.len())?;
            Ok((task.observe(&sample.truth, &radiograph, &found)?, files, time))
        };
        let observed = match (encoded, reading.learned()) {
            (_, Some(Err(error))) => Err(error),
            (Ok(encoded), Some(Ok(files))) => observe(encoded, files),
            (Err(error), _) => Err(error.into()),
            (Ok(_), None) => Err(Error::Library(radzero_core::Error::new(
                ErrorKind::Inference,
                "the model gave an image that it has not read",
            ))),
        };
        match observed {
            Ok((row, files, time)) => {
                journal.write(index, &sample.id, files, &row)?;
                outcome.progress.done += 1;
                outcome.progress.model += time;
                outcome.progress.total = start.elapsed();
                watch.done(&outcome.progress);
            }
            Err(error) => {
                watch.failed(&sample.id, &error);
                outcome.failed.push(FailedImage { image: sample.id.clone(), error: chain(&error) });
            }
        }
    }
    Ok(outcome)
}

/// One answer a sentence, each with a logit that is a number.
fn check(found: &[impl Similarity], asked: usize) -> Result<()> {
    if found.len() != asked {
        return Err(Error::ModelValue(Undefined::NoSample));
    }
    match found.iter().any(|found| !found.logit().is_finite()) {
        true => Err(Error::ModelValue(Undefined::NotANumber)),
        false => Ok(()),
    }
}
