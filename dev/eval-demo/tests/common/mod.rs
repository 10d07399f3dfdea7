//! Shared by the tests: layouts, and models without weights.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, dead_code, reason = "each test file uses a part of it")]

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ndarray::Array2;
use radzero_core::manifest::sha256_bytes;
use radzero_core::radiograph::Levels;
use radzero_core::record::{Device, EncoderRecord, ModelRecord};
use radzero_core::{Cancellation, EncodedImage, EncoderQueue, Radiograph, Request};
use radzero_eval::datasets::Dataset;
use radzero_eval::run::journal::Journal;
use radzero_eval::run::model::{Encoded, Model, answers};
use radzero_eval::run::record::{Evaluated, RunRecord};
use radzero_eval::run::{self, Progress, RunSummary, Watch};
use radzero_eval::tasks::{Similarity, Task};
use radzero_eval_demo::Drawn;
use radzero_eval_demo::ellipses::drawings;
use radzero_eval_demo::layout::Layout;
use radzero_tests::standin::{StandIn, level};

/// Writes `drawn` in all formats below `root`.
pub(crate) fn lay_out(root: &Path, drawn: &[Drawn]) {
    let mut layout = Layout::new(root).unwrap();
    for drawn in drawn {
        layout.add(drawn).unwrap();
    }
    layout.finish().unwrap();
}

/// Runs `test` on `count` drawings, written in all formats below its argument.
pub(crate) fn with_drawings(count: u32, test: impl FnOnce(&Path)) {
    let root = tempfile::tempdir().unwrap();
    lay_out(root.path(), &drawings(count));
    test(root.path());
}

/// A model whose maps follow the brightness, with a gradient that depends on the sentence.
pub(crate) struct Fake {
    pub(crate) hash: &'static str,
    pub(crate) calls: Cell<usize>,
    pub(crate) encoded: Cell<usize>,
    /// Added to every logit and every value of the map.
    pub(crate) offset: f32,
}

impl Default for Fake {
    fn default() -> Self {
        Self { hash: "0123", calls: Cell::new(0), encoded: Cell::new(0), offset: 0.0 }
    }
}

pub(crate) struct Found {
    logit: f32,
    map: Array2<f32>,
}

impl Similarity for Found {
    fn logit(&self) -> f32 {
        self.logit
    }

    fn map(&self) -> Array2<f32> {
        self.map.clone()
    }
}

impl Model for Fake {
    type Prompt = u32;
    type Image = Radiograph;
    type Found = Found;

    fn prompts(&self, texts: &[String]) -> radzero_core::Result<Vec<u32>> {
        self.encoded.set(self.encoded.get() + texts.len());
        Ok(texts.iter().map(|text| text.bytes().map(u32::from).sum()).collect())
    }

    fn encode_all<T>(
        &self,
        requests: impl Iterator<Item = (T, Request)>,
    ) -> radzero_core::Result<impl Iterator<Item = (T, radzero_core::Result<Encoded<Radiograph>>)>> {
        let encoded = |radiograph: Radiograph| Encoded { image: radiograph.clone(), radiograph, time: Duration::ZERO };
        Ok(requests.map(move |(tag, request)| (tag, request.read(&Cancellation::new()).map(encoded))))
    }

    fn compare(&self, radiograph: &Radiograph, prompts: &[u32]) -> radzero_core::Result<Vec<Found>> {
        self.calls.set(self.calls.get() + 1);
        let Levels::Gray(levels) = radiograph.levels() else { panic!("drawings are gray") };
        let (width, height) = (radiograph.width(), radiograph.height());
        let found = prompts.iter().map(|prompt| {
            let (down, across) = ((prompt % 7) as f32 / 40.0, (prompt % 5) as f32 / 40.0);
            let map = Array2::from_shape_fn((height, width), |(y, x)| {
                let level = f32::from(levels[[y, x]]) / 255.0;
                let gradient = down * y as f32 / height as f32 + across * x as f32 / width as f32;
                (0.1 + 0.6 * level + gradient).clamp(0.0, 1.0) + self.offset
            });
            // Rounded, so that there are ties.
            Found { logit: (map.mean().unwrap_or(0.0) * 200.0).round() / 8.0, map }
        });
        Ok(found.collect())
    }

    fn record(&self) -> radzero_core::Result<Evaluated> {
        let encoder = EncoderRecord::new(Device::Cpu, [("none".to_owned(), 1)].into(), None, "none");
        let model = ModelRecord::named("fake", sha256_bytes(self.hash.as_bytes()));
        Ok(Evaluated { model, image_encoder: encoder.clone(), text_encoder: encoder })
    }
}

/// A model behind a queue that encodes in batches, as on a GPU. It sees only the first pixel.
pub(crate) struct Batching(pub(crate) EncoderQueue<StandIn>);

impl Batching {
    pub(crate) fn of(batch: usize, images: usize) -> Self {
        let stand_in =
            StandIn { batch, workers: 4, run: Duration::from_millis(5), awaited: images, ..StandIn::default() };
        Self(EncoderQueue::new(Arc::new(stand_in)).unwrap())
    }
}

impl Model for Batching {
    type Prompt = usize;
    type Image = EncodedImage;
    type Found = Found;

    fn prompts(&self, texts: &[String]) -> radzero_core::Result<Vec<usize>> {
        Ok((0..texts.len()).collect())
    }

    fn encode_all<T>(
        &self,
        requests: impl Iterator<Item = (T, Request)>,
    ) -> radzero_core::Result<impl Iterator<Item = (T, radzero_core::Result<Encoded<EncodedImage>>)>> {
        answers(&self.0, requests)
    }

    fn compare(&self, image: &EncodedImage, prompts: &[usize]) -> radzero_core::Result<Vec<Found>> {
        let (size, level) = ((image.height(), image.width()), f32::from(level(image)));
        let found = |&prompt: &usize| Found { logit: level + prompt as f32, map: Array2::from_elem(size, 0.5) };
        Ok(prompts.iter().map(found).collect())
    }

    fn record(&self) -> radzero_core::Result<Evaluated> {
        Fake::default().record()
    }
}

/// Records the events of a run.
#[derive(Default)]
pub(crate) struct Events {
    pub(crate) done: usize,
    pub(crate) failed: Vec<String>,
}

impl Watch for Events {
    fn done(&mut self, progress: &Progress) {
        assert!(progress.model <= progress.total);
        self.done += 1;
    }

    fn failed(&mut self, image: &str, error: &radzero_eval::Error) {
        self.failed.push(format!("{image}: {error}"));
    }
}

/// Runs the images that are left, with the journal in `folder`.
pub(crate) fn evaluate<T: Task>(
    dataset: &Dataset<T::Truth>,
    model: &impl Model,
    folder: &Path,
) -> radzero_eval::Result<(RunRecord, Journal, RunSummary, Events)> {
    let record = RunRecord::new::<T>(dataset, model.record().unwrap());
    let mut journal = Journal::open(&journal_path(folder), &record)?;
    let mut events = Events::default();
    let summary = run::run::<T, _>(dataset, model, &mut journal, &mut events)?;
    Ok((record, journal, summary, events))
}

pub(crate) fn journal_path(folder: &Path) -> PathBuf {
    folder.join("journal.jsonl")
}
