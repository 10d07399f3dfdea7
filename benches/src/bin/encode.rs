//! Times stages of a model for the scripts in `peers` and `gpu`, so that they can run it in turns with its peers.
//!
//! `encode MODEL_DIR [DEVICE [THREADS [onnxruntime]]]`; `onnxruntime` selects ONNX Runtime's kernels. The first line of output
//! says what runs: the kernels, then the version of ONNX Runtime. After that, each line of standard input names a stage, and is
//! answered with a line of numbers, in milliseconds:
//! - `image`: the encoder on an image of the model's input size, so that resampling does not count
//! - `images N`: the encoder on a batch of N such images, different from each other and from those of the previous line
//! - `queue N`: per image, when a queue encodes N such images
//! - `cancelled N`: from a cancellation to the end of a batch of N such images, the longest of several tries, then the number
//!   of tries and of those that ended early; the batch must give the same tokens before and after, bit for bit
//! - `read PATH`: from a file to the model's pixels
//! - `prompt`, `prompts`, `cached`: one new sentence, 14 new ones, a cached one
//! - `compare`, `maps`, `points`, `masks`: for a radiograph of 2000 x 2500 and 14 prompts; `maps-points` and `maps-masks` go
//!   through the maps
//! - `new PATH`, `known PATH`, `maps PATH`: from a file to the points of 14 prompts (new, cached, new and with their maps), and
//!   the same without the image encoder
//! - `callers N`: per image, when N callers share eight images; answers must equal those of the first such line bit for bit
//!
//! `tokens FOLDER` reads levels \[3, S, S\] from the file `pixels` there and writes `tokens`; `answer FOLDER PATH` reads the lines
//! of `prompts` there and writes `tokens`, `probabilities` and `maps`, all as 32-bit floats.

use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::io::{BufRead as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use ndarray::Array3;
use radzero_benches::{PROMPTS, numbered_radiograph, radiograph, sentences};
use radzero_core::{
    Cancellation, Comparison, Device, EncodedImage, EncoderQueue, ErrorKind, RadZero, Radiograph, Request,
};

type BoxResult<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Images that the callers share.
const IMAGES: usize = 8;

/// Batches that are cancelled, each later than the one before.
const CANCELLATIONS: u32 = 10;

/// Different images that a queue gets.
const QUEUED: usize = 64;

fn main() -> BoxResult<()> {
    let mut bench = Bench::open(std::env::args().skip(1))?;
    println!("{} | {}", bench.model.kernels().unwrap_or("-"), bench.model.runtime().version());
    for line in std::io::stdin().lock().lines() {
        let times: Vec<String> = bench.stage(&line?)?.iter().map(f64::to_string).collect();
        println!("{}", times.join(" "));
        std::io::stdout().flush()?;
    }
    Ok(())
}

struct Bench {
    model: Arc<RadZero>,
    small: Radiograph,
    image: EncodedImage,
    found: Vec<Comparison>,
    /// Rounds of new sentences so far; those of round 0 are cached.
    turn: usize,
    /// Radiographs for the callers, and their answers.
    shared: Vec<Radiograph>,
    answers: Option<Vec<Vec<u32>>>,
}

impl Bench {
    fn open(mut arguments: impl Iterator<Item = String>) -> BoxResult<Self> {
        let directory = arguments.next().ok_or("a model directory expected")?;
        let device: Device = arguments.next().as_deref().unwrap_or("cpu").parse()?;
        let mut builder = RadZero::builder(directory).device(device);
        if let Some(threads) = arguments.next() {
            builder = builder.threads(threads.parse()?);
        }
        match arguments.next().as_deref() {
            Some("onnxruntime") => builder = builder.onnxruntime_kernels(),
            Some(other) => return Err(format!("onnxruntime or nothing expected, {other:?} found").into()),
            None => {}
        }
        let model = Arc::new(builder.open()?);
        let size = model.manifest().dimensions.image_size;
        let image = model.encode_image(&radiograph(2500, 2000)?)?;
        let found = model.compare(&image, &model.encode_prompts(&sentences(PROMPTS, 0))?)?;
        let small = radiograph(size, size)?;
        let shared = (0..IMAGES).map(|index| radiograph(2500 - 10 * index, 2000)).collect::<Result<_, _>>()?;
        Ok(Self { model, small, image, found, turn: 0, shared, answers: None })
    }

    fn stage(&mut self, line: &str) -> BoxResult<Vec<f64>> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (name, path) = (words.first().copied().unwrap_or_default(), words.get(1).copied());
        let Self { model, found, .. } = self;
        let started = Instant::now();
        match (name, path) {
            ("image", None) => drop(model.encode_image(&self.small)?),
            ("images", Some(count)) => return self.images(count.parse()?).map(|time| vec![time]),
            ("queue", Some(count)) => return self.queue(count.parse()?).map(|time| vec![time]),
            ("cancelled", Some(count)) => return self.cancelled(count.parse()?),
            ("read", Some(path)) => drop(model.pixels(&Radiograph::open(path)?)?),
            ("prompt", None) => drop(model.encode_prompts(&sentences(1, next(&mut self.turn)))?),
            ("prompts", None) => drop(model.encode_prompts(&sentences(PROMPTS, next(&mut self.turn)))?),
            ("cached", None) => drop(model.encode_prompts(&sentences(1, 0))?),
            ("compare", None) => {
                drop(model.compare(&self.image, &model.encode_prompts(&sentences(PROMPTS, 0))?)?);
            }
            ("maps", None) => each(found, |found| found.map()),
            ("points", None) => each(found, |found| found.peak()),
            ("masks", None) => each(found, |found| found.mask(0.5)),
            ("maps-points", None) => each(found, |found| found.map().peak()),
            ("maps-masks", None) => each(found, |found| found.map().mask(0.5)),
            ("new" | "known" | "maps", Some(path)) => return self.whole(name, path),
            ("callers", Some(count)) => return self.callers(count.parse()?).map(|time| vec![time]),
            ("tokens", Some(folder)) => self.tokens(folder.as_ref())?,
            ("answer", Some(folder)) => self.answer(folder.as_ref(), words.get(2).ok_or("a radiograph expected")?)?,
            _ => return Err(format!("unknown stage {line:?}").into()),
        }
        Ok(vec![milliseconds(started)])
    }

    /// Different images of the model's input size.
    fn numbered(&self, first: usize, count: usize) -> BoxResult<Vec<Radiograph>> {
        let size = self.model.manifest().dimensions.image_size;
        (first..first + count).map(|number| Ok(numbered_radiograph(size, size, number)?)).collect()
    }

    /// Milliseconds for a batch, without making its images.
    fn images(&mut self, count: usize) -> BoxResult<f64> {
        let first = next(&mut self.turn) * count;
        let images = self.numbered(first, count)?;
        let started = Instant::now();
        drop(self.model.encode_images(&images)?);
        Ok(milliseconds(started))
    }

    /// The longest wait in milliseconds, the number of tries, and how many ended before the whole batch was encoded.
    fn cancelled(&self, count: usize) -> BoxResult<Vec<f64>> {
        let images = self.numbered(0, count)?;
        self.model.encode_images(&images)?;
        let started = Instant::now();
        let expected = self.model.encode_images(&images)?;
        let whole = started.elapsed();
        let (mut longest, mut early) = (0.0, 0);
        for attempt in 0..CANCELLATIONS {
            let cancellation = Cancellation::new();
            let canceller = {
                let (cancellation, pause) = (cancellation.clone(), whole * attempt / CANCELLATIONS);
                thread::spawn(move || {
                    thread::sleep(pause);
                    cancellation.cancel();
                    Instant::now()
                })
            };
            let ended = self.model.encode_images_until(&images, &cancellation);
            let end = Instant::now();
            let cancelled = canceller.join().map_err(|_| "the cancelling thread panicked")?;
            longest = f64::max(longest, end.saturating_duration_since(cancelled).as_secs_f64() * 1e3);
            match ended {
                Err(error) if error.kind() == ErrorKind::Cancelled => early += 1,
                Err(error) => return Err(error.into()),
                Ok(_) => {}
            }
            let again = self.model.encode_images(&images)?;
            if expected.iter().zip(&again).any(|(expected, again)| expected.tokens() != again.tokens()) {
                return Err("other tokens after a cancelled run".into());
            }
        }
        Ok(vec![longest, f64::from(CANCELLATIONS), f64::from(early)])
    }

    /// Milliseconds per image, through a queue of default settings.
    fn queue(&self, count: usize) -> BoxResult<f64> {
        let queue = EncoderQueue::new(self.model.clone())?;
        let images = Arc::new(self.numbered(0, QUEUED)?);
        let requests = (0..count).map(|index| {
            let images = images.clone();
            (index, Request::read_with(move |_| Ok(images[index % QUEUED].clone())))
        });
        let started = Instant::now();
        for (_, answer) in queue.encode_all(requests, &Cancellation::new())? {
            drop(answer?);
        }
        Ok(milliseconds(started) / count as f64)
    }

    /// Milliseconds from a file to points, and the same without the image encoder.
    fn whole(&mut self, name: &str, path: &str) -> BoxResult<Vec<f64>> {
        let turn = if name == "known" { 0 } else { next(&mut self.turn) };
        let model = &self.model;
        let started = Instant::now();
        let radiograph = Radiograph::open(path)?;
        let encoding = Instant::now();
        let image = model.encode_image(&radiograph)?;
        let encoding = milliseconds(encoding);
        let found = model.compare(&image, &model.encode_prompts(&sentences(PROMPTS, turn))?)?;
        match name {
            "maps" => each(&found, |found| found.map().peak()),
            _ => each(&found, Comparison::peak),
        }
        let whole = milliseconds(started);
        // Encoding begins with resampling, which is not part of the encoder.
        let resampling = Instant::now();
        black_box(model.pixels(&radiograph)?);
        Ok(vec![whole, whole - encoding + milliseconds(resampling)])
    }

    /// Milliseconds per image.
    fn callers(&mut self, count: usize) -> BoxResult<f64> {
        let (model, images, taken) = (&self.model, &self.shared, AtomicUsize::new(0));
        let work = || {
            let mut answers = Vec::new();
            loop {
                let index = taken.fetch_add(1, Ordering::Relaxed);
                let Some(image) = images.get(index) else { return Ok(answers) };
                answers.push((index, answer_bits(model, image)?));
            }
        };
        let started = Instant::now();
        let results: Vec<BoxResult<Vec<_>>> = thread::scope(|scope| {
            let callers: Vec<_> = (0..count).map(|_| scope.spawn(work)).collect();
            callers
                .into_iter()
                .map(|caller| caller.join().unwrap_or_else(|_| Err("a caller panicked".into())))
                .collect()
        });
        let time = milliseconds(started) / IMAGES as f64;
        let mut answers = results.into_iter().collect::<BoxResult<Vec<_>>>()?.concat();
        answers.sort_by_key(|(index, _)| *index);
        let answers: Vec<_> = answers.into_iter().map(|(_, answer)| answer).collect();
        if *self.answers.get_or_insert_with(|| answers.clone()) != answers {
            return Err(format!("{count} callers got other answers").into());
        }
        Ok(time)
    }

    fn tokens(&self, folder: &Path) -> BoxResult<()> {
        let size = self.model.manifest().dimensions.image_size;
        let pixels = Array3::from_shape_vec((3, size, size), fs::read(folder.join("pixels"))?)?;
        let encoded = self.model.encode_image(&Radiograph::from_rgb(pixels)?)?;
        write(&folder.join("tokens"), encoded.tokens())
    }

    fn answer(&self, folder: &Path, image: &str) -> BoxResult<()> {
        let prompts = fs::read_to_string(folder.join("prompts"))?;
        let prompts = self.model.encode_prompts(&prompts.lines().collect::<Vec<_>>())?;
        let image = self.model.encode_image(&Radiograph::open(image)?)?;
        let found = self.model.compare(&image, &prompts)?;
        write(&folder.join("tokens"), image.tokens())?;
        write(&folder.join("probabilities"), &found.iter().map(Comparison::probability).collect::<Vec<_>>())?;
        let maps: Vec<f32> = found.iter().flat_map(|found| found.map().into_values()).collect();
        write(&folder.join("maps"), &maps)
    }
}

/// Calls `run` for every comparison; the compiler must not skip unused results.
fn each<T>(found: &[Comparison], run: impl Fn(&Comparison) -> T) {
    for found in found {
        drop(black_box(run(found)));
    }
}

fn next(turn: &mut usize) -> usize {
    *turn += 1;
    *turn
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

/// The bits of all results for an image.
fn answer_bits(model: &RadZero, radiograph: &Radiograph) -> BoxResult<Vec<u32>> {
    let image = model.encode_image(radiograph)?;
    let found = model.compare(&image, &model.encode_prompts(&sentences(PROMPTS, 0))?)?;
    let of_prompts = found.iter().flat_map(|found| {
        let peak = found.peak();
        [found.logit().to_bits(), peak.x as u32, peak.y as u32, peak.value.to_bits()]
    });
    Ok(image.tokens().iter().map(|token| token.to_bits()).chain(of_prompts).collect())
}

fn write<'a>(path: &Path, values: impl IntoIterator<Item = &'a f32>) -> BoxResult<()> {
    let bytes: Vec<u8> = values.into_iter().flat_map(|value| value.to_le_bytes()).collect();
    Ok(fs::write(path, bytes)?)
}
