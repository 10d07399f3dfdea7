//! The temporary folders of running exports, so that an interrupted process can remove them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Only the holder of the lock may create, rename or remove these folders, or create files in them.
static FOLDERS: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Removes the unpublished files of all exports in this process.
///
/// For a signal handler that ends the process next: afterwards every export blocks forever before it creates or renames anything.
/// An export that is just being published is completed first.
pub fn remove_unfinished() {
    let folders = lock();
    for folder in folders.iter() {
        // The process is ending, so a failure is not reported.
        let _ = fs::remove_dir_all(folder);
    }
    // Stays locked.
    std::mem::forget(folders);
}

pub(crate) fn lock() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    FOLDERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Registers a folder while it lives.
pub(crate) struct Unfinished(PathBuf);

impl Unfinished {
    pub(crate) fn register(folders: &mut BTreeSet<PathBuf>, folder: &Path) -> Self {
        folders.insert(folder.to_owned());
        Self(folder.to_owned())
    }

    /// Drops the registration under a lock that is already held.
    pub(crate) fn unregister(self, folders: &mut BTreeSet<PathBuf>) {
        folders.remove(&self.0);
        std::mem::forget(self);
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        lock().remove(&self.0);
    }
}
