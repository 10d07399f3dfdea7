//! Dropping values of callers.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Drops a value that may belong to a caller. If that panics, the thread goes on.
pub(super) fn discard<T>(value: T) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        // Dropping the panic's payload could panic again.
        mem::forget(panic);
    }
}
