//! Encoders without a model, for tests of what stands around one.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use ndarray::{Array2, Array3};
use radzero_core::manifest::sha256_bytes;
use radzero_core::record::{Device, EncoderRecord, ImageRecord, ModelRecord, TextRecord};
use radzero_core::{
    Cancellation, Comparison, EncodedImage, EncodedPrompt, Encoder, EncoderQueue, Error, ErrorKind, Radiograph,
    Request, Result, Ticket,
};

/// An encoder that takes its time and counts what it is asked. Its tokens are the first pixel of each image.
#[derive(Debug)]
pub struct StandIn {
    /// Images in one run.
    pub batch: usize,
    /// Threads that read.
    pub workers: usize,
    /// Time of a run.
    pub run: Duration,
    /// Time for a sentence: to encode it, and to compare an image with it.
    pub sentence: Duration,
    /// Images that there will be: a run waits until the next one can be a full batch. 0 for none.
    pub awaited: usize,
    /// The sizes of the runs that there were.
    pub runs: Mutex<Vec<usize>>,
    /// The first pixels of the images, in the order in which they were encoded.
    pub order: Mutex<Vec<u8>>,
    /// Images whose pixels were made.
    pub fitted: AtomicUsize,
}

impl Default for StandIn {
    fn default() -> Self {
        Self {
            batch: 1,
            workers: 2,
            run: Duration::ZERO,
            sentence: Duration::ZERO,
            awaited: 0,
            runs: Mutex::default(),
            order: Mutex::default(),
            fitted: AtomicUsize::new(0),
        }
    }
}

/// A radiograph of one level, by which a stand-in's tokens and order can be told.
#[must_use]
pub fn of_level(level: u8) -> Radiograph {
    Radiograph::from_gray(Array2::from_elem((4, 4), level)).unwrap()
}

/// The level of a radiograph that was [made so](of_level), from its encoding.
#[must_use]
pub fn level(encoded: &EncodedImage) -> u8 {
    encoded.tokens()[[0, 0]] as u8
}

/// Levels of radiographs that the stand-in's run panics for.
pub const PANICS: u8 = 255;

/// Levels of radiographs that its run fails for.
pub const FAILS: u8 = 254;

impl Encoder for StandIn {
    type Tokens = Vec<f32>;

    fn workers(&self) -> usize {
        self.workers
    }

    fn batch(&self) -> usize {
        self.batch
    }

    fn pixels(&self, radiograph: &Radiograph) -> Result<Array3<u8>> {
        self.fitted.fetch_add(1, SeqCst);
        let radzero_core::radiograph::Levels::Gray(levels) = radiograph.levels() else { panic!("gray expected") };
        Ok(Array3::from_elem((3, 1, 1), levels[[0, 0]]))
    }

    fn check_pixels(&self, _: &Array3<u8>) -> Result<()> {
        Ok(())
    }

    fn run(&self, pixels: &[Array3<u8>], cancellation: &Cancellation) -> Result<Vec<f32>> {
        let so_far: usize = {
            let mut runs = self.runs.lock().unwrap();
            runs.push(pixels.len());
            runs.iter().sum()
        };
        let levels: Vec<u8> = pixels.iter().map(|pixels| pixels[[0, 0, 0]]).collect();
        self.order.lock().unwrap().extend(&levels);
        while self.fitted.load(SeqCst) < self.awaited.min(so_far + self.batch) {
            cancellation.check()?;
            thread::sleep(Duration::from_millis(1));
        }
        take(self.run, cancellation)?;
        assert!(!levels.contains(&PANICS), "this image makes the encoder panic");
        if levels.contains(&FAILS) {
            return Err(Error::new(ErrorKind::Inference, "this image makes the encoder fail"));
        }
        Ok(levels.into_iter().map(f32::from).collect())
    }

    fn image(&self, tokens: &Vec<f32>, index: usize, radiograph: &Radiograph) -> Result<EncodedImage> {
        let size = (radiograph.width(), radiograph.height());
        let record = ImageRecord::new(model(), 1, size, radiograph.reading().clone(), encoder());
        EncodedImage::new(Array2::from_elem((2, 1), tokens[index]), record)
    }

    fn prompts(&self, prompts: &[String], cancellation: &Cancellation) -> Result<Vec<EncodedPrompt>> {
        let encode = |prompt: &String| {
            take(self.sentence, cancellation)?;
            EncodedPrompt::new(prompt.as_str(), vec![1.0], TextRecord::new(model(), encoder()))
        };
        prompts.iter().map(encode).collect()
    }

    fn compare(
        &self,
        image: &EncodedImage,
        prompts: &[EncodedPrompt],
        cancellation: &Cancellation,
    ) -> Result<Vec<Comparison>> {
        let compare = |prompt: &EncodedPrompt| {
            take(self.sentence, cancellation)?;
            Comparison::new(image.record().clone(), prompt.clone(), f32::from(level(image)), Array2::zeros((1, 1)))
        };
        prompts.iter().map(compare).collect()
    }
}

/// Longer than anything takes.
pub const LONG: Duration = Duration::from_secs(60);

/// A queue of so many places.
#[must_use]
pub fn queue(stand_in: StandIn, capacity: usize) -> EncoderQueue<StandIn> {
    EncoderQueue::builder(Arc::new(stand_in)).capacity(NonZeroUsize::new(capacity).unwrap()).start().unwrap()
}

/// A request for an image of this level.
pub fn image(level: u8) -> Request {
    Request::radiograph(of_level(level))
}

/// The kind of an error.
pub fn kind<T>(result: Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

/// Waits until `seen` is true.
#[track_caller]
pub fn until(seen: impl Fn() -> bool) {
    let start = Instant::now();
    while !seen() {
        assert!(start.elapsed() < LONG, "it never came");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Requests that hold up all workers until they are let go.
#[derive(Debug)]
pub struct Held {
    /// Lets them go when it is dropped.
    pub go: Vec<Sender<()>>,
    /// Of the requests.
    pub tickets: Vec<Ticket>,
}

impl Held {
    /// All workers of a queue.
    #[must_use]
    pub fn workers(queue: &EncoderQueue<StandIn>) -> Self {
        let workers = queue.status().unwrap().workers;
        let (go, tickets) = (0..workers)
            .map(|_| {
                let (go, gone): (Sender<()>, Receiver<()>) = channel();
                let gone = Mutex::new(gone);
                let read = move |_: &Cancellation| {
                    let _ = gone.lock().unwrap().recv();
                    Ok(of_level(0))
                };
                (go, queue.submit(Request::read_with(read)).unwrap())
            })
            .unzip();
        until(|| queue.status().unwrap().waiting == 0);
        Self { go, tickets }
    }

    /// Lets them go, and waits for their answers.
    pub fn release(self) {
        drop(self.go);
        for ticket in self.tickets {
            ticket.wait().unwrap();
        }
    }
}

/// Takes so long, unless it ends before.
fn take(time: Duration, cancellation: &Cancellation) -> Result<()> {
    let start = Instant::now();
    while start.elapsed() < time {
        cancellation.check()?;
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

fn model() -> ModelRecord {
    ModelRecord::named("stand-in", sha256_bytes(b"stand-in"))
}

fn encoder() -> EncoderRecord {
    EncoderRecord::new(Device::Cpu, BTreeMap::from([("none".to_owned(), 1)]), None, "none")
}
