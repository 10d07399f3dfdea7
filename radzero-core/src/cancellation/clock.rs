//! The clock: one thread per process that ends cancellations at their deadlines.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread;
use std::time::Instant;

use radzero_format::{Error, ErrorKind, Result};

use super::{CLOCK, LATE, State};

struct Clock {
    /// The process that the clock belongs to; 0 before its first use.
    process: AtomicU32,
    alarms: Mutex<Alarms>,
    changed: Condvar,
    /// The clock of a forked child: it lacks the parent's threads, and must not wait for a mutex that one of them may hold.
    of_child: OnceLock<Box<Clock>>,
}

struct Alarms {
    /// Whether the thread has been started.
    started: bool,
    next: u64,
    /// By time; alarms for the same time by number.
    all: BTreeMap<(Instant, u64), Weak<State>>,
}

/// An alarm that ends a cancellation; dropping it turns it off.
pub(super) struct Alarm {
    clock: &'static Clock,
    key: (Instant, u64),
}

impl Drop for Alarm {
    fn drop(&mut self) {
        // Not in a forked child: see `of_child`.
        if self.clock.process.load(Ordering::Relaxed) == std::process::id() {
            self.clock.alarms().all.remove(&self.key);
        }
    }
}

/// Ends `state` at `deadline`.
///
/// # Errors
/// [`ErrorKind::Resources`] if the thread cannot be started.
pub(super) fn at(deadline: Instant, state: Weak<State>) -> Result<Alarm> {
    let clock = Clock::of_process();
    let mut alarms = clock.alarms();
    if !alarms.started {
        thread::Builder::new().name(CLOCK.into()).spawn(|| clock.run()).map_err(|refused| {
            Error::new(ErrorKind::Resources, "a deadline needs a thread, and none can be had").with_source(refused)
        })?;
        alarms.started = true;
    }
    let key = (deadline, alarms.next);
    alarms.next += 1;
    alarms.all.insert(key, state);
    if alarms.all.first_key_value().is_some_and(|(first, _)| *first == key) {
        clock.changed.notify_one();
    }
    Ok(Alarm { clock, key })
}

impl Clock {
    const fn new(process: u32) -> Self {
        let alarms = Mutex::new(Alarms { started: false, next: 0, all: BTreeMap::new() });
        Self { process: AtomicU32::new(process), alarms, changed: Condvar::new(), of_child: OnceLock::new() }
    }

    fn of_process() -> &'static Self {
        static FIRST: Clock = Clock::new(0);
        let (process, mut clock) = (std::process::id(), &FIRST);
        loop {
            match clock.process.compare_exchange(0, process, Ordering::Relaxed, Ordering::Relaxed) {
                Err(other) if other != process => clock = clock.of_child.get_or_init(|| Box::new(Self::new(process))),
                _ => return clock,
            }
        }
    }

    fn alarms(&self) -> MutexGuard<'_, Alarms> {
        self.alarms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut alarms = self.alarms();
        loop {
            let now = Instant::now();
            let next = alarms.all.first_key_value().map(|(&(time, _), _)| time);
            alarms = match next {
                None => self.changed.wait(alarms).unwrap_or_else(PoisonError::into_inner),
                Some(time) if time > now => {
                    let waited = self.changed.wait_timeout(alarms, time - now);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                Some(_) => {
                    let due = alarms.all.pop_first();
                    drop(alarms);
                    if let Some(state) = due.and_then(|(_, state)| state.upgrade()) {
                        // Listeners should not panic. If one does, the process's other deadlines must still be met.
                        drop(catch_unwind(AssertUnwindSafe(|| state.end(LATE))));
                    }
                    self.alarms()
                }
            };
        }
    }
}
