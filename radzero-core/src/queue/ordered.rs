//! Many images, in their order.

use std::collections::VecDeque;
use std::fmt;
use std::iter::Fuse;

use radzero_format::{Error, ErrorKind, Result};

use super::encoder::Encoder;
use super::request::Request;
use super::ticket::{Answer, Ticket};
use super::{Cancellation, EncoderQueue};
use crate::model::RadZero;

/// The answers to many requests, in their order: the iterator of [`EncoderQueue::encode_all`]. Dropping it ends the work.
pub struct EncodedImages<T, I: Iterator<Item = (T, Request)>, E: Encoder = RadZero> {
    /// In a lane of its own.
    queue: EncoderQueue<E>,
    requests: Fuse<I>,
    cancellation: Cancellation,
    /// Whether no more are submitted.
    ended: bool,
    window: usize,
    in_progress: VecDeque<(T, Result<Ticket>)>,
}

impl<T, I: Iterator<Item = (T, Request)>, E: Encoder> EncodedImages<T, I, E> {
    pub(super) fn new(queue: EncoderQueue<E>, requests: I, cancellation: &Cancellation) -> Self {
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
        // All that follow would be refused, too.
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
