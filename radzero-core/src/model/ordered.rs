//! A parallel map over an iterator that keeps its order and never runs far ahead of its reader.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Scope};

use radzero_format::{Error, ErrorKind, Result};

/// Results of workers, in the order of what they were made from.
pub(super) struct Ordered<T>(Arc<Shared<T>>);

struct Shared<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    /// Results that may be made, or be under way, before the first of them is taken.
    ahead: usize,
}

struct State<T> {
    ready: BTreeMap<usize, T>,
    /// The number of results taken.
    taken: usize,
    /// The number of results in all, once it is known.
    total: Option<usize>,
    stopped: bool,
}

impl<T: Send> Ordered<T> {
    /// Starts `workers` threads that apply `map` to what `source` gives; fewer where no more can be had.
    ///
    /// # Errors
    /// [`ErrorKind::Resources`] if none can.
    pub(super) fn start<'scope, I>(
        scope: &'scope Scope<'scope, '_>,
        source: I,
        workers: usize,
        ahead: usize,
        map: impl Fn(I::Item) -> T + Send + Sync + 'scope,
    ) -> Result<Self>
    where
        I: Iterator + Send + 'scope,
        T: 'scope,
    {
        let state = State { ready: BTreeMap::new(), taken: 0, total: None, stopped: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new(), ahead });
        let source = Arc::new(Mutex::new(Source { items: source.fuse(), given: 0 }));
        let map = Arc::new(map);
        for started in 0..workers {
            let (shared, source, map) = (shared.clone(), source.clone(), map.clone());
            let worker = move || {
                let _guard = StopOnPanic(&shared);
                while let Some((index, item)) = shared.next_from(&source) {
                    let result = map(item);
                    shared.state().ready.insert(index, result);
                    shared.changed.notify_all();
                }
            };
            match thread::Builder::new().spawn_scoped(scope, worker) {
                Err(refused) if started == 0 => return Err(no_thread(refused)),
                Err(_) => break,
                Ok(_) => {}
            }
        }
        Ok(Self(shared))
    }

    /// The next result in order, when it is there; `None` at the end.
    pub(super) fn next(&self) -> Option<T> {
        let mut state = self.0.state();
        loop {
            if let Some(result) = state.take() {
                self.0.changed.notify_all();
                return Some(result);
            }
            if state.stopped || state.total == Some(state.taken) {
                return None;
            }
            state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The next result in order if it is there already.
    pub(super) fn next_ready(&self) -> Option<T> {
        let result = self.0.state().take();
        self.0.changed.notify_all();
        result
    }
}

/// A thread that the system refuses.
pub(super) fn no_thread(refused: std::io::Error) -> Error {
    Error::new(ErrorKind::Resources, "a thread is needed, and none can be had").with_source(refused)
}

impl<T> Drop for Ordered<T> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl<T> State<T> {
    fn take(&mut self) -> Option<T> {
        let result = self.ready.remove(&self.taken)?;
        self.taken += 1;
        Some(result)
    }
}

impl<T> Shared<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self) {
        self.state().stopped = true;
        self.changed.notify_all();
    }

    /// Takes an item from the source once there is room for its result.
    fn next_from<I: Iterator>(&self, source: &Mutex<Source<I>>) -> Option<(usize, I::Item)> {
        // Held while waiting: whoever comes next would have to wait all the longer.
        let mut source = source.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.state();
        while !state.stopped && source.given >= state.taken + self.ahead {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.stopped {
            return None;
        }
        drop(state);
        match source.items.next() {
            Some(item) => {
                source.given += 1;
                Some((source.given - 1, item))
            }
            None => {
                self.state().total = Some(source.given);
                self.changed.notify_all();
                None
            }
        }
    }
}

/// An iterator, and how many items it has given.
struct Source<I: Iterator> {
    items: std::iter::Fuse<I>,
    given: usize,
}

/// Lets the reader go when a worker panics: its result will never come. (The scope passes the panic on.)
struct StopOnPanic<'a, T>(&'a Shared<T>);

impl<T> Drop for StopOnPanic<'_, T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::time::Duration;

    #[test]
    fn the_order_is_the_source_s() {
        std::thread::scope(|scope| {
            // The first ones take longest.
            let map = |index: u64| {
                std::thread::sleep(Duration::from_millis(20_u64.saturating_sub(index)));
                index
            };
            let ordered = Ordered::start(scope, 0..50_u64, 4, 6, map).unwrap();
            let found: Vec<u64> = std::iter::from_fn(|| ordered.next()).collect();
            assert_eq!(found, (0..50).collect::<Vec<_>>());
            assert_eq!(ordered.next(), None);
        });
    }

    #[test]
    fn workers_wait_for_the_reader() {
        let made = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            let map = |_| made.fetch_add(1, SeqCst);
            let ordered = Ordered::start(scope, 0..100, 3, 4, map).unwrap();
            for taken in 0..100 {
                assert!(made.load(SeqCst) <= taken + 4);
                assert!(ordered.next().is_some());
            }
        });
        assert_eq!(made.load(SeqCst), 100);
    }

    #[test]
    fn dropping_ends_the_workers() {
        std::thread::scope(|scope| {
            let ordered = Ordered::start(scope, 0.., 2, 3, |number: u64| number).unwrap();
            assert_eq!(ordered.next(), Some(0));
        });
    }

    #[test]
    fn nothing_gives_nothing() {
        std::thread::scope(|scope| {
            let ordered = Ordered::start(scope, std::iter::empty::<u8>(), 2, 3, |byte| byte).unwrap();
            assert_eq!(ordered.next_ready(), None);
            assert_eq!(ordered.next(), None);
        });
    }

    #[test]
    fn a_panic_in_a_worker_is_passed_on_and_nobody_waits() {
        let passed = std::panic::catch_unwind(|| {
            std::thread::scope(|scope| {
                let ordered = Ordered::start(scope, 0..10, 1, 3, |number| {
                    assert!(number < 2, "worker");
                    number
                })
                .unwrap();
                while ordered.next().is_some() {}
            });
        });
        assert!(passed.is_err());
    }
}
