//! Encoding many images in order.

use std::collections::VecDeque;
use std::fmt;
use std::iter::Fuse;

use radzero_format::{Error, ErrorKind, Result};

use super::EncoderQueue;
use super::answer::Answer;
use super::encoder::Encoder;
use super::request::Request;
use super::ticket::Ticket;
use crate::cancellation::Cancellation;
use crate::model::RadZero;

/// The answers to many requests, in order: the iterator of [`EncoderQueue::encode_all`]. Dropping it cancels the work.
pub struct EncodedImages<T, I: Iterator<Item = (T, Request)>, E: Encoder = RadZero> {
    /// With its own lane.
    queue: EncoderQueue<E>,
    requests: Fuse<I>,
    cancellation: Cancellation,
    /// Whether the rest of the requests is not submitted.
    ended: bool,
    window: usize,
    in_progress: VecDeque<(T, Result<Ticket>)>,
}

impl<E: Encoder> EncoderQueue<E> {
    /// Encodes any number of images. Returns the answers in the order of the requests, each with its tag.
    ///
    /// While the caller uses one answer, the next images are read and encoded. Each image has its own result, so a bad one does
    /// not stop the rest. The requests have their own [lane](Self::lane) and need no place, so they are never refused as busy.
    /// After `cancellation`, requests in progress end with [`Cancelled`](crate::ErrorKind::Cancelled), and the iterator ends
    /// after them. It also ends when the queue is drained or shut down.
    ///
    /// Before each answer, `requests` is polled until enough are in progress (7 on two cores). If it has to wait for its next
    /// request, it holds back answers that are ready: use [`submit`](Self::submit) for such requests.
    ///
    /// # Errors
    /// [`ErrorKind::Forked`](crate::ErrorKind::Forked).
    ///
    /// ```no_run
    /// # use std::sync::Arc;
    /// # use radzero_core::{Cancellation, EncoderQueue, RadZero, Request};
    /// # fn main() -> radzero_core::Result<()> {
    /// let queue = EncoderQueue::new(Arc::new(RadZero::open("models/radzero")?))?;
    /// let model = queue.encoder();
    /// let prompts = model.encode_prompts(&["There is fibrosis"])?;
    /// let requests = ["a.png", "b.png"].map(|file| (file, Request::path(file)));
    /// for (file, answer) in queue.encode_all(requests, &Cancellation::new())? {
    ///     match answer.and_then(|answer| model.compare(&answer.encoded, &prompts)) {
    ///         Ok(found) => println!("{file}: {:.3}", found[0].probability()),
    ///         Err(error) => eprintln!("{file}: {error}"),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn encode_all<T, I: IntoIterator<Item = (T, Request)>>(
        &self,
        requests: I,
        cancellation: &Cancellation,
    ) -> Result<EncodedImages<T, I::IntoIter, E>> {
        Ok(EncodedImages::new(self.lane()?, requests.into_iter(), cancellation))
    }
}

impl<T, I: Iterator<Item = (T, Request)>, E: Encoder> EncodedImages<T, I, E> {
    fn new(queue: EncoderQueue<E>, requests: I, cancellation: &Cancellation) -> Self {
        let window = queue.pipeline().window();
        Self {
            queue,
            requests: requests.fuse(),
            cancellation: cancellation.clone(),
            ended: false,
            window,
            in_progress: VecDeque::new(),
        }
    }

    fn submit_next(&mut self) {
        let next = if self.cancellation.is_cancelled() { None } else { self.requests.next() };
        let Some((tag, request)) = next else {
            self.ended = true;
            return;
        };
        let ticket = self.queue.submit_without_place(request.cancellation(&self.cancellation));
        let refused = ticket.as_ref().err().map(Error::kind);
        // The queue would refuse all following requests, too.
        self.ended = matches!(refused, Some(ErrorKind::ShutDown | ErrorKind::Forked));
        self.in_progress.push_back((tag, ticket));
    }
}

impl<T, I: Iterator<Item = (T, Request)>, E: Encoder> Iterator for EncodedImages<T, I, E> {
    type Item = (T, Result<Answer>);

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended && self.in_progress.len() < self.window {
            self.submit_next();
        }
        let (tag, ticket) = self.in_progress.pop_front()?;
        Some((tag, ticket.and_then(Ticket::wait)))
    }
}

impl<T, I: Iterator<Item = (T, Request)>, E: Encoder> fmt::Debug for EncodedImages<T, I, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncodedImages").field("in_progress", &self.in_progress.len()).finish_non_exhaustive()
    }
}
