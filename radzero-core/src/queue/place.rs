//! A reserved place in a queue.

use std::fmt;
use std::sync::Arc;

use radzero_format::Result;

use super::pipeline::{Permit, Pipeline};
use super::request::Request;
use super::ticket::Ticket;

/// A place in a queue, reserved for a request that is still to come. Dropping it frees the place.
pub struct Place {
    permit: Permit,
    lane: u64,
}

impl Place {
    /// # Errors
    /// As [`EncoderQueue::reserve`](super::EncoderQueue::reserve).
    pub(super) fn reserve(pipeline: &Arc<Pipeline>, lane: u64) -> Result<Self> {
        Ok(Self { permit: pipeline.reserve()?, lane })
    }

    /// Submits a request to this place, as [`EncoderQueue::submit`](super::EncoderQueue::submit), but it is never refused as
    /// busy, and also accepted while the queue drains. The place becomes free when the answer is taken or the ticket dropped.
    ///
    /// # Errors
    /// As [`EncoderQueue::submit`](super::EncoderQueue::submit).
    pub fn submit(self, request: Request) -> Result<Ticket> {
        let Self { mut permit, lane } = self;
        let pipeline = permit.pipeline().clone();
        let job = pipeline.submit(lane, Some(&mut permit), request)?;
        Ok(Ticket::new(job, pipeline.process, Some(permit)))
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("lane", &self.lane).finish_non_exhaustive()
    }
}
