//! The threads of a queue: workers that read, one that encodes, one that delivers.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, Builder};
use std::time::{Duration, Instant};

use ndarray::Array3;
use radzero_format::{Error, ErrorKind, Result};
use radzero_score::pool;

use super::encoder::Encoder;
use super::pipeline::{Pipeline, Read, Ready, Waiting, discard};
use super::request::Request;
use super::ticket::{Answer, Job, Outcome};
use crate::cancellation::Cancellation;

thread_local! {
    /// Whether this thread is one that queues need to go on.
    static NEEDED: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is one that queues need to go on: it must not wait for their end.
pub(super) fn is_needed() -> bool {
    NEEDED.get() || thread::current().name() == Some(crate::cancellation::CLOCK)
}

/// A batch as it leaves the encoder.
struct Encoded<T> {
    requests: Vec<(Arc<Job>, Read)>,
    tokens: Result<T>,
    /// An image's share of the run.
    run: Duration,
}

/// A thread of the queue while it lives.
struct Live {
    pipeline: Arc<Pipeline>,
    reads: bool,
}

impl Drop for Live {
    fn drop(&mut self) {
        // Does not occur: what may panic is caught. If it did, nobody must wait for what will never come.
        if thread::panicking() {
            self.pipeline.shut_down();
        }
        self.pipeline.remove_thread(self.reads);
    }
}

/// Starts the threads: fewer workers than were asked for where no more can be had. They end when the pipeline is shut down.
///
/// # Errors
/// [`ErrorKind::Resources`] if there cannot be one of each.
pub(super) fn start<E: Encoder>(encoder: &Arc<E>, pipeline: &Arc<Pipeline>) -> Result<()> {
    // None waits in between: one batch is delivered while the next is encoded, which then waits for it.
    let (sender, receiver) = sync_channel(0);
    spawn("radzero-encoder", encoder, pipeline, false, move |encoder, pipeline| encode(encoder, pipeline, &sender))?;
    spawn("radzero-finisher", encoder, pipeline, false, move |encoder, pipeline| finish(encoder, pipeline, receiver))?;
    for started in 0..pipeline.sizes.workers {
        match spawn("radzero-worker", encoder, pipeline, true, read_all) {
            Err(error) if started == 0 => return Err(error),
            Err(_) => break,
            Ok(()) => {}
        }
    }
    Ok(())
}

fn spawn<E: Encoder>(
    name: &str,
    encoder: &Arc<E>,
    pipeline: &Arc<Pipeline>,
    reads: bool,
    run: impl FnOnce(&E, &Pipeline) + Send + 'static,
) -> Result<()> {
    pipeline.add_thread(reads);
    let (encoder, live) = (encoder.clone(), Live { pipeline: pipeline.clone(), reads });
    let thread = move || {
        NEEDED.set(true);
        // Dropped last: whoever waits for the threads finds nothing of theirs in use.
        let live = live;
        run(&*encoder, &live.pipeline);
        drop(encoder);
    };
    // Where it is refused, what it would have had is dropped: it does not live.
    let started = Builder::new().name(name.into()).spawn(thread);
    started.map(drop).map_err(|refused| {
        let message = "a queue needs three threads at least, and they cannot be had";
        Error::new(ErrorKind::Resources, message).with_source(refused)
    })
}

fn read_all<E: Encoder>(encoder: &E, pipeline: &Pipeline) {
    while let Some((Waiting { job, request }, waited)) = pipeline.next_to_read() {
        let read = || job.span.in_scope(|| read(encoder, &job.cancellation, request, waited));
        let ready = match catch_unwind(AssertUnwindSafe(read)) {
            Ok(Ok((read, pixels))) => Ok(Ready { job: job.clone(), read, pixels }),
            Ok(Err(error)) => Err(Outcome::Error(error)),
            Err(panic) => Err(Outcome::Panic(panic)),
        };
        pipeline.has_read(&job, ready);
    }
}

fn read<E: Encoder>(
    encoder: &E,
    cancellation: &Cancellation,
    mut request: Request,
    waited: Duration,
) -> Result<(Read, Array3<u8>)> {
    let (prompts, pixels) = (std::mem::take(&mut request.prompts), request.pixels.take());
    // First, as they are cheaper than an image and may be wrong too.
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
    Ok((Read { radiograph, prompts, waited }, pixels))
}

fn encode<E: Encoder>(encoder: &E, pipeline: &Pipeline, sender: &SyncSender<Encoded<E::Tokens>>) {
    loop {
        let batch = pipeline.next_to_encode();
        if batch.is_empty() {
            return;
        }
        let (mut requests, mut pixels) = (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len()));
        for ready in batch {
            requests.push((ready.job, ready.read));
            pixels.push(ready.pixels);
        }
        let cancellations: Vec<Cancellation> = requests.iter().map(|(job, _)| job.cancellation.clone()).collect();
        let cancellation = Cancellation::all(&cancellations);
        let start = Instant::now();
        let tokens = catch_unwind(AssertUnwindSafe(|| encoder.run(&pixels, &cancellation)));
        let run = start.elapsed() / pixels.len() as u32;
        let tokens = tokens.unwrap_or_else(|panic| {
            // It can go on in one place only.
            if let Some((job, _)) = requests.first() {
                pipeline.end(job, Outcome::Panic(panic));
            }
            Err(Error::new(ErrorKind::Inference, "the encoder panicked in the run of this image's batch"))
        });
        if sender.send(Encoded { requests, tokens, run }).is_err() {
            return;
        }
    }
}

fn finish<E: Encoder>(encoder: &E, pipeline: &Pipeline, encoded: Receiver<Encoded<E::Tokens>>) {
    for Encoded { requests, tokens, run } in encoded {
        // On all cores that are free: tokens are megabytes each, which one core would copy for as long as a GPU computes them.
        let outcomes = pool::map(requests.into_iter().enumerate(), |(index, (job, read))| {
            let answer = || match &tokens {
                Ok(tokens) => answer(encoder, tokens, index, read, run, &job.cancellation),
                Err(error) => Err(error.clone()),
            };
            let answer = || job.span.in_scope(answer);
            (job.clone(), catch_unwind(AssertUnwindSafe(answer)).map_or_else(Outcome::Panic, Outcome::from))
        });
        // The memory is free for the next batch while callers look at this one.
        discard(tokens);
        // Not by those that helped: what is a caller's may wait for one of them.
        for (job, outcome) in outcomes {
            pipeline.end(&job, outcome);
        }
    }
}

fn answer<E: Encoder>(
    encoder: &E,
    tokens: &E::Tokens,
    index: usize,
    read: Read,
    run: Duration,
    cancellation: &Cancellation,
) -> Result<Answer> {
    cancellation.check()?;
    let Read { radiograph, prompts, waited } = read;
    let encoded = encoder.image(tokens, index, &radiograph)?;
    let comparisons =
        if prompts.is_empty() { Vec::new() } else { encoder.compare(&encoded, &prompts, cancellation)? };
    Ok(Answer { radiograph, encoded, comparisons, waited, run })
}
