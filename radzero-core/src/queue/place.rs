//! A place in a queue.

use std::fmt;
use std::sync::Arc;

use radzero_format::Result;

use super::pipeline::Pipeline;
use super::request::Request;
use super::ticket::Ticket;

/// A place in a queue: first for a request that is still to come, then for its answer. Dropping it gives it back.
pub struct Place {
    pipeline: Arc<Pipeline>,
    lane: u64,
    /// Whether it has no request yet.
    reserved: bool,
}

impl Place {
    /// # Errors
    /// As [`EncoderQueue::reserve`](super::EncoderQueue::reserve).
    pub(super) fn reserve(pipeline: &Arc<Pipeline>, lane: u64) -> Result<Self> {
        pipeline.take_place()?;
        Ok(Self { pipeline: pipeline.clone(), lane, reserved: true })
    }

    /// Puts the request in its place; as [`EncoderQueue::submit`](super::EncoderQueue::submit), but never busy, and also while
    /// the queue is drained.
    ///
    /// # Errors
    /// As that.
    pub fn submit(self, request: Request) -> Result<Ticket> {
        let (pipeline, lane) = (self.pipeline.clone(), self.lane);
        pipeline.submit(lane, Some(self), request)
    }

    pub(super) fn has_request(&mut self) {
        self.reserved = false;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.pipeline.give_back_place(self.reserved);
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("lane", &self.lane).finish_non_exhaustive()
    }
}
