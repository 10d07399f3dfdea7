//! Runs a task on a data set: journal, progress, result files, report.

use std::fs;
use std::io::Write as _;
use std::sync::Arc;

use indicatif::ProgressBar;
use radzero_core::{EncoderQueue, chain};
use radzero_eval::metrics::bootstrap::Bootstrap;
use radzero_eval::report::result::Evaluation;
use radzero_eval::report::{html, markdown};
use radzero_eval::run::journal::Journal;
use radzero_eval::run::model::Model;
use radzero_eval::run::record::RunRecord;
use radzero_eval::run::{self, Progress, Watch};
use radzero_eval::tasks::Task;

use super::args::RunArgs;
use super::cases::{self, Truth};
use crate::NOTICE;
use crate::console::{complain, one_line, print_last, progress};
use crate::error::{Completion, Failure};
use crate::interrupt;
use crate::job;
use crate::output::files::write_whole;

/// Shows the events of a run on a progress bar.
struct Bar(ProgressBar);

impl Watch for Bar {
    fn done(&mut self, progress: &Progress) {
        let share = progress.model.as_secs_f64() / progress.total.as_secs_f64().max(f64::MIN_POSITIVE);
        self.0.set_message(format!("{:.0} % of the time in the image encoder", 100.0 * share));
        self.0.inc(1);
    }

    fn failed(&mut self, image: &str, error: &radzero_eval::Error) {
        let (image, message) = (one_line(image), chain(error));
        self.0.suspend(|| complain(&format!("error: {image}: {}", one_line(&message))));
        self.0.inc(1);
    }
}

/// Runs the images of the data set that are not in the journal yet, scores all of them, and writes the results. `truth` gives
/// what to draw for a sample and a sentence.
pub(super) fn run<T: Task>(
    args: &RunArgs<T>,
    truth: impl Fn(&T::Truth, usize) -> Truth,
) -> Result<Completion, Failure> {
    let (dataset, out) = (&(args.dataset.load)(&args.data, &args.images())?, &args.out);
    complain(NOTICE);
    let queue = EncoderQueue::new(Arc::new(job::open(&args.model)?))?;
    let model = queue.encoder();
    fs::create_dir_all(out).map_err(|source| Failure::CreateDirectory { path: out.clone(), source })?;
    let record = RunRecord::new::<T>(dataset, Model::record(&queue)?);
    let mut journal = Journal::open(&out.join("journal.jsonl"), &record)?;
    interrupt::install()?;

    let images = dataset.samples.len();
    let done = journal.len();
    complain(&format!(
        "{} on {}: {images} images, {done} done before; intensity policy {}; model {}",
        T::KIND,
        one_line(&dataset.name),
        dataset.policy,
        one_line(&model.manifest().name),
    ));
    let bar = progress((images - done) as u64, "{bar:32} {pos}/{len} images, {per_sec}, {eta} left; {msg}");
    let mut watch = Bar(bar);
    let summary = run::run::<T, EncoderQueue>(dataset, &queue, &mut journal, &mut watch);
    watch.0.finish_and_clear();
    let summary = summary?;

    complain(&format!("Scoring {} images", journal.len()));
    let (evaluation, score) = Evaluation::new::<T>(dataset, record, &journal, &summary, Bootstrap::default())?;
    // Results first: hours of work must not be lost to a picture.
    let document = markdown::document(&evaluation);
    let json = serde_json::to_string_pretty(&evaluation).map_err(|error| Failure::Output(error.into()))?;
    let write = |name: &str, text: &str| write_whole(&out.join(name), |mut file| file.write_all(text.as_bytes()));
    write("result.json", &(json + "\n"))?;
    write("result.md", &document)?;
    cases::empty_folder(out)?;
    let mut completion = if summary.failed.is_empty() { Completion::Done } else { Completion::SomeFailed };
    let best = cases::draw(model, dataset, &score.best, "best", out, &truth, &mut completion);
    let worst = cases::draw(model, dataset, &score.worst, "worst", out, &truth, &mut completion);
    write("report.html", &html::page(&evaluation, &score.curves, &best, &worst))?;
    print_last(&document)?;
    Ok(completion)
}
