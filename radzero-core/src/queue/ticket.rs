//! A request on its way, and whoever waits for it.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use radzero_format::{Error, ErrorKind, Result};
use radzero_score::{Comparison, EncodedImage};

use super::pipeline::discard;
use super::place::Place;
use crate::cancellation::{Cancellation, Listening};
use crate::radiograph::Radiograph;
use crate::runtime::Process;

/// What a queue made of a request.
#[derive(Debug)]
#[non_exhaustive]
pub struct Answer {
    /// What was read.
    pub radiograph: Radiograph,
    /// Its encoding.
    pub encoded: EncodedImage,
    /// A comparison for each of the request's prompts, in their order.
    pub comparisons: Vec<Comparison>,
    /// How long the request waited until a worker began with it.
    pub waited: Duration,
    /// The image's share of its run's time.
    pub run: Duration,
}

/// How a request ended.
pub(super) enum Outcome {
    Answer(Box<Answer>),
    Error(Error),
    /// Reading or encoding panicked.
    Panic(Box<dyn Any + Send>),
}

impl Outcome {
    pub(super) fn from(found: Result<Answer>) -> Self {
        found.map_or_else(Self::Error, |answer| Self::Answer(Box::new(answer)))
    }
}

/// A request from its admission to its end, shared by the queue and the ticket.
pub(super) struct Job {
    pub(super) lane: u64,
    pub(super) number: u64,
    pub(super) since: Instant,
    /// Ends it: with the request's own, its deadline, or its ticket.
    pub(super) cancellation: Cancellation,
    /// Under which the caller submitted it.
    pub(super) span: tracing::Span,
    listening: Mutex<Option<Listening>>,
    slot: Mutex<Slot>,
    there: Condvar,
}

enum Slot {
    Pending(Option<Waker>),
    There(Outcome),
    Taken,
}

impl Job {
    pub(super) fn new(lane: u64, number: u64, cancellation: Cancellation) -> Self {
        Self {
            lane,
            number,
            since: Instant::now(),
            cancellation,
            span: tracing::Span::current(),
            listening: Mutex::new(None),
            slot: Mutex::new(Slot::Pending(None)),
            there: Condvar::new(),
        }
    }

    /// Keeps what ends it with its cancellation.
    pub(super) fn keep(&self, listening: Listening) {
        *self.listening.lock().unwrap_or_else(PoisonError::into_inner) = Some(listening);
    }

    /// Hands the outcome to whoever waits. Called once, by the one who ended it.
    pub(super) fn settle(&self, outcome: Outcome) {
        let slot = mem::replace(&mut *self.slot(), Slot::There(outcome));
        self.there.notify_all();
        if let Slot::Pending(Some(waker)) = slot {
            discard(catch_unwind(AssertUnwindSafe(|| waker.wake())));
        }
        // Its alarm is not needed any more.
        let listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(listening);
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    fn take(&mut self) -> Option<Outcome> {
        match mem::replace(self, Self::Taken) {
            Self::There(outcome) => Some(outcome),
            other => {
                *self = other;
                None
            }
        }
    }
}

/// A request in the queue: wait for its answer, or `.await` it under any runtime.
///
/// Dropping it cancels the request: one that waits leaves the queue, a run in progress ends unless others need it. The
/// request's place is free once the answer is taken or the ticket dropped.
#[must_use = "dropping a ticket cancels its request"]
pub struct Ticket {
    job: Arc<Job>,
    process: Process,
    /// Dropped last, after the request has ended.
    place: Option<Place>,
}

impl Ticket {
    pub(super) fn new(job: Arc<Job>, process: Process, place: Option<Place>) -> Self {
        Self { job, process, place }
    }

    /// Blocks until the answer is there, at the latest until the request's deadline. Not for a reader of the same queue, which
    /// may wait for a worker that it is itself.
    ///
    /// # Errors
    /// Those of reading and encoding; [`ErrorKind::Cancelled`], [`ErrorKind::Deadline`], [`ErrorKind::ShutDown`],
    /// [`ErrorKind::Forked`].
    pub fn wait(self) -> Result<Answer> {
        self.process.check()?;
        let mut slot = self.job.slot();
        loop {
            if let Some(outcome) = slot.take() {
                drop(slot);
                return delivered(outcome);
            }
            if matches!(*slot, Slot::Taken) {
                return Err(taken());
            }
            slot = self.job.there.wait(slot).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether [`wait`](Self::wait) would return at once.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.process.check().is_err() || !matches!(*self.job.slot(), Slot::Pending(_))
    }

    /// Ends the request. Its answer is [`ErrorKind::Cancelled`], unless it was there before.
    pub fn cancel(&self) {
        if self.process.check().is_ok() {
            self.job.cancellation.cancel();
        }
    }
}

impl Future for Ticket {
    type Output = Result<Answer>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Answer>> {
        if let Err(forked) = self.process.check() {
            return Poll::Ready(Err(forked));
        }
        // Cloned and dropped without the lock: a waker is the caller's.
        let waker = context.waker().clone();
        let mut slot = self.job.slot();
        if let Some(outcome) = slot.take() {
            drop(slot);
            self.place = None;
            return Poll::Ready(delivered(outcome));
        }
        match &mut *slot {
            Slot::Pending(last) => {
                let last = last.replace(waker);
                drop(slot);
                drop(last);
                Poll::Pending
            }
            _ => Poll::Ready(Err(taken())),
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.cancel();
    }
}

/// The answer, on the thread that waited for it: a panic goes on there.
fn delivered(outcome: Outcome) -> Result<Answer> {
    match outcome {
        Outcome::Answer(answer) => Ok(*answer),
        Outcome::Error(error) => Err(error),
        Outcome::Panic(panic) => resume_unwind(panic),
    }
}

fn taken() -> Error {
    Error::new(ErrorKind::Argument, "the answer of the ticket was taken before")
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("number", &self.job.number).finish_non_exhaustive()
    }
}
