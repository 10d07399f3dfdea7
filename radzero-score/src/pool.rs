//! The threads that maps and pixels are computed on: the caller's own, and those of a pool that are free.
//!
//! Work is cut into pieces that know of no other piece. The caller takes one after the other, and so does each thread that
//! helps, until none is left. Nobody waits for a piece while it works on another. So no thread takes up a caller's work on top of
//! another's, which piles them up on one stack until it overflows ([rayon's issue
//! 854](https://github.com/rayon-rs/rayon/issues/854)).
//!
//! The pool is the crate's own. Rayon's global one is the host's, whose tasks may wait for an image on every thread of it: none
//! would be left to help with that image.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError, TryLockError};

use radzero_format::{Error, ErrorKind, Result};

use rayon::{ThreadPool, ThreadPoolBuilder};

/// Steps of a piece of work, each of a few operations: enough that taking it, and waking a thread for it, costs little; few
/// enough that all threads get some.
const PIECE: usize = 1 << 16;

/// The process that used the pool first; 0 before.
static OWNER: AtomicU32 = AtomicU32::new(0);

/// Threads that were asked for; 0 for one a core.
static WANTED: AtomicUsize = AtomicUsize::new(0);

/// Lets pixels, levels, maps and masks take so many threads of this process, the caller's included; without this, one a core, or
/// as many as the environment variable `RAYON_NUM_THREADS` says. To be called before any of these is made.
///
/// # Errors
/// [`ErrorKind::Argument`] if it is too late and they have another number; [`ErrorKind::Resources`] if they cannot be had: then all
/// work is done by the thread that calls.
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

/// Calls `work` with each of `items`, on this thread and on those of the pool that are free.
///
/// Each item should be worth waking a thread, as [`rows`] makes them; a single one wakes none. How many there are is what the
/// iterator's `size_hint` says.
///
/// A thread of rayon's, of whatever pool, does all of it alone: its caller shares work out already, and to wait there would mean to
/// take up more of the caller's work, on the same stack.
///
/// # Panics
/// If `work` or the iterator does, once every thread has let go of the items.
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

/// What `work` makes of each of `items`, in their order, on the threads that [`each`] uses.
///
/// # Panics
/// As [`each`].
pub fn map<I, T>(items: I, work: impl Fn(I::Item) -> T + Sync) -> Vec<T>
where
    I: IntoIterator<IntoIter: Send>,
    I::Item: Send,
    T: Send,
{
    let made = Mutex::new(Vec::new());
    each(items.into_iter().enumerate(), |(index, item)| {
        let result = work(item);
        made.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
    });
    let mut made = made.into_inner().unwrap_or_else(PoisonError::into_inner);
    made.sort_unstable_by_key(|&(index, _)| index);
    made.into_iter().map(|(_, result)| result).collect()
}

/// How many rows make a piece of work that is worth a thread. A row takes this many `steps` of a few operations: mostly, its
/// pixels.
#[must_use]
pub fn rows(steps: usize) -> usize {
    (PIECE / steps.max(1)).max(1)
}

/// How many threads there are; 1 where the system refuses them.
#[must_use]
pub fn threads() -> usize {
    Pool::of_process().map_or(1, Pool::threads)
}

/// Threads that help.
struct Pool {
    threads: ThreadPool,
    /// How many threads are inside [`each`], or were asked to be.
    busy: AtomicUsize,
}

impl Pool {
    /// `None` where threads are refused.
    fn new(threads: usize) -> Option<Self> {
        let threads = ThreadPoolBuilder::new().thread_name(|_| "radzero-helper".into()).num_threads(threads).build();
        threads.ok().map(|threads| Self { threads, busy: AtomicUsize::new(0) })
    }

    /// The pool of this process; `None` where its threads are refused.
    ///
    /// A forked child has a copy of its parent's, and none of its threads: work given to it would never be done. The child gets
    /// a pool of its own.
    fn of_process() -> Option<&'static Self> {
        static FIRST: OnceLock<Option<Pool>> = OnceLock::new();
        let process = std::process::id();
        // Before the pool is touched: a child must not wait for another thread that was making it at the fork.
        match OWNER.compare_exchange(0, process, Ordering::Relaxed, Ordering::Relaxed) {
            Err(owner) if owner != process => Self::of_child(process),
            _ => FIRST.get_or_init(|| Self::new(WANTED.load(Ordering::Relaxed))).as_ref(),
        }
    }

    fn of_child(process: u32) -> Option<&'static Self> {
        /// The child that made its pool last, and the pool. It is never dropped: a child's child has none of its threads to end.
        static CHILD: Mutex<Option<(u32, Option<&'static Pool>)>> = Mutex::new(None);
        let mut child = match CHILD.try_lock() {
            Ok(child) => child,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // Held for a moment, or for good: by a thread that was not forked.
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

    /// [`each`], with the help of up to `most` threads.
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
        // Where the iterator panicked, nothing is left.
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

/// A thread of those that are busy, until dropped.
struct Busy<'a>(&'a Pool);

impl<'a> Busy<'a> {
    fn new(pool: &'a Pool) -> Self {
        pool.busy.fetch_add(1, Ordering::Relaxed);
        Self(pool)
    }

    /// One more, where a thread is free.
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

    /// The sum of some pieces, each made by whichever thread.
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
        // Of a number that nothing tells.
        assert_eq!(map((0..1000).filter(|item| item % 3 == 0), |item| item).len(), 334);
        assert_eq!(sum(), PIECES * (PIECES - 1) / 2);
    }

    #[test]
    fn threads_help() {
        let pool = pool(2);
        // Each waits until the other is there.
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

    /// A host whose tasks wait, on every thread of rayon's, for something that is made here.
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
