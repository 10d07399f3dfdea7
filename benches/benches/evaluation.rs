//! What does evaluating 1,000 images cost beside the model, and does memory grow with their number?
//!
//! `cargo bench -p radzero-benches --bench evaluation [-- MODEL-DIRECTORY]`
//!
//! Segmentation is the heaviest task: each map is made and counted at 1024 x 1024. First a plain loop does what any use of the
//! model does (read the image, compare, make the map), then the evaluation does the same with all it adds: the mask, the counts,
//! the journal. Without a model directory a stand-in of no cost takes the model's place, so what is printed is the whole price
//! in milliseconds, to be held against the model's time on the machine in question.

#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;
use std::time::{Duration, Instant};

use ndarray::Array2;
use radzero_benches::radiograph;
use radzero_core::radiograph::IntensityPolicy;
use radzero_core::{RadZero, Radiograph};
use radzero_eval::Error;
use radzero_eval::datasets::region::{PixelBox, Region};
use radzero_eval::datasets::{Dataset, Sample};
use radzero_eval::metrics::bootstrap::Bootstrap;
use radzero_eval::report::result::Evaluation;
use radzero_eval::run::journal::Journal;
use radzero_eval::run::model::{Model, Similarity};
use radzero_eval::run::record::{ModelRecord, RunRecord};
use radzero_eval::run::{self, Progress, Watch};
use radzero_eval::tasks::Segmentation;

const IMAGES: usize = 1000;
/// Different files; each is read many times.
const FILES: usize = 20;
const SIDE: usize = 1024;

/// A model of no cost, with a smooth map.
struct StandIn;

struct Smooth {
    width: usize,
    height: usize,
}

impl Model for StandIn {
    type Prompt = ();
    type Found = Smooth;

    fn prompts(&self, texts: &[String]) -> radzero_core::Result<Vec<()>> {
        Ok(vec![(); texts.len()])
    }

    fn compare(&self, radiograph: &Radiograph, prompts: &[()]) -> radzero_core::Result<Vec<Smooth>> {
        let found = || Smooth { width: radiograph.width(), height: radiograph.height() };
        Ok(prompts.iter().map(|()| found()).collect())
    }

    fn record(&self) -> ModelRecord {
        ModelRecord {
            name: "stand-in".into(),
            hash: String::new(),
            precision: String::new(),
            device: String::new(),
            provider: String::new(),
            geometry: String::new(),
            onnxruntime: None,
        }
    }
}

impl Similarity for Smooth {
    fn logit(&self) -> f32 {
        0.0
    }

    fn map(&self) -> Array2<f32> {
        let (width, height) = (self.width as f32, self.height as f32);
        Array2::from_shape_fn((self.height, self.width), |(y, x)| {
            0.1 + 0.4 * x as f32 / width + 0.4 * y as f32 / height
        })
    }
}

/// Resident memory in MiB, where the system tells.
fn resident() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<f64>().ok()? / 1024.0)
}

#[derive(Default)]
struct Memory(Vec<(usize, f64)>);

impl Watch for Memory {
    fn done(&mut self, progress: &Progress) {
        if progress.done.is_multiple_of(IMAGES / 5) || progress.done == IMAGES / 10 {
            self.0.extend(resident().map(|memory| (progress.done, memory)));
        }
    }

    fn failed(&mut self, image: &str, error: &Error) {
        eprintln!("{image}: {error}");
    }
}

fn dataset(folder: &Path) -> Dataset<Region> {
    for file in 0..FILES {
        // Different in size by a little, as files of a data set are.
        let image = radiograph(SIDE, SIDE - file).unwrap().to_rgb_image();
        image::DynamicImage::from(image).to_luma8().save(folder.join(format!("{file}.png"))).unwrap();
    }
    let truth = |index: usize| match index % 4 {
        0 => Region::Boxes(vec![PixelBox { left: 100, top: 200 + index as u32 % 300, width: 300, height: 200 }]),
        _ => Region::nowhere(),
    };
    let sample = |index: usize| Sample {
        id: format!("{index}"),
        path: folder.join(format!("{}.png", index % FILES)),
        truth: truth(index),
    };
    Dataset {
        name: "made up".into(),
        classes: vec!["Pneumonia".into()],
        prompts: vec!["There is Pneumonia".into()],
        samples: (0..IMAGES).map(sample).collect(),
        groups: Vec::new(),
        policy: IntensityPolicy::Reference,
        files: Vec::new(),
        owner: String::new(),
    }
}

fn plain(dataset: &Dataset<Region>, model: &impl Model) -> Duration {
    let prompts = model.prompts(&dataset.prompts).unwrap();
    let start = Instant::now();
    for sample in &dataset.samples {
        let radiograph = dataset.read(sample).unwrap();
        for found in model.compare(&radiograph, &prompts).unwrap() {
            std::hint::black_box(found.map());
        }
    }
    start.elapsed()
}

fn measure(model: &impl Model) {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(folder.path());
    let record = RunRecord::new::<Segmentation>(&dataset, model.record());
    let each = |time: Duration| 1000.0 * time.as_secs_f64() / IMAGES as f64;
    let alone = plain(&dataset, model);
    let mut journal = Journal::open(&folder.path().join("journal.jsonl"), &record).unwrap();
    let mut memory = Memory::default();
    let start = Instant::now();
    let outcome = run::run::<Segmentation, _>(&dataset, model, &mut journal, &mut memory).unwrap();
    let whole = start.elapsed();
    println!("model {:?}, {IMAGES} images of {SIDE} x {SIDE}", record.model.name);
    println!(
        "  read, compare, map: {:8.2} ms an image ({:.2} in the model)",
        each(alone),
        each(outcome.progress.model)
    );
    println!("  the evaluation:     {:8.2} ms an image", each(whole));
    let added = whole.as_secs_f64() - alone.as_secs_f64();
    println!(
        "  added:              {:8.2} ms an image, {:.2} %",
        1000.0 * added / IMAGES as f64,
        100.0 * added / alone.as_secs_f64()
    );
    for (images, resident) in &memory.0 {
        println!("  after {images:4} images:  {resident:8.1} MiB resident");
    }
    let start = Instant::now();
    Evaluation::new::<Segmentation>(&dataset, record, &journal, &outcome, Bootstrap::default()).unwrap();
    let bytes = std::fs::metadata(folder.path().join("journal.jsonl")).unwrap().len();
    println!(
        "  scoring:            {:8.2} s, journal of {:.1} MiB",
        start.elapsed().as_secs_f64(),
        bytes as f64 / 1048576.0
    );
    if let Some(resident) = resident() {
        println!("  after scoring:      {resident:8.1} MiB resident");
    }
}

fn main() {
    // Cargo adds `--bench`.
    match std::env::args().skip(1).find(|argument| !argument.starts_with("--")) {
        Some(directory) => measure(&RadZero::open(directory).unwrap()),
        None => measure(&StandIn),
    }
}
