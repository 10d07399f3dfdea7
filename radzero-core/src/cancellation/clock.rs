//! One thread of the process that ends what has a deadline.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread;
use std::time::Instant;

use radzero_format::{Error, ErrorKind, Result};

use super::{CLOCK, LATE, State};

struct Clock {
    /// 0 before it is used first.
    process: AtomicU32,
    alarms: Mutex<Alarms>,
    changed: Condvar,
    /// That of a forked child, which has no thread of its parent's, and must not wait for a lock that one of them held.
    of_child: OnceLock<Box<Clock>>,
}

struct Alarms {
    /// Whether there is a thread that rings them.
    runs: bool,
    next: u64,
    /// By time, and by number where times are equal.
    all: BTreeMap<(Instant, u64), Weak<State>>,
}

/// Something to be ended; dropping it forgets it.
pub(super) struct Alarm {
    clock: &'static Clock,
    key: (Instant, u64),
}

impl Drop for Alarm {
    fn drop(&mut self) {
        // Not in a forked child: see above.
        if self.clock.process.load(Ordering::Relaxed) == std::process::id() {
            self.clock.alarms().all.remove(&self.key);
        }
    }
}

/// Ends `state` at `deadline`.
///
/// # Errors
/// [`ErrorKind::Resources`] if no thread can be had.
pub(super) fn at(deadline: Instant, state: Weak<State>) -> Result<Alarm> {
    let clock = Clock::of_process();
    let mut alarms = clock.alarms();
    if !alarms.runs {
        thread::Builder::new().name(CLOCK.into()).spawn(|| clock.run()).map_err(|refused| {
            Error::new(ErrorKind::Resources, "a deadline needs a thread, and none can be had").with_source(refused)
        })?;
        alarms.runs = true;
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
        let alarms = Mutex::new(Alarms { runs: false, next: 0, all: BTreeMap::new() });
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
                        // Listeners do not panic. If one did, the other deadlines of the process would still be kept.
                        drop(catch_unwind(AssertUnwindSafe(|| state.end(LATE))));
                    }
                    self.alarms()
                }
            };
        }
    }
}
