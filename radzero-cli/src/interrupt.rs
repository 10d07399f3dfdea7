//! Ctrl-C and termination: the process ends at once, without a half-written file.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::Failure;

/// The exit status of a process that a user interrupted, as shells give it.
const INTERRUPTED: i32 = 130;

/// The temporary file being written. Whoever holds the lock may create, rename or remove it.
static UNFINISHED: Mutex<Option<PathBuf>> = Mutex::new(None);

/// From now on an interrupted process removes the unfinished file before it ends.
pub(crate) fn install() -> Result<(), Failure> {
    ctrlc::set_handler(|| {
        // Held to the end, so that no other file is begun and none is renamed any more.
        let mut unfinished = unfinished();
        if let Some(path) = unfinished.take() {
            // There is nobody left to tell that this failed.
            let _ = std::fs::remove_file(path);
        }
        std::process::exit(INTERRUPTED);
    })
    .map_err(Failure::Interrupt)
}

/// The temporary file being written, locked.
pub(crate) fn unfinished() -> MutexGuard<'static, Option<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}
