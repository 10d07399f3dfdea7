//! An encoder without a model, for tests of the encoder queue and of the evaluation.

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

/// An encoder with adjustable delays that records its calls. Its tokens are the first pixel of each image.
#[derive(Debug)]
pub struct StandIn {
    /// Most images in one run.
    pub batch: usize,
    /// Threads that read images.
    pub workers: usize,
    /// Runs at a time.
    pub at_once: usize,
    /// Duration of a run.
    pub run: Duration,
    /// Time to encode a sentence, and to compare an image with it.
    pub sentence: Duration,
    /// Total number of images to come, for runs to wait until the next batch can be full; 0 to not wait.
    pub awaited: usize,
    /// The number of images in each run so far.
    pub runs: Mutex<Vec<usize>>,
    /// The first pixel of each image, in the order of encoding.
    pub order: Mutex<Vec<u8>>,
    /// Number of images that were fitted to the model's square.
    pub fitted: AtomicUsize,
}

impl Default for StandIn {
    fn default() -> Self {
        Self {
            batch: 1,
            workers: 2,
            at_once: 1,
            run: Duration::ZERO,
            sentence: Duration::ZERO,
            awaited: 0,
            runs: Mutex::default(),
            order: Mutex::default(),
            fitted: AtomicUsize::new(0),
        }
    }
}

/// A radiograph of one level, which identifies it in a stand-in's tokens and in [`StandIn::order`].
#[must_use]
pub fn uniform(level: u8) -> Radiograph {
    Radiograph::from_gray(Array2::from_elem((4, 4), level)).unwrap()
}

/// The level of a [`uniform`] radiograph, from its encoding.
#[must_use]
pub fn level(encoded: &EncodedImage) -> u8 {
    encoded.tokens()[[0, 0]] as u8
}

/// Level of radiographs for which the stand-in's run panics.
pub const PANICS: u8 = 255;

/// Level of radiographs for which its run fails.
pub const FAILS: u8 = 254;

impl Encoder for StandIn {
    type Tokens = Vec<f32>;

    fn workers(&self) -> usize {
        self.workers
    }

    fn batch(&self) -> usize {
        self.batch
    }

    fn runs(&self) -> usize {
        self.at_once
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
        sleep(self.run, cancellation)?;
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
            sleep(self.sentence, cancellation)?;
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
            sleep(self.sentence, cancellation)?;
            Comparison::new(image.record().clone(), prompt.clone(), f32::from(level(image)), Array2::zeros((1, 1)))
        };
        prompts.iter().map(compare).collect()
    }
}

/// Longer than any step of a test takes.
pub const LONG: Duration = Duration::from_secs(60);

/// Starts a queue with `capacity` places.
#[must_use]
pub fn queue(stand_in: StandIn, capacity: usize) -> EncoderQueue<StandIn> {
    EncoderQueue::builder(Arc::new(stand_in)).capacity(NonZeroUsize::new(capacity).unwrap()).start().unwrap()
}

/// A request for a [`uniform`] radiograph.
pub fn image_request(level: u8) -> Request {
    Request::radiograph(uniform(level))
}

/// The kind of the error, if the result is one.
pub fn kind<T>(result: Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

/// Waits until `condition` holds.
#[track_caller]
pub fn wait_until(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < LONG, "it never came");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Requests that keep all workers busy until they are released.
#[derive(Debug)]
pub struct Held {
    /// Releases the workers when it is dropped.
    pub go: Vec<Sender<()>>,
    /// Tickets of the requests.
    pub tickets: Vec<Ticket>,
}

impl Held {
    /// Keeps all workers of a queue busy.
    #[must_use]
    pub fn workers(queue: &EncoderQueue<StandIn>) -> Self {
        let workers = queue.status().unwrap().workers;
        let (go, tickets) = (0..workers)
            .map(|_| {
                let (go, gone): (Sender<()>, Receiver<()>) = channel();
                let gone = Mutex::new(gone);
                let read = move |_: &Cancellation| {
                    let _ = gone.lock().unwrap().recv();
                    Ok(uniform(0))
                };
                (go, queue.submit(Request::read_with(read)).unwrap())
            })
            .unzip();
        wait_until(|| queue.status().unwrap().waiting == 0);
        Self { go, tickets }
    }

    /// Releases the workers, and waits for the answers.
    pub fn release(self) {
        drop(self.go);
        for ticket in self.tickets {
            ticket.wait().unwrap();
        }
    }
}

/// Sleeps for this long, unless cancelled.
fn sleep(time: Duration, cancellation: &Cancellation) -> Result<()> {
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
