//! The threads that maps and pixels are computed on: rayon's global pool, but in a forked child.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::ThreadPool;

/// The process that used the pool first; 0 before.
static OWNER: AtomicU32 = AtomicU32::new(0);

/// The pool of a forked child, with its process.
static CHILD: Mutex<Option<(u32, Arc<ThreadPool>)>> = Mutex::new(None);

/// Runs `work`, which may share itself out among rayon's threads.
///
/// A forked child has a copy of the global pool, and none of its threads: work given to it would never be done. There it runs in a
/// pool of the child's own. (Of a pool that was used by others alone before the fork, nothing is known here.)
pub fn run<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let process = std::process::id();
    match OWNER.compare_exchange(0, process, Ordering::Relaxed, Ordering::Relaxed) {
        Err(owner) if owner != process => match child_pool(process) {
            Some(pool) => pool.install(work),
            // No thread can be started; the work may not need one.
            None => work(),
        },
        _ => work(),
    }
}

fn child_pool(process: u32) -> Option<Arc<ThreadPool>> {
    let mut child = CHILD.lock().unwrap_or_else(PoisonError::into_inner);
    match child.as_ref() {
        Some((owner, pool)) if *owner == process => Some(pool.clone()),
        _ => {
            let pool = Arc::new(rayon::ThreadPoolBuilder::new().build().ok()?);
            *child = Some((process, pool.clone()));
            Some(pool)
        }
    }
}
