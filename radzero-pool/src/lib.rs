//! Runs independent pieces of work on the calling thread and on whichever threads of a private pool are free. RadZero computes
//! pixels, maps and metrics with it.
//!
//! [`each`] and [`map`] share out the items of an iterator: the caller and every helping thread take one item after the other until
//! none is left. A thread never starts another caller's work while it waits for its own, so work cannot pile up on one stack
//! until it overflows, as with nested rayon calls ([rayon issue 854](https://github.com/rayon-rs/rayon/issues/854)).
//!
//! The pool is separate from rayon's global one, which belongs to the host: if the host's tasks wait for an image on all of its
//! threads, none is left to work on that image. A forked child process gets a pool of its own.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

// The examples of README.md are tested with the others.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError, TryLockError};

use radzero_format::{Error, ErrorKind, Result};
use rayon::{ThreadPool, ThreadPoolBuilder};

/// Steps in a piece of work, each of a few operations: enough to make the cost of taking it and waking a thread small, few enough
/// to give all threads a share.
const PIECE: usize = 1 << 16;

/// Id of the process that used the pool first; 0 before first use.
static OWNER: AtomicU32 = AtomicU32::new(0);

/// Number of threads that was asked for; 0 for one per core.
static WANTED: AtomicUsize = AtomicUsize::new(0);

/// Sets the number of threads of this process that compute pixels, levels, maps and masks, the calling thread included. The default
/// is one per core, or the environment variable `RAYON_NUM_THREADS`. Call this before anything is computed.
///
/// # Errors
/// [`ErrorKind::Argument`] if the pool already runs with another number of threads; [`ErrorKind::Resources`] if the system refuses
/// the threads: then the calling thread does all work.
pub fn set_threads(threads: NonZeroUsize) -> Result<()> {
    WANTED.store(threads.get(), Ordering::Relaxed);
    match Pool::of_process().map(Pool::threads) {
        Some(found) if found == threads.get() => Ok(()),
        Some(found) => Err(Error::new(
            ErrorKind::Argument,
            format!(
                "{threads} threads for pixels and maps expected, {found} work already: choose before the first image"
            ),
        )),
        None => Err(Error::new(ErrorKind::Resources, format!("{threads} threads for pixels and maps cannot be had"))),
    }
}

/// Calls `work` with each of `items`, on this thread and on the free threads of the pool.
///
/// Each item should be worth waking a thread: [`rows`] helps to size them. At most as many threads are woken as the upper bound of
/// the iterator's `size_hint` calls for; a single item wakes none.
///
/// On a thread of any rayon pool, all work is done on that thread: its caller already runs in parallel, and waiting there could
/// start more of the caller's work on the same stack.
///
/// # Panics
/// If `work` or the iterator panics, after all threads have stopped.
pub fn each<I>(items: I, work: impl Fn(I::Item) + Sync)
where
    I: IntoIterator<IntoIter: Send>,
    I::Item: Send,
{
    let items = items.into_iter();
    let others = items.size_hint().1.map_or(usize::MAX, |count| count.saturating_sub(1));
    let pool = if others == 0 || rayon::current_thread_index().is_some() { None } else { Pool::of_process() };
    match pool {
        Some(pool) => pool.each(items, others, work),
        None => items.for_each(work),
    }
}

/// The results of `work` for each of `items`, in their order, computed on the threads that [`each`] uses.
///
/// # Panics
/// As [`each`].
pub fn map<I, T>(items: I, work: impl Fn(I::Item) -> T + Sync) -> Vec<T>
where
    I: IntoIterator<IntoIter: Send>,
    I::Item: Send,
    T: Send,
{
    let results = Mutex::new(Vec::new());
    each(items.into_iter().enumerate(), |(index, item)| {
        let result = work(item);
        results.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_unstable_by_key(|&(index, _)| index);
    results.into_iter().map(|(_, result)| result).collect()
}

/// The number of rows that make a piece of work worth waking a thread for. A row takes `steps` steps of a few operations each;
/// usually, its number of pixels.
#[must_use]
pub fn rows(steps: usize) -> usize {
    (PIECE / steps.max(1)).max(1)
}

/// The number of threads, the calling thread included; 1 if the system refuses more.
#[must_use]
pub fn threads() -> usize {
    Pool::of_process().map_or(1, Pool::threads)
}

/// A pool of helping threads.
struct Pool {
    threads: ThreadPool,
    /// Number of threads that are inside [`each`], or were asked to help.
    busy: AtomicUsize,
}

impl Pool {
    /// `None` if the system refuses the threads.
    fn new(threads: usize) -> Option<Self> {
        let threads = ThreadPoolBuilder::new().thread_name(|_| "radzero-helper".into()).num_threads(threads).build();
        threads.ok().map(|threads| Self { threads, busy: AtomicUsize::new(0) })
    }

    /// The pool of this process; `None` if the system refuses its threads.
    ///
    /// A forked child has a copy of its parent's pool without the threads, so work given to it would never be done. The child
    /// gets a pool of its own.
    fn of_process() -> Option<&'static Self> {
        static FIRST: OnceLock<Option<Pool>> = OnceLock::new();
        let process = std::process::id();
        // Checked before the pool is touched: a child must not wait for a parent thread that was creating it during the fork.
        match OWNER.compare_exchange(0, process, Ordering::Relaxed, Ordering::Relaxed) {
            Err(owner) if owner != process => Self::of_child(process),
            _ => FIRST.get_or_init(|| Self::new(WANTED.load(Ordering::Relaxed))).as_ref(),
        }
    }

    fn of_child(process: u32) -> Option<&'static Self> {
        /// The child process that created its pool last, and the pool. It is never dropped: a forked grandchild could not end its
        /// threads.
        static CHILD: Mutex<Option<(u32, Option<&'static Pool>)>> = Mutex::new(None);
        let mut child = match CHILD.try_lock() {
            Ok(child) => child,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // Held by another thread: for a moment or, if it did not survive a fork, for ever.
            Err(TryLockError::WouldBlock) => return None,
        };
        match *child {
            Some((owner, pool)) if owner == process => pool,
            _ => {
                let pool = Self::new(WANTED.load(Ordering::Relaxed)).map(|pool| &*Box::leak(Box::new(pool)));
                *child = Some((process, pool));
                pool
            }
        }
    }

    fn threads(&self) -> usize {
        self.threads.current_num_threads()
    }

    /// As the function [`each`], with up to `most` helping threads.
    fn each<I>(&self, items: I, most: usize, work: impl Fn(I::Item) + Sync)
    where
        I: Iterator<Item: Send> + Send,
    {
        let _caller = Busy::new(self);
        let helpers: Vec<Busy<'_>> = std::iter::from_fn(|| Busy::if_free(self)).take(most).collect();
        if helpers.is_empty() {
            return items.for_each(work);
        }
        let items = Mutex::new(items.fuse());
        // The lock is poisoned if the iterator panicked: then there are no more items.
        let take = || items.lock().ok()?.next();
        let work_through = || {
            while let Some(item) = take() {
                work(item);
            }
        };
        self.threads.in_place_scope(|scope| {
            for helper in helpers {
                scope.spawn(|_| {
                    let _helper = helper;
                    work_through();
                });
            }
            work_through();
        });
    }
}

/// Counts a thread as busy until dropped.
struct Busy<'a>(&'a Pool);

impl<'a> Busy<'a> {
    fn new(pool: &'a Pool) -> Self {
        pool.busy.fetch_add(1, Ordering::Relaxed);
        Self(pool)
    }

    /// Counts one more thread, if one is free.
    fn if_free(pool: &'a Pool) -> Option<Self> {
        let more = |busy| (busy < pool.threads()).then_some(busy + 1);
        pool.busy.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok().map(|_| Self(pool))
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rayon::prelude::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::thread;

    const PIECES: usize = 100;

    fn pool(threads: usize) -> Pool {
        Pool::new(threads).unwrap()
    }

    fn busy(pool: &Pool) -> usize {
        pool.busy.load(Ordering::Relaxed)
    }

    /// The sum of the numbers of all pieces, each added by any thread.
    fn sum() -> usize {
        let sum = AtomicUsize::new(0);
        each(0..PIECES, |piece| {
            sum.fetch_add(piece, Ordering::Relaxed);
        });
        sum.into_inner()
    }

    #[test]
    fn every_item_once_and_results_in_order() {
        for threads in [1, 2, 7] {
            for count in [0, 1, 2, 1000] {
                let pool = pool(threads);
                let mut seen = vec![0; count];
                pool.each(seen.iter_mut(), usize::MAX, |seen| *seen += 1);
                assert_eq!(seen, vec![1; count]);
                assert_eq!(busy(&pool), 0);
            }
        }
        assert_eq!(map(0..1000, |item| 2 * item), (0..1000).map(|item| 2 * item).collect::<Vec<_>>());
        assert!(map(0..0, |item| item).is_empty());
        // An iterator of unknown length.
        assert_eq!(map((0..1000).filter(|item| item % 3 == 0), |item| item).len(), 334);
        assert_eq!(sum(), PIECES * (PIECES - 1) / 2);
    }

    #[test]
    fn threads_help() {
        let pool = pool(2);
        // Each waits for the other.
        let barrier = std::sync::Barrier::new(2);
        pool.each(0..2, 1, |_| {
            barrier.wait();
        });
        assert_eq!(busy(&pool), 0);
    }

    #[test]
    fn alone_with_one_piece_or_where_all_are_busy() {
        let caller = thread::current().id();
        each([()], |()| assert_eq!(thread::current().id(), caller));
        let pool = pool(3);
        let _others = [Busy::new(&pool), Busy::new(&pool)];
        pool.each(0..PIECES, PIECES, |_| assert_eq!(thread::current().id(), caller));
        assert_eq!(busy(&pool), 2);
    }

    #[test]
    fn a_panic_reaches_the_caller_and_leaves_no_thread_busy() {
        let pool = pool(3);
        for bad in [0, 50, PIECES - 1] {
            let work = |piece| assert!(piece != bad, "piece {bad}");
            assert!(catch_unwind(AssertUnwindSafe(|| pool.each(0..PIECES, PIECES, work))).is_err());
            assert_eq!(busy(&pool), 0);
        }
        let items = (0..PIECES).inspect(|&item| assert!(item < 50, "the iterator"));
        assert!(catch_unwind(AssertUnwindSafe(|| pool.each(items, PIECES, |_| ()))).is_err());
        assert_eq!(busy(&pool), 0);
    }

    #[test]
    fn within_pieces_and_within_rayon() {
        let sums = map(0..10, |_| sum());
        assert_eq!(sums, [PIECES * (PIECES - 1) / 2; 10]);
        let sums: Vec<usize> = (0..2000).into_par_iter().map(|_| sum()).collect();
        assert_eq!(sums, [PIECES * (PIECES - 1) / 2; 2000]);
    }

    /// A host whose tasks wait on all threads of rayon's global pool for something that is computed here.
    #[test]
    fn beside_tasks_of_a_host_that_wait() {
        let threads = rayon::current_num_threads();
        let wait = std::sync::Barrier::new(threads + 1);
        rayon::in_place_scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|_| {
                    wait.wait();
                });
            }
            assert_eq!(sum(), PIECES * (PIECES - 1) / 2);
            wait.wait();
        });
    }

    #[test]
    fn a_number_is_chosen_once() {
        let chosen = NonZeroUsize::new(threads() + 1).unwrap();
        let error = set_threads(chosen).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Argument);
        assert!(error.to_string().starts_with(&format!("{chosen} threads")), "{error}");
        set_threads(NonZeroUsize::new(threads()).unwrap()).unwrap();
    }

    #[test]
    fn thousands_of_callers() {
        let start = || thread::Builder::new().stack_size(256 << 10).spawn(sum).unwrap();
        let callers: Vec<_> = (0..3000).map(|_| start()).collect();
        for caller in callers {
            assert_eq!(caller.join().unwrap(), PIECES * (PIECES - 1) / 2);
        }
    }
}
