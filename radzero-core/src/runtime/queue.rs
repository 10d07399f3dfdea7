//! A lock that serves its callers in the order in which they came.

use std::collections::BTreeSet;
use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use radzero_format::{Error, ErrorKind, Result};

use super::Cancellation;

/// How often a waiting caller looks whether it was cancelled.
const LOOK: Duration = Duration::from_millis(20);

/// How long a queue a caller joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// As long as the model's choice lets it be.
    Bounded,
    /// However long: for work that was begun and must not be lost.
    Any,
}

/// A value for one caller at a time, first come, first served.
///
/// The standard mutex lets a caller that comes back at once overtake those that wait: with many callers, some would wait
/// forever.
pub(super) struct Queue<T> {
    /// Callers that may wait, beside the one that is served.
    limit: Option<usize>,
    tickets: Mutex<Tickets>,
    turn: Condvar,
    value: Mutex<T>,
}

#[derive(Default)]
struct Tickets {
    next: u64,
    serving: u64,
    /// Tickets of callers that left before their turn.
    left: BTreeSet<u64>,
}

impl Tickets {
    /// Callers that are served or wait.
    fn present(&self) -> usize {
        (self.next - self.serving) as usize - self.left.len()
    }

    /// Moves on to the next caller that is still there.
    fn advance(&mut self) {
        self.serving += 1;
        while self.left.remove(&self.serving) {
            self.serving += 1;
        }
    }
}

impl<T> Queue<T> {
    pub(super) fn new(value: T, limit: Option<usize>) -> Self {
        Self { limit, tickets: Mutex::default(), turn: Condvar::new(), value: Mutex::new(value) }
    }

    /// Waits for the caller's turn, or until it is cancelled.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`] at once if as many wait as may, [`ErrorKind::Cancelled`].
    pub(super) fn wait(&self, patience: Patience, cancellation: &Cancellation) -> Result<Turn<'_, T>> {
        let mut tickets = self.tickets();
        // All but the one that is served wait, and so would this one.
        let waiting = tickets.present();
        if let Some(limit) = self.limit.filter(|&limit| patience == Patience::Bounded && waiting > limit) {
            let message =
                format!("at most {limit} callers that wait for the encoder expected, one more found: try again later");
            return Err(Error::new(ErrorKind::Busy, message));
        }
        let ticket = tickets.next;
        tickets.next += 1;
        while tickets.serving != ticket {
            if let Err(cancelled) = cancellation.check() {
                tickets.left.insert(ticket);
                return Err(cancelled);
            }
            tickets = self.turn.wait_timeout(tickets, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(tickets);
        // Taken by the one whose turn it is; a panic of an earlier one left nothing half done.
        let value = self.value.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Turn { queue: self, value })
    }

    fn tickets(&self) -> MutexGuard<'_, Tickets> {
        self.tickets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A caller's turn; the next one's begins when it is dropped.
pub(super) struct Turn<'a, T> {
    queue: &'a Queue<T>,
    value: MutexGuard<'a, T>,
}

impl<T> Deref for Turn<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Turn<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        self.queue.tickets().advance();
        self.queue.turn.notify_all();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::thread;

    /// Waits until `count` callers have taken a ticket.
    fn until_taken<T>(queue: &Queue<T>, count: u64) {
        while queue.tickets().next < count {
            thread::yield_now();
        }
    }

    #[test]
    fn first_come_first_served() {
        let queue = Arc::new(Queue::new(Vec::new(), None));
        let first = queue.wait(Patience::Bounded, &Cancellation::new()).unwrap();
        let mut callers = Vec::new();
        for name in 0..8 {
            let shared = queue.clone();
            callers
                .push(thread::spawn(move || shared.wait(Patience::Bounded, &Cancellation::new()).unwrap().push(name)));
            until_taken(&queue, name + 2);
        }
        drop(first);
        for caller in callers {
            caller.join().unwrap();
        }
        assert_eq!(*queue.wait(Patience::Bounded, &Cancellation::new()).unwrap(), (0..8).collect::<Vec<_>>());
    }

    #[test]
    fn no_more_wait_than_may() {
        let queue = Arc::new(Queue::new(0, Some(1)));
        let first = queue.wait(Patience::Bounded, &Cancellation::new()).unwrap();
        let shared = queue.clone();
        let waiting = thread::spawn(move || *shared.wait(Patience::Bounded, &Cancellation::new()).unwrap() += 1);
        until_taken(&queue, 2);
        let busy = queue.wait(Patience::Bounded, &Cancellation::new()).err().unwrap();
        assert_eq!(busy.kind(), ErrorKind::Busy);
        assert!(busy.to_string().contains("at most 1 callers that wait"), "{busy}");
        let (shared, patient) = (queue.clone(), queue.clone());
        let patient = thread::spawn(move || *patient.wait(Patience::Any, &Cancellation::new()).unwrap() += 1);
        until_taken(&shared, 3);
        drop(first);
        waiting.join().unwrap();
        patient.join().unwrap();
        // Whoever was refused left nothing behind.
        assert_eq!(*queue.wait(Patience::Bounded, &Cancellation::new()).unwrap(), 2);
        let nobody = Queue::new(0, Some(0));
        let first = nobody.wait(Patience::Bounded, &Cancellation::new()).unwrap();
        assert_eq!(nobody.wait(Patience::Bounded, &Cancellation::new()).err().unwrap().kind(), ErrorKind::Busy);
        drop(first);
        nobody.wait(Patience::Bounded, &Cancellation::new()).unwrap();
    }

    #[test]
    fn a_cancelled_caller_leaves_and_the_rest_goes_on() {
        let queue = Arc::new(Queue::new(0, None));
        let first = queue.wait(Patience::Bounded, &Cancellation::new()).unwrap();
        let cancellation = Cancellation::new();
        let (shared, token) = (queue.clone(), cancellation.clone());
        let leaving = thread::spawn(move || shared.wait(Patience::Bounded, &token).err().map(|error| error.kind()));
        until_taken(&queue, 2);
        let shared = queue.clone();
        let staying = thread::spawn(move || *shared.wait(Patience::Bounded, &Cancellation::new()).unwrap() += 1);
        until_taken(&queue, 3);
        cancellation.cancel();
        assert_eq!(leaving.join().unwrap(), Some(ErrorKind::Cancelled));
        drop(first);
        staying.join().unwrap();
        assert_eq!(*queue.wait(Patience::Bounded, &Cancellation::new()).unwrap(), 1);
    }
}
