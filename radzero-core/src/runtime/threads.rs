//! Checks that a session can start its threads.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::thread;

use radzero_format::{Error, ErrorKind, Result};

/// Usual stack size of a thread that ONNX Runtime starts, in bytes.
const STACK: usize = 8 << 20;

/// Starts as many threads as a session will, all at once, and ends them again. If ONNX Runtime 1.31 cannot start one of its threads,
/// it waits forever for those that it has already started.
///
/// # Errors
/// [`ErrorKind::Resources`] if one is refused.
pub(super) fn check(threads: NonZeroUsize) -> Result<()> {
    // The caller's own thread is one of them.
    let wanted = threads.get() - 1;
    let gate = Mutex::new(());
    let pass = || drop(gate.lock().unwrap_or_else(PoisonError::into_inner));
    thread::scope(|scope| {
        let _closed = gate.lock().unwrap_or_else(PoisonError::into_inner);
        for started in 0..wanted {
            thread::Builder::new().stack_size(STACK).spawn_scoped(scope, pass).map_err(|source| {
                let message = format!("{threads} threads expected, as a session takes, {} can be had", started + 1);
                Error::new(ErrorKind::Resources, message).with_source(source)
            })?;
        }
        Ok(())
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn available_threads_pass() {
        for threads in [1, 2, 40] {
            check(NonZeroUsize::new(threads).unwrap()).unwrap();
        }
    }
}
