//! Ending a run from another thread.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ort::session::RunOptions;

use radzero_format::{Error, ErrorKind, Result};

/// Ends the calls that it was given to, from any thread: those that wait, and those that run.
///
/// Clones are the same. A cancellation stays cancelled: take a new one for new calls.
#[derive(Clone, Default)]
pub struct Cancellation(Arc<State>);

#[derive(Default)]
struct State {
    cancelled: AtomicBool,
    /// The runs that are under way.
    runs: Mutex<Vec<Arc<RunOptions>>>,
}

impl Cancellation {
    /// Not cancelled.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the calls: they return [`ErrorKind::Cancelled`], a run that is under way within one operator's time.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::SeqCst);
        for run in self.runs().iter() {
            // Fails only where ONNX Runtime lacks the call; the flag above then takes effect after the run.
            drop(run.terminate());
        }
    }

    /// Whether it was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::SeqCst)
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.is_cancelled() { Err(Error::new(ErrorKind::Cancelled, "cancelled by the caller")) } else { Ok(()) }
    }

    /// Calls `run` with options that [`Cancellation::cancel`] can reach.
    pub(super) fn during<T>(&self, options: RunOptions, run: impl FnOnce(&RunOptions) -> T) -> T {
        let options = Arc::new(options);
        self.runs().push(options.clone());
        if self.is_cancelled() {
            // Cancelled before it was in the list.
            drop(options.terminate());
        }
        let result = run(&options);
        self.runs().retain(|other| !Arc::ptr_eq(other, &options));
        result
    }

    fn runs(&self) -> std::sync::MutexGuard<'_, Vec<Arc<RunOptions>>> {
        self.0.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Cancellation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cancellation").field("is_cancelled", &self.is_cancelled()).finish_non_exhaustive()
    }
}
