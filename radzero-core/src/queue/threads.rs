//! The threads of a queue: workers that read, encoders, and a finisher that compares and delivers.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, Builder};
use std::time::{Duration, Instant};

use ndarray::Array3;
use radzero_format::{Error, ErrorKind, Result};
use radzero_pool as pool;

use super::answer::Answer;
use super::discard::discard;
use super::encoder::Encoder;
use super::job::{Completion, Job};
use super::pipeline::{Pipeline, ReadImage, Ready, Waiting};
use super::request::Request;
use crate::cancellation::Cancellation;

thread_local! {
    /// Whether this thread belongs to a queue.
    static IS_QUEUE_THREAD: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread must not wait for a queue's threads to end, because they may need it: it belongs to a queue, or is the
/// clock.
pub(super) fn must_not_wait() -> bool {
    IS_QUEUE_THREAD.get() || thread::current().name() == Some(crate::cancellation::CLOCK)
}

/// A batch after its run.
struct EncodedBatch<T> {
    requests: Vec<(Arc<Job>, ReadImage)>,
    tokens: Result<T>,
    /// The run's duration, divided by the number of images.
    run: Duration,
}

/// Counts a thread of the queue while it lives.
struct ThreadGuard {
    pipeline: Arc<Pipeline>,
    is_worker: bool,
}

impl Drop for ThreadGuard {
    fn drop(&mut self) {
        // Should not occur, because panics are caught. If it does, nobody must wait forever.
        if thread::panicking() {
            self.pipeline.shut_down();
        }
        self.pipeline.remove_thread(self.is_worker);
    }
}

/// Starts the threads, with fewer workers and encoders if the system refuses some. They end when the pipeline is shut down.
///
/// # Errors
/// [`ErrorKind::Resources`] unless at least one thread of each kind could be started.
pub(super) fn start<E: Encoder>(encoder: &Arc<E>, pipeline: &Arc<Pipeline>) -> Result<()> {
    // No buffer: while one batch is delivered the next one is encoded, and then waits.
    let (sender, receiver) = sync_channel(0);
    at_least_one(pipeline.sizes.runs, || {
        let sender = sender.clone();
        spawn("radzero-encoder", encoder, pipeline, false, move |encoder, pipeline| {
            run_encoder(encoder, pipeline, &sender);
        })
    })?;
    drop(sender);
    spawn("radzero-finisher", encoder, pipeline, false, move |encoder, pipeline| {
        run_finisher(encoder, pipeline, receiver);
    })?;
    at_least_one(pipeline.sizes.workers, || spawn("radzero-worker", encoder, pipeline, true, run_worker))
}

/// Starts `count` threads, or those that the system grants after the first.
fn at_least_one(count: usize, mut start: impl FnMut() -> Result<()>) -> Result<()> {
    start()?;
    for _ in 1..count {
        if start().is_err() {
            break;
        }
    }
    Ok(())
}

fn spawn<E: Encoder>(
    name: &str,
    encoder: &Arc<E>,
    pipeline: &Arc<Pipeline>,
    is_worker: bool,
    run: impl FnOnce(&E, &Pipeline) + Send + 'static,
) -> Result<()> {
    pipeline.add_thread(is_worker);
    let (encoder, guard) = (encoder.clone(), ThreadGuard { pipeline: pipeline.clone(), is_worker });
    let thread = move || {
        IS_QUEUE_THREAD.set(true);
        // Dropped last: once the threads are gone, none of their values is in use.
        let guard = guard;
        run(&*encoder, &guard.pipeline);
        drop(encoder);
    };
    // If the thread is refused, the closure is dropped, and the guard with it.
    let started = Builder::new().name(name.into()).spawn(thread);
    started.map(drop).map_err(|refused| {
        let message = "a queue needs three threads at least, and they cannot be had";
        Error::new(ErrorKind::Resources, message).with_source(refused)
    })
}

fn run_worker<E: Encoder>(encoder: &E, pipeline: &Pipeline) {
    while let Some((Waiting { job, request }, waited)) = pipeline.next_to_read() {
        let read = || job.span.in_scope(|| read(encoder, &job.cancellation, request, waited));
        let ready = match catch_unwind(AssertUnwindSafe(read)) {
            Ok(Ok((image, pixels))) => Ok(Ready { job: job.clone(), image, pixels }),
            Ok(Err(error)) => Err(Completion::Error(error)),
            Err(panic) => Err(Completion::Panic(panic)),
        };
        pipeline.finish_reading(&job, ready);
    }
}

fn read<E: Encoder>(
    encoder: &E,
    cancellation: &Cancellation,
    mut request: Request,
    waited: Duration,
) -> Result<(ReadImage, Array3<u8>)> {
    let (prompts, pixels) = (std::mem::take(&mut request.prompts), request.pixels.take());
    // Prompts first: they are cheaper than the image, and may be invalid too.
    let prompts = if prompts.is_empty() { Vec::new() } else { encoder.prompts(&prompts, cancellation)? };
    cancellation.check()?;
    let radiograph = request.read(cancellation)?;
    cancellation.check()?;
    let pixels = match pixels {
        Some(pixels) => {
            encoder.check_pixels(&pixels)?;
            pixels
        }
        None => encoder.pixels(&radiograph)?,
    };
    Ok((ReadImage { radiograph, prompts, waited }, pixels))
}

fn run_encoder<E: Encoder>(encoder: &E, pipeline: &Pipeline, sender: &SyncSender<EncodedBatch<E::Tokens>>) {
    loop {
        let batch = pipeline.next_to_encode();
        if batch.is_empty() {
            return;
        }
        let (mut requests, mut pixels) = (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len()));
        for ready in batch {
            requests.push((ready.job, ready.image));
            pixels.push(ready.pixels);
        }
        let cancellations: Vec<Cancellation> = requests.iter().map(|(job, _)| job.cancellation.clone()).collect();
        let cancellation = Cancellation::all(&cancellations);
        let start = Instant::now();
        let tokens = catch_unwind(AssertUnwindSafe(|| encoder.run(&pixels, &cancellation)));
        let run = start.elapsed() / pixels.len() as u32;
        let tokens = tokens.unwrap_or_else(|panic| {
            // A panic can resume for one request only; the others get an error.
            if let Some((job, _)) = requests.first() {
                pipeline.end(job, Completion::Panic(panic));
            }
            Err(Error::new(ErrorKind::Inference, "the encoder panicked in the run of this image's batch"))
        });
        if sender.send(EncodedBatch { requests, tokens, run }).is_err() {
            return;
        }
    }
}

fn run_finisher<E: Encoder>(encoder: &E, pipeline: &Pipeline, encoded: Receiver<EncodedBatch<E::Tokens>>) {
    for EncodedBatch { requests, tokens, run } in encoded {
        // On all free cores: a single core would take as long to copy an image's megabytes of tokens as a GPU to compute them.
        let completions = pool::map(requests.into_iter().enumerate(), |(index, (job, image))| {
            let answer = || match &tokens {
                Ok(tokens) => answer(encoder, tokens, index, image, run, &job.cancellation),
                Err(error) => Err(error.clone()),
            };
            let answer = || job.span.in_scope(answer);
            (job.clone(), catch_unwind(AssertUnwindSafe(answer)).map_or_else(Completion::Panic, Completion::from))
        });
        // Frees the memory for the next batch before callers use this one.
        discard(tokens);
        // Not on the pool's threads: a caller's waker may wait for one of them.
        for (job, completion) in completions {
            pipeline.end(&job, completion);
        }
    }
}

fn answer<E: Encoder>(
    encoder: &E,
    tokens: &E::Tokens,
    index: usize,
    image: ReadImage,
    run: Duration,
    cancellation: &Cancellation,
) -> Result<Answer> {
    cancellation.check()?;
    let ReadImage { radiograph, prompts, waited } = image;
    let encoded = encoder.image(tokens, index, &radiograph)?;
    let comparisons =
        if prompts.is_empty() { Vec::new() } else { encoder.compare(&encoded, &prompts, cancellation)? };
    Ok(Answer { radiograph, encoded, comparisons, waited, run })
}
