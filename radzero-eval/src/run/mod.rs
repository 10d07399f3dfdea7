//! The loop over a data set's images: read, compare, observe, journal.
//!
//! Sentences are encoded once. Images are taken one by one, the next ones read meanwhile (`ahead`), and what is kept of each
//! is a line of the [`journal`]: memory does not grow with their number, and an interrupted run goes on where it stopped, if
//! the files are still those of the journal (`content`). An image that cannot be read or does not fit its ground truth is
//! reported and skipped; it is tried again the next time.

mod ahead;
mod content;
pub mod journal;
pub mod model;
pub mod record;

use std::time::{Duration, Instant};

use radzero_core::chain;

use self::ahead::{Read, ahead};
use self::journal::Journal;
use self::model::{Model, Similarity};
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
    /// Time in the model: encoding and comparing.
    pub model: Duration,
    /// Time in everything: reading, the model, maps, counting, the journal.
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
    ahead::<T, _>(dataset, &left, |index, read| {
        let sample = &dataset.samples[index];
        let mut model_time = Duration::ZERO;
        let observed = read.and_then(|Read { radiograph, files }| {
            let asked = T::prompts(&sample.truth, prompts.len());
            let asked: Vec<M::Prompt> = asked.iter().map(|&index| prompts[index].clone()).collect();
            let start = Instant::now();
            let found = model.compare(&radiograph, &asked)?;
            model_time = start.elapsed();
            check(&found, asked.len())?;
            Ok((task.observe(&sample.truth, &radiograph, &found)?, files))
        });
        match observed {
            Ok((row, files)) => {
                journal.write(index, &sample.id, files, &row)?;
                outcome.progress.done += 1;
                outcome.progress.model += model_time;
                outcome.progress.total = start.elapsed();
                watch.done(&outcome.progress);
            }
            Err(error) => {
                watch.failed(&sample.id, &error);
                outcome.failed.push(FailedImage { image: sample.id.clone(), error: chain(&error) });
            }
        }
        Ok(())
    })?;
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
