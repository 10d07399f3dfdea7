//! The loop over the images of a data set: read, encode, compare, write a row to the journal.
//!
//! Sentences are encoded once. Images are handled in order while the next ones are read and encoded, in batches if the model
//! supports them ([`Model::encode_all`]). Each image becomes a line of the [`journal`], so memory does not grow with their
//! number, and an interrupted run continues where it stopped if its files are unchanged (`digests`). An image that cannot be
//! read or does not fit its ground truth is reported, skipped, and tried again in the next run.

mod digests;
pub mod journal;
pub mod model;
mod reading;
pub mod record;

use std::time::{Duration, Instant};

use radzero_core::{ErrorKind, chain};

use self::journal::Journal;
use self::model::{Encoded, Model};
use crate::datasets::Dataset;
use crate::error::{Error, Result};
use crate::metrics::Undefined;
use crate::tasks::{Similarity, Task};

/// Receives the events of a run.
pub trait Watch {
    /// An image is done.
    fn done(&mut self, progress: &Progress);
    /// An image failed; the run continues.
    fn failed(&mut self, image: &str, error: &Error);
}

/// The progress of a run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    /// Images done in this run.
    pub done: usize,
    /// Time in the image encoder.
    pub model: Duration,
    /// Elapsed time. Reading and encoding run in parallel with comparing, maps, counting and the journal.
    pub total: Duration,
}

/// An image that failed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FailedImage {
    /// The image as the label file names it.
    pub image: String,
    /// The error.
    pub error: String,
}

/// The summary of a run, without the images of earlier runs with the same journal.
#[derive(Debug, Clone, Default)]
pub struct RunSummary {
    /// Images done, and time taken.
    pub progress: Progress,
    /// Images that failed.
    pub failed: Vec<FailedImage>,
}

/// Runs the images that are not in `journal` yet.
///
/// # Errors
/// [`Error::OtherRun`] if a file of an image in the journal has changed, [`Error::Missing`] if none of the images exists,
/// [`Error::Library`] for sentences that cannot be encoded, [`Error::Io`] if the journal cannot be written.
pub fn run<T: Task, M: Model>(
    dataset: &Dataset<T::Truth>,
    model: &M,
    journal: &mut Journal,
    watch: &mut impl Watch,
) -> Result<RunSummary> {
    let mut summary = RunSummary::default();
    digests::check_unchanged::<T>(dataset, journal)?;
    let left: Vec<usize> = (0..dataset.samples.len()).filter(|&index| !journal.is_done(index)).collect();
    let Some(first) = left.first() else { return Ok(summary) };
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
        let observed = match (encoded, reading.finish()) {
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
                summary.progress.done += 1;
                summary.progress.model += time;
                summary.progress.total = start.elapsed();
                watch.done(&summary.progress);
            }
            Err(error) => {
                watch.failed(&sample.id, &error);
                summary.failed.push(FailedImage { image: sample.id.clone(), error: chain(&error) });
            }
        }
    }
    Ok(summary)
}

/// Checks that there is one comparison per sentence, each with a finite logit.
fn check(found: &[impl Similarity], asked: usize) -> Result<()> {
    if found.len() != asked {
        return Err(Error::ModelValue(Undefined::NoSample));
    }
    match found.iter().any(|found| !found.logit().is_finite()) {
        true => Err(Error::ModelValue(Undefined::NotANumber)),
        false => Ok(()),
    }
}
