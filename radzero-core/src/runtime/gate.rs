//! A gate that admits a fixed number of callers at a time, in order of arrival.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};

use radzero_format::{Error, ErrorKind, Result};

use crate::cancellation::Cancellation;

/// Whether the limit on waiting callers applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// It applies.
    Bounded,
    /// It does not, because work that has begun must not be lost.
    Any,
}

/// Admits `width` callers at a time, first come, first served. A caller that leaves wakes the next one only.
///
/// A standard mutex would let a caller that returns at once overtake the waiting ones; with many callers, some would starve.
pub(crate) struct Gate {
    width: usize,
    /// How many callers may wait, besides those admitted.
    limit: Option<usize>,
    line: Mutex<Line>,
}

struct Line {
    free: usize,
    waiting: VecDeque<Arc<Waiter>>,
}

struct Waiter {
    thread: Thread,
    admitted: AtomicBool,
}

impl Gate {
    pub(super) fn new(width: usize, limit: Option<usize>) -> Self {
        Self { width, limit, line: Mutex::new(Line { free: width, waiting: VecDeque::new() }) }
    }

    /// Waits for the caller's turn, or until it is cancelled.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`] at once if too many wait already, [`ErrorKind::Cancelled`], [`ErrorKind::Deadline`],
    /// [`ErrorKind::Resources`] if the thread that watches deadlines cannot be started.
    pub(super) fn enter(&self, patience: Patience, cancellation: &Cancellation) -> Result<Pass<'_>> {
        cancellation.check()?;
        let waiter = {
            let mut line = self.line();
            // This caller would have to wait, too.
            let waiting = self.width - line.free + line.waiting.len();
            if let Some(limit) = self.limit.filter(|&limit| patience == Patience::Bounded && waiting > limit) {
                let message = format!(
                    "at most {limit} callers that wait for the encoder expected, one more found: try again later"
                );
                return Err(Error::new(ErrorKind::Busy, message));
            }
            if line.free > 0 {
                line.free -= 1;
                return Ok(Pass(self));
            }
            let waiter = Arc::new(Waiter { thread: thread::current(), admitted: AtomicBool::new(false) });
            line.waiting.push_back(waiter.clone());
            waiter
        };
        let thread = waiter.thread.clone();
        let listening = cancellation.listen(move || thread.unpark());
        loop {
            if waiter.admitted.load(Ordering::Acquire) {
                return Ok(Pass(self));
            }
            let ended = listening.as_ref().err().cloned().or_else(|| cancellation.check().err());
            if let Some(error) = ended {
                return Err(self.leave(&waiter, error));
            }
            thread::park();
        }
    }

    /// Takes a caller out of the line. If its turn has just come, the turn passes to the next.
    fn leave(&self, waiter: &Arc<Waiter>, error: Error) -> Error {
        let mut line = self.line();
        if waiter.admitted.load(Ordering::Acquire) {
            drop(line);
            drop(Pass(self));
        } else {
            line.waiting.retain(|other| !Arc::ptr_eq(other, waiter));
        }
        error
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A caller's turn, which ends when this is dropped.
pub(crate) struct Pass<'a>(&'a Gate);

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut line = self.0.line();
        match line.waiting.pop_front() {
            Some(next) => {
                next.admitted.store(true, Ordering::Release);
                drop(line);
                next.thread.unpark();
            }
            None => line.free += 1,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    fn enter<'a>(gate: &'a Gate, patience: Patience) -> Result<Pass<'a>> {
        gate.enter(patience, &Cancellation::new())
    }

    fn kind(refused: Result<Pass<'_>>) -> Option<ErrorKind> {
        refused.err().map(|error| error.kind())
    }

    /// Waits until `count` callers are waiting.
    fn until_waiting(gate: &Gate, count: usize) {
        while gate.line().waiting.len() < count {
            thread::yield_now();
        }
    }

    #[test]
    fn first_come_first_served() {
        let gate = Gate::new(1, None);
        let (sender, receiver) = channel();
        thread::scope(|scope| {
            let first = enter(&gate, Patience::Bounded).unwrap();
            for name in 0..8 {
                let (sender, gate) = (sender.clone(), &gate);
                scope.spawn(move || {
                    let _pass = enter(gate, Patience::Bounded).unwrap();
                    sender.send(name).unwrap();
                });
                until_waiting(gate, name + 1);
            }
            drop(first);
        });
        assert_eq!(receiver.try_iter().collect::<Vec<_>>(), (0..8).collect::<Vec<_>>());
    }

    #[test]
    fn it_admits_as_many_callers_as_it_is_wide() {
        let gate = Gate::new(2, None);
        let (one, two) = (enter(&gate, Patience::Bounded).unwrap(), enter(&gate, Patience::Bounded).unwrap());
        thread::scope(|scope| {
            let third = scope.spawn(|| drop(enter(&gate, Patience::Bounded).unwrap()));
            until_waiting(&gate, 1);
            drop(two);
            third.join().unwrap();
        });
        drop(one);
        assert_eq!(gate.line().free, 2);
    }

    #[test]
    fn callers_beyond_the_limit_are_refused() {
        let gate = Gate::new(1, Some(1));
        let first = enter(&gate, Patience::Bounded).unwrap();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| drop(enter(&gate, Patience::Bounded).unwrap()));
            until_waiting(&gate, 1);
            let busy = enter(&gate, Patience::Bounded).err().unwrap();
            assert_eq!(busy.kind(), ErrorKind::Busy);
            assert!(busy.to_string().contains("at most 1 callers that wait"), "{busy}");
            let patient = scope.spawn(|| drop(enter(&gate, Patience::Any).unwrap()));
            until_waiting(&gate, 2);
            drop(first);
            waiting.join().unwrap();
            patient.join().unwrap();
        });
        // A refused caller leaves nothing behind.
        drop(enter(&gate, Patience::Bounded).unwrap());
        let nobody = Gate::new(2, Some(0));
        let first = enter(&nobody, Patience::Bounded).unwrap();
        assert_eq!(kind(enter(&nobody, Patience::Bounded)), Some(ErrorKind::Busy));
        drop(first);
        drop(enter(&nobody, Patience::Bounded).unwrap());
    }

    #[test]
    fn a_cancelled_or_late_caller_leaves_and_the_others_go_on() {
        let gate = Gate::new(1, None);
        let first = enter(&gate, Patience::Bounded).unwrap();
        let (cancelled, late) = (Cancellation::new(), Cancellation::after(Duration::from_millis(50)));
        assert_eq!(kind(gate.enter(Patience::Bounded, &late)), Some(ErrorKind::Deadline));
        thread::scope(|scope| {
            let leaving = scope.spawn(|| kind(gate.enter(Patience::Bounded, &cancelled)));
            until_waiting(&gate, 1);
            let staying = scope.spawn(|| drop(enter(&gate, Patience::Bounded).unwrap()));
            until_waiting(&gate, 2);
            cancelled.cancel();
            assert_eq!(leaving.join().unwrap(), Some(ErrorKind::Cancelled));
            drop(first);
            staying.join().unwrap();
        });
        assert_eq!(kind(gate.enter(Patience::Any, &cancelled)), Some(ErrorKind::Cancelled));
        let line = gate.line();
        assert_eq!((line.free, line.waiting.len()), (1, 0));
    }
}
