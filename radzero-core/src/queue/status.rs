//! The status of a queue.

use std::time::{Duration, Instant};

use serde::Serialize;

/// A snapshot of a queue, for health checks and metrics. In JSON, times are in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct QueueStatus {
    /// Whether requests are admitted: until the queue is drained or shut down.
    pub open: bool,
    /// Places for requests.
    pub capacity: usize,
    /// Places in use. A place becomes free when the answer is taken or the ticket dropped.
    pub taken: usize,
    /// Requests waiting for a worker, including those of [`encode_all`](super::EncoderQueue::encode_all).
    pub waiting: usize,
    /// Requests that are being read, encoded or compared.
    pub in_progress: usize,
    /// Threads that read images.
    pub workers: usize,
    /// Workers that are reading, even if the request has ended meanwhile.
    pub reading: usize,
    /// The most images in one run.
    pub batch: usize,
    /// How long the oldest waiting request has waited.
    #[serde(serialize_with = "seconds")]
    pub oldest: Duration,
    /// Totals since the start.
    pub totals: QueueTotals,
}

/// Totals since the start of a queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct QueueTotals {
    /// Requests that were answered.
    pub answered: u64,
    /// Requests that failed: a bad image, a bad prompt, a graph that failed.
    pub failed: u64,
    /// Requests that ended before they were answered: by cancellation, deadline or shutdown.
    pub ended: u64,
    /// Requests that were refused: no free place, or the queue was closed.
    pub refused: u64,
    /// Requests that have stopped waiting: taken by a worker, or ended while waiting.
    pub waits: u64,
    /// Their total waiting time.
    #[serde(serialize_with = "seconds")]
    pub waited: Duration,
    /// Their longest waiting time.
    #[serde(serialize_with = "seconds")]
    pub longest_wait: Duration,
    /// Runs of the image graph.
    pub runs: u64,
    /// Images in those runs.
    pub images: u64,
}

impl QueueTotals {
    /// Counts a request, admitted at `admitted`, that leaves its lane. Returns its waiting time.
    pub(super) fn leave_lane(&mut self, admitted: Instant) -> Duration {
        let waited = admitted.elapsed();
        self.waits += 1;
        self.waited += waited;
        self.longest_wait = self.longest_wait.max(waited);
        waited
    }
}

fn seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}
