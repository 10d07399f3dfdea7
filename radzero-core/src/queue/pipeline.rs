//! Where every request of a queue is, and what comes next.
//!
//! lanes (admitted; nothing is read) -> workers -> ready (with pixels) -> encoder -> finisher -> ticket. Each step takes from
//! the one before when it has room, and wakes one thread of it: what is held in memory does not grow with the requests.
//!
//! All of it is under one lock. What belongs to callers (readers, wakers) is neither called nor dropped under it, and cannot end a
//! thread by a panic.

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ndarray::Array3;
use radzero_format::{Error, ErrorKind, Result};
use radzero_score::EncodedPrompt;

use super::lanes::Lanes;
use super::place::Place;
use super::request::Request;
use super::status::{QueueStatus, QueueTotals};
use super::ticket::{Job, Outcome, Ticket};
use crate::cancellation::Cancellation;
use crate::radiograph::Radiograph;
use crate::runtime::Process;

/// Numbers that do not change while a queue lives.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub(super) capacity: usize,
    pub(super) workers: usize,
    pub(super) batch: usize,
}

/// A request in a lane.
pub(super) struct Waiting {
    pub(super) job: Arc<Job>,
    pub(super) request: Request,
}

/// A request that is ready for the encoder.
pub(super) struct Ready {
    pub(super) job: Arc<Job>,
    pub(super) read: Read,
    pub(super) pixels: Array3<u8>,
}

/// What a worker made of a request, beside its pixels.
pub(super) struct Read {
    pub(super) radiograph: Radiograph,
    pub(super) prompts: Vec<EncodedPrompt>,
    pub(super) waited: Duration,
}

pub(super) struct Pipeline {
    pub(super) sizes: Sizes,
    pub(super) process: Process,
    state: Mutex<State>,
    /// There is something for a worker.
    work: Condvar,
    /// There is something for the encoder.
    encode: Condvar,
    /// Nothing is in progress, or no thread is left.
    idle: Condvar,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// What has a place is still answered.
    Draining,
    ShutDown,
}

struct State {
    phase: Phase,
    /// Threads of the queue.
    threads: usize,
    /// Those that read: fewer than the sizes say where no more could be had.
    workers: usize,
    next: u64,
    next_lane: u64,
    taken: usize,
    /// Places without a request.
    reserved: usize,
    /// Requests that have not ended, by number.
    jobs: BTreeMap<u64, Arc<Job>>,
    lanes: Lanes<Waiting>,
    /// Workers that read.
    reading: usize,
    ready: VecDeque<Ready>,
    totals: QueueTotals,
}

impl State {
    /// Images that are read, or ready, at most.
    fn ahead(&self, sizes: Sizes) -> usize {
        self.workers + sizes.batch
    }

    fn has_room(&self, sizes: Sizes) -> bool {
        self.reading + self.ready.len() < self.ahead(sizes)
    }

    /// Whether nothing is in progress, or about to be.
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
            next: 0,
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

    /// Takes a place.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`], [`ErrorKind::ShutDown`], [`ErrorKind::Forked`].
    pub(super) fn take_place(&self) -> Result<()> {
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
        Ok(())
    }

    pub(super) fn give_back_place(&self, reserved: bool) {
        // A forked child has no place to give back, and another thread may have held the lock at the fork.
        if self.process.check().is_ok() {
            let mut state = self.state();
            state.taken -= 1;
            state.reserved -= usize::from(reserved);
            if state.is_idle() {
                self.idle.notify_all();
            }
        }
    }

    /// Puts a request at the end of its lane: in a place, or beside all places.
    ///
    /// # Errors
    /// Why it cannot be taken.
    pub(super) fn submit(self: &Arc<Self>, lane: u64, mut place: Option<Place>, request: Request) -> Result<Ticket> {
        self.process.check()?;
        let cancellation = Cancellation::any(&request.cancellations, request.deadline);
        let job = {
            let mut state = self.state();
            if state.phase == Phase::ShutDown || state.phase == Phase::Draining && place.is_none() {
                state.totals.refused += 1;
                drop(state);
                return Err(closed());
            }
            if let Err(ended) = cancellation.check() {
                state.totals.ended += 1;
                drop(state);
                return Err(ended);
            }
            if let Some(place) = &mut place {
                place.has_request();
                state.reserved -= 1;
            }
            let job = Arc::new(Job::new(lane, state.next, cancellation));
            state.next += 1;
            state.jobs.insert(job.number, job.clone());
            job
        };
        // From here on it may end at any time.
        let (pipeline, ending) = (Arc::downgrade(self), Arc::downgrade(&job));
        let listening = job.cancellation.listen(move || {
            if let (Some(pipeline), Some(job)) = (pipeline.upgrade(), ending.upgrade()) {
                let ended = job.cancellation.check().err();
                pipeline.end(&job, Outcome::Error(ended.unwrap_or_else(shut_down)));
            }
        });
        match listening {
            Ok(listening) => job.keep(listening),
            Err(error) => {
                self.end(&job, Outcome::Error(error.clone()));
                return Err(error);
            }
        }
        let mut state = self.state();
        if state.jobs.contains_key(&job.number) {
            state.lanes.push(lane, job.number, Waiting { job: job.clone(), request });
            self.wake_worker(&state);
        }
        drop(state);
        Ok(Ticket::new(job, self.process, place))
    }

    /// A lane that takes turns with all others.
    ///
    /// # Errors
    /// [`ErrorKind::Forked`].
    pub(super) fn new_lane(&self) -> Result<u64> {
        self.process.check()?;
        let mut state = self.state();
        state.next_lane += 1;
        Ok(state.next_lane)
    }

    /// Requests that an ordered reader has in progress: enough to keep every step at work, its own included.
    pub(super) fn window(&self) -> usize {
        self.state().ahead(self.sizes) + 2 * self.sizes.batch + 2
    }

    /// Ends a request, once: whoever comes first decides how. Callers of other kinds than the queue's threads may be the first.
    pub(super) fn end(&self, job: &Arc<Job>, outcome: Outcome) {
        if self.process.check().is_err() {
            return discard(outcome);
        }
        let mut state = self.state();
        if state.jobs.remove(&job.number).is_none() {
            drop(state);
            return discard(outcome);
        }
        match &outcome {
            Outcome::Answer(_) => state.totals.answered += 1,
            Outcome::Error(error)
                if matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::Deadline | ErrorKind::ShutDown) =>
            {
                state.totals.ended += 1;
            }
            Outcome::Error(_) | Outcome::Panic(_) => state.totals.failed += 1,
        }
        let waiting = state.lanes.remove(job.lane, job.number);
        if waiting.is_some() {
            state.totals.leave_lane(job.since);
        }
        let place = state.ready.iter().position(|ready| ready.job.number == job.number);
        let ready = place.and_then(|place| state.ready.remove(place));
        if ready.is_some() {
            self.wake_worker(&state);
        }
        if state.is_idle() {
            self.idle.notify_all();
        }
        drop(state);
        job.settle(outcome);
        discard((waiting, ready));
    }

    /// For a worker: the next request, with how long it waited; `None` at the end.
    pub(super) fn next_to_read(&self) -> Option<(Waiting, Duration)> {
        let mut state = self.state();
        loop {
            if state.has_room(self.sizes)
                && let Some(waiting) = state.lanes.pop()
            {
                state.reading += 1;
                let waited = state.totals.leave_lane(waiting.job.since);
                // Others that wait are another worker's.
                self.wake_worker(&state);
                return Some((waiting, waited));
            }
            if state.phase == Phase::ShutDown {
                return None;
            }
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// From a worker: what became of it.
    pub(super) fn has_read(&self, job: &Arc<Job>, ready: Result<Ready, Outcome>) {
        let mut state = self.state();
        state.reading -= 1;
        match ready {
            Ok(ready) if state.jobs.contains_key(&job.number) => {
                state.ready.push_back(ready);
                self.encode.notify_one();
            }
            // The worker itself takes the room that there is again.
            Ok(ended) => {
                drop(state);
                discard(ended);
            }
            Err(outcome) => {
                drop(state);
                self.end(job, outcome);
            }
        }
    }

    /// For the encoder: what is ready, as much as one run takes; empty at the end.
    pub(super) fn next_to_encode(&self) -> Vec<Ready> {
        let mut state = self.state();
        while state.ready.is_empty() && state.phase != Phase::ShutDown {
            state = self.encode.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let count = state.ready.len().min(self.sizes.batch);
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

    /// Wakes one worker where there is something to read and room for it.
    fn wake_worker(&self, state: &State) {
        if state.lanes.len() > 0 && state.has_room(self.sizes) {
            self.work.notify_one();
        }
    }

    /// A thread is about to be started.
    pub(super) fn add_thread(&self, reads: bool) {
        let mut state = self.state();
        state.threads += 1;
        state.workers += usize::from(reads);
    }

    /// A thread has ended, or could not be started.
    pub(super) fn remove_thread(&self, reads: bool) {
        let mut state = self.state();
        state.threads -= 1;
        state.workers -= usize::from(reads);
        if state.threads == 0 {
            self.idle.notify_all();
        }
    }

    /// Takes no more requests, and waits until nothing is in progress.
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
                // Under the lock, so that it does not come between a look and the wait after it.
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

    /// Ends every request, and lets the threads end.
    pub(super) fn shut_down(&self) {
        let jobs: Vec<Arc<Job>> = {
            let mut state = self.state();
            state.phase = Phase::ShutDown;
            self.work.notify_all();
            self.encode.notify_all();
            state.jobs.values().cloned().collect()
        };
        for job in jobs {
            self.end(&job, Outcome::Error(shut_down()));
            // Ends a run in progress.
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
        let oldest = state.lanes.firsts().map(|waiting| now.saturating_duration_since(waiting.job.since)).max();
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

/// Drops what may be a caller's: a panic of its own ends no thread of the queue.
pub(super) fn discard<T>(value: T) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        // To drop it may panic again.
        mem::forget(panic);
    }
}

pub(super) fn closed() -> Error {
    Error::new(ErrorKind::ShutDown, "the queue takes no more requests: it was drained or shut down")
}

fn shut_down() -> Error {
    Error::new(ErrorKind::ShutDown, "the queue was shut down before the request was answered")
}
