//! Cancelling calls from another thread or at a deadline.

mod clock;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use radzero_format::{Error, ErrorKind, Result};

use crate::process::Process;

/// The name of the thread that ends cancellations at their deadlines.
pub(crate) const CLOCK: &str = "radzero-clock";

/// Ends the calls that it was passed to, from any thread or at a deadline, whether they wait or run.
///
/// Clones share one state. It cannot be reset: use a new one for new calls, and in a forked child.
///
/// ```
/// use std::time::Duration;
/// use radzero_core::{Cancellation, ErrorKind};
///
/// let whole_request = Cancellation::after(Duration::from_secs(10));
/// // Pass it to each call of the request, and check it between steps of your own.
/// whole_request.check()?;
/// whole_request.cancel();
/// assert_eq!(whole_request.check().unwrap_err().kind(), ErrorKind::Cancelled);
/// # Ok::<(), radzero_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Cancellation(Arc<State>);

struct State {
    /// The process in which the mutexes may be locked: in a forked child one may stay locked forever.
    process: Process,
    /// One of [`RUNNING`], [`CANCELLED`], [`LATE`].
    ended: AtomicU8,
    deadline: Option<Instant>,
    listeners: Mutex<Listeners>,
    /// The listeners on the parents, which end this one too.
    parents: Mutex<Vec<Entry>>,
}

const RUNNING: u8 = 0;
const CANCELLED: u8 = 1;
const LATE: u8 = 2;

/// Called with the cause at the end.
type Listener = Arc<dyn Fn(u8) + Send + Sync>;

#[derive(Default)]
struct Listeners {
    next: u64,
    all: BTreeMap<u64, Listener>,
}

impl Cancellation {
    /// A cancellation without a deadline.
    #[must_use]
    pub fn new() -> Self {
        Self::any(&[], None)
    }

    /// A cancellation that ends by itself at `deadline`.
    #[must_use]
    pub fn until(deadline: Instant) -> Self {
        Self::any(&[], Some(deadline))
    }

    /// A cancellation that ends by itself after `timeout`.
    #[must_use]
    pub fn after(timeout: Duration) -> Self {
        // A deadline that overflows `Instant` is never reached.
        Self::any(&[], Instant::now().checked_add(timeout))
    }

    /// Ends with the first of `parents`, at its deadline, or when it is cancelled itself.
    pub(crate) fn any(parents: &[Self], deadline: Option<Instant>) -> Self {
        let deadline = parents.iter().filter_map(Self::deadline).chain(deadline).min();
        let forked = parents.iter().map(|parent| parent.0.process).find(|process| process.check().is_err());
        let state = State::new(forked.unwrap_or_else(Process::current), deadline);
        state.follow(parents, State::end);
        Self(state)
    }

    /// Ends with the last of `parents`, or when it is cancelled itself. Parents with a deadline must have another listener: only
    /// then do they end by themselves.
    pub(crate) fn all(parents: &[Self]) -> Self {
        if let [one] = parents {
            return one.clone();
        }
        let state = State::new(Process::current(), None);
        let left = AtomicUsize::new(parents.len());
        state.follow(parents, move |state, cause| {
            if left.fetch_sub(1, Ordering::SeqCst) == 1 {
                state.end(cause);
            }
        });
        Self(state)
    }

    /// Ends the calls with [`ErrorKind::Cancelled`]. A graph in progress stops after its current operator.
    pub fn cancel(&self) {
        self.0.end(CANCELLED);
    }

    /// Whether it was cancelled, or its deadline has passed.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.cause() != RUNNING
    }

    /// The time at which it ends by itself.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.0.deadline
    }

    /// Returns an error once it has ended. Call it between the steps of long work.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`], [`ErrorKind::Deadline`].
    pub fn check(&self) -> Result<()> {
        match self.0.cause() {
            RUNNING => Ok(()),
            LATE => Err(Error::new(ErrorKind::Deadline, "the deadline of the call has passed")),
            _ => Err(Error::new(ErrorKind::Cancelled, "cancelled by the caller")),
        }
    }

    /// Calls `at_end` when it ends, on the thread that ends it and without holding a mutex; at once if it has already ended. It is
    /// called at most once, and possibly while the returned guard is being dropped.
    ///
    /// # Errors
    /// [`ErrorKind::Resources`] if the thread for deadlines cannot be started, [`ErrorKind::Forked`].
    pub(crate) fn listen(&self, at_end: impl Fn() + Send + Sync + 'static) -> Result<Listening> {
        self.0.process.check()?;
        let entry = self.0.add(Arc::new(move |_| at_end()));
        let alarm = match self.0.deadline {
            Some(deadline) if self.0.ended.load(Ordering::SeqCst) == RUNNING => {
                Some(clock::at(deadline, Arc::downgrade(&self.0))?)
            }
            _ => None,
        };
        Ok(Listening { _entry: entry, _alarm: alarm })
    }
}

impl State {
    fn new(process: Process, deadline: Option<Instant>) -> Arc<Self> {
        Arc::new(Self {
            process,
            ended: AtomicU8::new(RUNNING),
            deadline,
            listeners: Mutex::default(),
            parents: Mutex::default(),
        })
    }

    /// Calls `at_end` with this state and the cause when one of `parents` ends. The parents hold only weak references to it.
    fn follow(self: &Arc<Self>, parents: &[Cancellation], at_end: impl Fn(&Self, u8) + Send + Sync + 'static) {
        let at_end = Arc::new(at_end);
        let follow = |parent: &Cancellation| {
            let (child, at_end) = (Arc::downgrade(self), at_end.clone());
            parent.0.add(Arc::new(move |cause| {
                if let Some(state) = child.upgrade() {
                    at_end(&state, cause);
                }
            }))
        };
        let entries = parents.iter().map(follow).collect();
        *self.parents.lock().unwrap_or_else(PoisonError::into_inner) = entries;
    }

    fn cause(&self) -> u8 {
        match self.ended.load(Ordering::SeqCst) {
            RUNNING if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) => LATE,
            ended => ended,
        }
    }

    fn end(&self, cause: u8) {
        // The deadline may have passed before its alarm rang.
        let cause = match self.cause() {
            RUNNING => cause,
            earlier => earlier,
        };
        if self.process.check().is_err() {
            // In a forked child, nobody listens.
            self.ended.store(cause, Ordering::SeqCst);
            return;
        }
        let called = {
            let mut listeners = self.listeners();
            if self.ended.compare_exchange(RUNNING, cause, Ordering::SeqCst, Ordering::SeqCst).is_err() {
                return;
            }
            std::mem::take(&mut listeners.all)
        };
        for listener in called.into_values() {
            listener(cause);
        }
    }

    fn add(self: &Arc<Self>, listener: Listener) -> Entry {
        if self.process.check().is_err() {
            return Entry { state: self.clone(), id: u64::MAX };
        }
        let mut listeners = self.listeners();
        let id = listeners.next;
        listeners.next += 1;
        match self.ended.load(Ordering::SeqCst) {
            RUNNING => {
                listeners.all.insert(id, listener);
            }
            cause => {
                drop(listeners);
                listener(cause);
            }
        }
        Entry { state: self.clone(), id }
    }

    fn listeners(&self) -> MutexGuard<'_, Listeners> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A registered listener; dropping it removes the listener.
struct Entry {
    state: Arc<State>,
    id: u64,
}

impl Drop for Entry {
    fn drop(&mut self) {
        if self.state.process.check().is_ok() {
            let removed = self.state.listeners().all.remove(&self.id);
            // Dropped without the mutex: it may hold a guard of another listener.
            drop(removed);
        }
    }
}

/// A guard of [`Cancellation::listen`]; dropping it removes the listener.
pub(crate) struct Listening {
    _entry: Entry,
    _alarm: Option<clock::Alarm>,
}

impl Default for Cancellation {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Cancellation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cancellation")
            .field("is_cancelled", &self.is_cancelled())
            .field("deadline", &self.deadline())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    fn kind(cancellation: &Cancellation) -> Option<ErrorKind> {
        cancellation.check().err().map(|error| error.kind())
    }

    #[test]
    fn listeners_are_called_once_and_late_ones_immediately() {
        let (cancellation, calls) = (Cancellation::new(), Arc::new(AtomicUsize::new(0)));
        let count = || {
            let calls = calls.clone();
            move || {
                calls.fetch_add(1, Ordering::SeqCst);
            }
        };
        let _kept = cancellation.listen(count()).unwrap();
        drop(cancellation.listen(count()).unwrap());
        assert_eq!((calls.load(Ordering::SeqCst), kind(&cancellation)), (0, None));
        cancellation.cancel();
        cancellation.clone().cancel();
        assert_eq!((calls.load(Ordering::SeqCst), kind(&cancellation)), (1, Some(ErrorKind::Cancelled)));
        let _late = cancellation.listen(count()).unwrap();
        assert_eq!(calls.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_deadline_ends_without_a_check() {
        let (sender, receiver) = channel();
        let soon = Cancellation::after(Duration::from_millis(30));
        let _listening = soon.listen(move || sender.send(Instant::now()).unwrap()).unwrap();
        assert_eq!(kind(&soon), None);
        let called = receiver.recv_timeout(Duration::from_secs(20)).unwrap();
        assert!(called >= soon.deadline().unwrap());
        assert_eq!(kind(&soon), Some(ErrorKind::Deadline));
        // The deadline passed before the cancellation.
        soon.cancel();
        assert_eq!(kind(&soon), Some(ErrorKind::Deadline));
        assert_eq!(kind(&Cancellation::after(Duration::MAX)), None);
        assert_eq!(kind(&Cancellation::until(Instant::now())), Some(ErrorKind::Deadline));
    }

    #[test]
    fn alarms_ring_in_order_of_time() {
        let (sender, receiver) = channel();
        let start = Instant::now();
        let all: Vec<_> = [40, 10, 30, 20]
            .map(|milliseconds| {
                let (at, sender) = (Cancellation::until(start + Duration::from_millis(milliseconds)), sender.clone());
                let listening = at.listen(move || sender.send(milliseconds).unwrap()).unwrap();
                (at, listening)
            })
            .into();
        let rung: Vec<u64> = (0..4).map(|_| receiver.recv_timeout(Duration::from_secs(20)).unwrap()).collect();
        assert_eq!(rung, [10, 20, 30, 40]);
        drop(all);
    }

    #[test]
    fn a_child_ends_with_any_of_its_parents_and_they_do_not_end_with_it() {
        let (one, two) = (Cancellation::new(), Cancellation::after(Duration::from_secs(600)));
        let first = Cancellation::any(&[one.clone(), two.clone()], None);
        let second = Cancellation::any(&[one.clone(), two.clone()], None);
        assert_eq!(first.deadline(), two.deadline());
        second.cancel();
        assert_eq!((kind(&one), kind(&first), kind(&second)), (None, None, Some(ErrorKind::Cancelled)));
        one.cancel();
        assert_eq!((kind(&first), kind(&two)), (Some(ErrorKind::Cancelled), None));
        let third = Cancellation::any(&[one.clone(), two.clone()], None);
        assert_eq!(kind(&third), Some(ErrorKind::Cancelled));
        let both = Cancellation::all(&[Cancellation::new(), two.clone()]);
        let never = Cancellation::all(&[one.clone(), two.clone()]);
        // The children leave no listeners behind.
        drop((first, second, third, both, never));
        assert!(two.0.listeners().all.is_empty());
    }

    #[test]
    fn one_of_all_ends_with_the_last() {
        let parents = [Cancellation::new(), Cancellation::new(), Cancellation::new()];
        let all = Cancellation::all(&parents);
        for (ended, parent) in parents.iter().enumerate() {
            assert_eq!(all.is_cancelled(), ended == 3);
            parent.cancel();
        }
        assert_eq!(kind(&all), Some(ErrorKind::Cancelled));
        assert!(Cancellation::all(&parents).is_cancelled());
        assert!(Cancellation::all(&parents[..1]).is_cancelled());
    }
}
