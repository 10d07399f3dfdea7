//! The caller's handle to a request in a queue.

use std::fmt;
use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use radzero_format::{Error, ErrorKind, Result};

use super::answer::Answer;
use super::job::{Completion, Job, Polled};
use super::pipeline::Permit;
use crate::process::Process;

/// A request in the queue: wait for its answer, or `.await` it in any asynchronous runtime.
///
/// Dropping it cancels the request: a waiting request leaves the queue, and a run in progress ends unless other requests need
/// it. The request's place becomes free when the answer is taken or the ticket dropped.
#[must_use = "dropping a ticket cancels its request"]
pub struct Ticket {
    job: Arc<Job>,
    process: Process,
    /// Dropped last, after the request has ended.
    permit: Option<Permit>,
}

impl Ticket {
    pub(super) fn new(job: Arc<Job>, process: Process, permit: Option<Permit>) -> Self {
        Self { job, process, permit }
    }

    /// Blocks until the request has ended, at the latest at its deadline. Do not call it in a reader of the same queue: it may
    /// wait for the worker that it runs on.
    ///
    /// # Errors
    /// Errors of reading and encoding; [`ErrorKind::Cancelled`], [`ErrorKind::Deadline`], [`ErrorKind::ShutDown`],
    /// [`ErrorKind::Forked`].
    pub fn wait(self) -> Result<Answer> {
        self.process.check()?;
        self.job.wait().map_or_else(|| Err(taken()), deliver)
    }

    /// Whether [`wait`](Self::wait) would return at once.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.process.check().is_err() || !self.job.is_pending()
    }

    /// Cancels the request. Its answer is then [`ErrorKind::Cancelled`], unless it was there before.
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
        match self.job.poll(context.waker().clone()) {
            Polled::Pending => Poll::Pending,
            Polled::Completed(completion) => {
                self.permit = None;
                Poll::Ready(deliver(completion))
            }
            Polled::Taken => Poll::Ready(Err(taken())),
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.cancel();
    }
}

/// The answer, for the thread that waited for it; a panic resumes there.
fn deliver(completion: Completion) -> Result<Answer> {
    match completion {
        Completion::Answer(answer) => Ok(*answer),
        Completion::Error(error) => Err(error),
        Completion::Panic(panic) => resume_unwind(panic),
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
