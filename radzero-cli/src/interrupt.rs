//! Ctrl-C and termination: the process ends at once and leaves no half-written file.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::Failure;

/// Exit status of an interrupted process, as in shells.
const INTERRUPTED: i32 = 130;

/// The temporary file being written. Only the holder of the lock may create, rename or remove it.
static UNFINISHED: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Installs the handler that removes the unfinished file when the process is interrupted.
pub(crate) fn install() -> Result<(), Failure> {
    ctrlc::set_handler(|| {
        // Held until the exit, so that no other file is created or renamed.
        let mut unfinished = unfinished();
        if let Some(path) = unfinished.take() {
            // A failure cannot be reported any more.
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
