//! What can be seen of a queue.

use std::time::{Duration, Instant};

use serde::Serialize;

/// How a queue is doing: a snapshot, for health checks and metrics. Times are in seconds as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct QueueStatus {
    /// Whether requests are taken: until it is drained or shut down.
    pub open: bool,
    /// Places for requests.
    pub capacity: usize,
    /// Places that are taken: until an answer is taken, or its ticket dropped.
    pub taken: usize,
    /// Requests that wait for a worker, those of [`encode_all`](super::EncoderQueue::encode_all) included.
    pub waiting: usize,
    /// Requests that are read, encoded or compared.
    pub in_progress: usize,
    /// Threads that read images.
    pub workers: usize,
    /// How many of them are reading: also for a request that has ended meanwhile.
    pub reading: usize,
    /// Images in one run, at most.
    pub batch: usize,
    /// For how long the oldest request of those that wait has waited.
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
    /// Requests that ended in an error of their own: a bad image, a bad prompt, a graph that failed.
    pub failed: u64,
    /// Requests that were cancelled, whose deadline passed, or that ended with the queue.
    pub ended: u64,
    /// Requests that found no place, or came after the end.
    pub refused: u64,
    /// Requests that have left their lane: those that a worker took, and those that ended in it.
    pub waits: u64,
    /// How long these waited, together.
    #[serde(serialize_with = "seconds")]
    pub waited: Duration,
    /// How long one of these waited at most.
    #[serde(serialize_with = "seconds")]
    pub longest_wait: Duration,
    /// Runs of the image graph.
    pub runs: u64,
    /// Images in those runs.
    pub images: u64,
}

impl QueueTotals {
    /// A request that was admitted at `since` leaves its lane.
    pub(super) fn leave_lane(&mut self, since: Instant) -> Duration {
        let waited = since.elapsed();
        self.waits += 1;
        self.waited += waited;
        self.longest_wait = self.longest_wait.max(waited);
        waited
    }
}

fn seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}
