//! A request from its admission to its end.

use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Instant;

use radzero_format::{Error, Result};

use super::answer::Answer;
use super::discard::discard;
use crate::cancellation::{Cancellation, Listening};

/// How a request ended.
pub(super) enum Completion {
    Answer(Box<Answer>),
    Error(Error),
    /// Reading or encoding panicked.
    Panic(Box<dyn Any + Send>),
}

impl From<Result<Answer>> for Completion {
    fn from(result: Result<Answer>) -> Self {
        result.map_or_else(Self::Error, |answer| Self::Answer(Box::new(answer)))
    }
}

/// A request from its admission to its end, shared by the queue and the ticket.
pub(super) struct Job {
    pub(super) lane: u64,
    pub(super) number: u64,
    pub(super) admitted: Instant,
    /// Ends the request: through the caller's cancellations, the deadline or the ticket.
    pub(super) cancellation: Cancellation,
    /// The caller's span at the time of submission.
    pub(super) span: tracing::Span,
    listening: Mutex<Option<Listening>>,
    slot: Mutex<Slot>,
    completed: Condvar,
}

/// Where the completion is handed over.
enum Slot {
    Pending(Option<Waker>),
    Completed(Completion),
    Taken,
}

/// What [`Job::poll`] found.
pub(super) enum Polled {
    Pending,
    Completed(Completion),
    /// The completion was taken before.
    Taken,
}

impl Job {
    pub(super) fn new(lane: u64, number: u64, cancellation: Cancellation) -> Self {
        Self {
            lane,
            number,
            admitted: Instant::now(),
            cancellation,
            span: tracing::Span::current(),
            listening: Mutex::new(None),
            slot: Mutex::new(Slot::Pending(None)),
            completed: Condvar::new(),
        }
    }

    /// Keeps the listener that ends the job with its cancellation.
    pub(super) fn keep(&self, listening: Listening) {
        *self.listening.lock().unwrap_or_else(PoisonError::into_inner) = Some(listening);
    }

    /// Hands the completion to the ticket. Called once.
    pub(super) fn complete(&self, completion: Completion) {
        let slot = mem::replace(&mut *self.slot(), Slot::Completed(completion));
        self.completed.notify_all();
        if let Slot::Pending(Some(waker)) = slot {
            discard(catch_unwind(AssertUnwindSafe(|| waker.wake())));
        }
        // The alarm of the deadline is no longer needed.
        let listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(listening);
    }

    /// Blocks until the job has completed; `None` if the completion was taken before.
    pub(super) fn wait(&self) -> Option<Completion> {
        let mut slot = self.slot();
        loop {
            if let Some(completion) = slot.take() {
                return Some(completion);
            }
            if matches!(*slot, Slot::Taken) {
                return None;
            }
            slot = self.completed.wait(slot).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes the completion, or leaves `waker` to be woken when it is there.
    pub(super) fn poll(&self, waker: Waker) -> Polled {
        let mut slot = self.slot();
        if let Some(completion) = slot.take() {
            return Polled::Completed(completion);
        }
        match &mut *slot {
            Slot::Pending(last) => {
                let last = last.replace(waker);
                // A waker belongs to the caller, so it is dropped without the lock.
                drop(slot);
                drop(last);
                Polled::Pending
            }
            _ => Polled::Taken,
        }
    }

    pub(super) fn is_pending(&self) -> bool {
        matches!(*self.slot(), Slot::Pending(_))
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    fn take(&mut self) -> Option<Completion> {
        match mem::replace(self, Self::Taken) {
            Self::Completed(completion) => Some(completion),
            other => {
                *self = other;
                None
            }
        }
    }
}
