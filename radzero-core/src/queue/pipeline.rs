//! The state of a queue: where each request is, and which comes next.
//!
//! lanes (admitted, not read yet) -> workers -> ready (with pixels) -> encoder -> finisher -> ticket. Each stage pulls from the
//! one before when it has room and wakes one of its threads, so memory does not grow with the number of requests.
//!
//! One mutex guards everything. Values of callers (readers, wakers) are neither called nor dropped while it is held, and their
//! panics do not end a thread of the queue.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ndarray::Array3;
use radzero_format::{Error, ErrorKind, Result};
use radzero_score::EncodedPrompt;

use super::discard::discard;
use super::job::{Completion, Job};
use super::lanes::Lanes;
use super::request::Request;
use super::status::{QueueStatus, QueueTotals};
use crate::cancellation::Cancellation;
use crate::process::Process;
use crate::radiograph::Radiograph;

/// The sizes of a queue, fixed when it starts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub(super) capacity: usize,
    pub(super) workers: usize,
    pub(super) batch: usize,
    /// Batches at the encoder at a time.
    pub(super) runs: usize,
}

/// A request in a lane.
pub(super) struct Waiting {
    pub(super) job: Arc<Job>,
    pub(super) request: Request,
}

/// A request that is ready for the encoder.
pub(super) struct Ready {
    pub(super) job: Arc<Job>,
    pub(super) image: ReadImage,
    pub(super) pixels: Array3<u8>,
}

/// A request's radiograph and encoded prompts.
pub(super) struct ReadImage {
    pub(super) radiograph: Radiograph,
    pub(super) prompts: Vec<EncodedPrompt>,
    pub(super) waited: Duration,
}

pub(super) struct Pipeline {
    pub(super) sizes: Sizes,
    pub(super) process: Process,
    state: Mutex<State>,
    /// Signals that a worker has something to read.
    work: Condvar,
    /// Signals that the encoder has something to encode.
    encode: Condvar,
    /// Signals that nothing is in progress, or that no thread is left.
    idle: Condvar,
}

/// One place of the queue's capacity, held by a caller. Dropping it frees the place.
pub(super) struct Permit {
    pipeline: Arc<Pipeline>,
    /// Whether no request has been submitted with it yet.
    reserved: bool,
}

impl Permit {
    pub(super) fn pipeline(&self) -> &Arc<Pipeline> {
        &self.pipeline
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.pipeline.free_place(self.reserved);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// Only requests with a place are still answered.
    Draining,
    ShutDown,
}

struct State {
    phase: Phase,
    /// All threads of the queue.
    threads: usize,
    /// Worker threads: fewer than in [`Sizes`] if the system refused some.
    workers: usize,
    next_job: u64,
    next_lane: u64,
    /// Places in use.
    taken: usize,
    /// Places in use without a request.
    reserved: usize,
    /// Requests that have not ended, by number.
    jobs: BTreeMap<u64, Arc<Job>>,
    lanes: Lanes<Waiting>,
    /// Workers that are reading.
    reading: usize,
    ready: VecDeque<Ready>,
    totals: QueueTotals,
}

impl State {
    /// The most images that are being read or ready.
    fn max_ahead(&self, sizes: Sizes) -> usize {
        self.workers + sizes.batch
    }

    fn has_room(&self, sizes: Sizes) -> bool {
        self.reading + self.ready.len() < self.max_ahead(sizes)
    }

    /// Whether nothing is in progress or reserved.
    fn is_idle(&self) -> bool {
        self.jobs.is_empty() && self.reserved == 0
    }
}

impl Pipeline {
    pub(super) fn new(sizes: Sizes) -> Self {
        let state = State {
            phase: Phase::Open,
            threads: 0,
            workers: 0,
            next_job: 0,
            next_lane: 1,
            taken: 0,
            reserved: 0,
            jobs: BTreeMap::new(),
            lanes: Lanes::new(),
            reading: 0,
            ready: VecDeque::new(),
            totals: QueueTotals::default(),
        };
        Self {
            sizes,
            process: Process::current(),
            state: Mutex::new(state),
            work: Condvar::new(),
            encode: Condvar::new(),
            idle: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reserves a place.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`], [`ErrorKind::ShutDown`], [`ErrorKind::Forked`].
    pub(super) fn reserve(self: &Arc<Self>) -> Result<Permit> {
        self.process.check()?;
        let mut state = self.state();
        if state.phase != Phase::Open {
            state.totals.refused += 1;
            return Err(closed());
        }
        if state.taken >= self.sizes.capacity {
            state.totals.refused += 1;
            let message = format!("at most {} requests expected, one more found: try again later", self.sizes.capacity);
            return Err(Error::new(ErrorKind::Busy, message));
        }
        state.taken += 1;
        state.reserved += 1;
        Ok(Permit { pipeline: self.clone(), reserved: true })
    }

    fn free_place(&self, reserved: bool) {
        // In a forked child there is nothing to free, and the mutex may have been locked at the fork.
        if self.process.check().is_ok() {
            let mut state = self.state();
            state.taken -= 1;
            state.reserved -= usize::from(reserved);
            if state.is_idle() {
                self.idle.notify_all();
            }
        }
    }

    /// Puts a request at the end of its lane. Without a permit it does not count towards the capacity.
    ///
    /// # Errors
    /// [`ErrorKind::ShutDown`], [`ErrorKind::Cancelled`], [`ErrorKind::Deadline`], [`ErrorKind::Resources`],
    /// [`ErrorKind::Forked`].
    pub(super) fn submit(
        self: &Arc<Self>,
        lane: u64,
        permit: Option<&mut Permit>,
        request: Request,
    ) -> Result<Arc<Job>> {
        self.process.check()?;
        let cancellation = Cancellation::any(&request.cancellations, request.deadline);
        let job = {
            let mut state = self.state();
            if state.phase == Phase::ShutDown || state.phase == Phase::Draining && permit.is_none() {
                state.totals.refused += 1;
                return Err(closed());
            }
            if let Err(ended) = cancellation.check() {
                state.totals.ended += 1;
                return Err(ended);
            }
            if let Some(permit) = permit {
                permit.reserved = false;
                state.reserved -= 1;
            }
            let job = Arc::new(Job::new(lane, state.next_job, cancellation));
            state.next_job += 1;
            state.jobs.insert(job.number, job.clone());
            job
        };
        // From here on the job can end at any time.
        let (pipeline, ending) = (Arc::downgrade(self), Arc::downgrade(&job));
        let listening = job.cancellation.listen(move || {
            if let (Some(pipeline), Some(job)) = (pipeline.upgrade(), ending.upgrade()) {
                let ended = job.cancellation.check().err();
                pipeline.end(&job, Completion::Error(ended.unwrap_or_else(shut_down)));
            }
        });
        match listening {
            Ok(listening) => job.keep(listening),
            Err(error) => {
                self.end(&job, Completion::Error(error.clone()));
                return Err(error);
            }
        }
        let mut state = self.state();
        if state.jobs.contains_key(&job.number) {
            state.lanes.push(lane, job.number, Waiting { job: job.clone(), request });
            self.wake_worker(&state);
        }
        drop(state);
        Ok(job)
    }

    /// The number of a new lane.
    ///
    /// # Errors
    /// [`ErrorKind::Forked`].
    pub(super) fn new_lane(&self) -> Result<u64> {
        self.process.check()?;
        let mut state = self.state();
        state.next_lane += 1;
        Ok(state.next_lane)
    }

    /// How many requests [`EncodedImages`](super::EncodedImages) keeps in progress: enough for all stages and the caller.
    pub(super) fn window(&self) -> usize {
        self.state().max_ahead(self.sizes) + (self.sizes.runs + 1) * self.sizes.batch + 2
    }

    /// Ends a request. The first call decides how; later ones do nothing. Any thread may call it.
    pub(super) fn end(&self, job: &Arc<Job>, completion: Completion) {
        if self.process.check().is_err() {
            return discard(completion);
        }
        let mut state = self.state();
        if state.jobs.remove(&job.number).is_none() {
            drop(state);
            return discard(completion);
        }
        match &completion {
            Completion::Answer(_) => state.totals.answered += 1,
            Completion::Error(error)
                if matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::Deadline | ErrorKind::ShutDown) =>
            {
                state.totals.ended += 1;
            }
            Completion::Error(_) | Completion::Panic(_) => state.totals.failed += 1,
        }
        let waiting = state.lanes.remove(job.lane, job.number);
        if waiting.is_some() {
            state.totals.leave_lane(job.admitted);
        }
        let index = state.ready.iter().position(|ready| ready.job.number == job.number);
        let ready = index.and_then(|index| state.ready.remove(index));
        if ready.is_some() {
            self.wake_worker(&state);
        }
        if state.is_idle() {
            self.idle.notify_all();
        }
        drop(state);
        job.complete(completion);
        discard((waiting, ready));
    }

    /// Called by a worker: waits for the next request and returns it with its waiting time; `None` after shutdown.
    pub(super) fn next_to_read(&self) -> Option<(Waiting, Duration)> {
        let mut state = self.state();
        loop {
            if state.has_room(self.sizes)
                && let Some(waiting) = state.lanes.pop()
            {
                state.reading += 1;
                let waited = state.totals.leave_lane(waiting.job.admitted);
                // Another worker takes the next one.
                self.wake_worker(&state);
                return Some((waiting, waited));
            }
            if state.phase == Phase::ShutDown {
                return None;
            }
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Called by a worker: hands over the request that it took.
    pub(super) fn finish_reading(&self, job: &Arc<Job>, ready: Result<Ready, Completion>) {
        let mut state = self.state();
        state.reading -= 1;
        match ready {
            Ok(ready) if state.jobs.contains_key(&job.number) => {
                state.ready.push_back(ready);
                self.encode.notify_one();
            }
            // It ended meanwhile. No need to wake a worker: this one takes the next request itself.
            Ok(ended) => {
                drop(state);
                discard(ended);
            }
            Err(completion) => {
                drop(state);
                self.end(job, completion);
            }
        }
    }

    /// Called by an encoder: waits for the next batch of ready requests; empty after shutdown.
    ///
    /// A batch is full or has 1, 2, 4, ... images: the first run of each other size would take a GPU long.
    pub(super) fn next_to_encode(&self) -> Vec<Ready> {
        let mut state = self.state();
        while state.ready.is_empty() && state.phase != Phase::ShutDown {
            state = self.encode.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let count = match state.ready.len() {
            ready if ready >= self.sizes.batch => self.sizes.batch,
            ready => ready.checked_ilog2().map_or(0, |power| 1 << power),
        };
        let batch: Vec<Ready> = state.ready.drain(..count).collect();
        if !batch.is_empty() {
            state.totals.runs += 1;
            state.totals.images += batch.len() as u64;
        }
        for _ in &batch {
            self.wake_worker(&state);
        }
        batch
    }

    /// Wakes one worker if there is something to read and room for it.
    fn wake_worker(&self, state: &State) {
        if state.lanes.len() > 0 && state.has_room(self.sizes) {
            self.work.notify_one();
        }
    }

    /// Counts a thread that is about to start.
    pub(super) fn add_thread(&self, is_worker: bool) {
        let mut state = self.state();
        state.threads += 1;
        state.workers += usize::from(is_worker);
    }

    /// Uncounts a thread that has ended or could not be started.
    pub(super) fn remove_thread(&self, is_worker: bool) {
        let mut state = self.state();
        state.threads -= 1;
        state.workers -= usize::from(is_worker);
        if state.threads == 0 {
            self.idle.notify_all();
        }
    }

    /// Stops admitting requests and waits until nothing is in progress.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`], [`ErrorKind::Deadline`], [`ErrorKind::Resources`], [`ErrorKind::Forked`].
    pub(super) fn drain(self: &Arc<Self>, cancellation: &Cancellation) -> Result<()> {
        self.process.check()?;
        {
            let mut state = self.state();
            if state.phase == Phase::Open {
                state.phase = Phase::Draining;
            }
        }
        let pipeline = Arc::downgrade(self);
        let _listening = cancellation.listen(move || {
            if let Some(pipeline) = pipeline.upgrade() {
                // The lock makes sure that a waiter cannot miss this between its check and its wait.
                let _state = pipeline.state();
                pipeline.idle.notify_all();
            }
        })?;
        let mut state = self.state();
        while !state.is_idle() {
            cancellation.check()?;
            state = self.idle.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }

    /// Ends all requests and lets the threads end.
    pub(super) fn shut_down(&self) {
        let jobs: Vec<Arc<Job>> = {
            let mut state = self.state();
            state.phase = Phase::ShutDown;
            self.work.notify_all();
            self.encode.notify_all();
            state.jobs.values().cloned().collect()
        };
        for job in jobs {
            self.end(&job, Completion::Error(shut_down()));
            // Stops a run in progress.
            job.cancellation.cancel();
        }
    }

    /// Waits until the threads have ended.
    pub(super) fn wait_for_threads(&self) {
        let mut state = self.state();
        while state.threads > 0 {
            state = self.idle.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(super) fn status(&self) -> Result<QueueStatus> {
        self.process.check()?;
        let state = self.state();
        let now = Instant::now();
        let oldest = state.lanes.firsts().map(|waiting| now.saturating_duration_since(waiting.job.admitted)).max();
        Ok(QueueStatus {
            open: state.phase == Phase::Open,
            capacity: self.sizes.capacity,
            taken: state.taken,
            waiting: state.lanes.len(),
            in_progress: state.jobs.len() - state.lanes.len(),
            workers: state.workers,
            reading: state.reading,
            batch: self.sizes.batch,
            oldest: oldest.unwrap_or_default(),
            totals: state.totals,
        })
    }
}

fn closed() -> Error {
    Error::new(ErrorKind::ShutDown, "the queue takes no more requests: it was drained or shut down")
}

fn shut_down() -> Error {
    Error::new(ErrorKind::ShutDown, "the queue was shut down before the request was answered")
}
