//! The folders of exports that are under way, for a process that is about to end.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Whoever holds the lock may create, fill, rename or remove them.
static FOLDERS: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Removes what the exports of this process have written and not published.
///
/// For a handler of interruptions that ends the process next: from now on every export waits, forever, before it creates or
/// renames anything. An export that is being published is published first.
pub fn remove_unfinished() {
    let folders = lock();
    for folder in folders.iter() {
        // There is nobody left to tell that this failed.
        let _ = fs::remove_dir_all(folder);
    }
    // Never unlocked.
    std::mem::forget(folders);
}

pub(crate) fn lock() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    FOLDERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A folder's entry, as long as this lives.
pub(crate) struct Unfinished(PathBuf);

impl Unfinished {
    pub(crate) fn enter(folders: &mut BTreeSet<PathBuf>, folder: &Path) -> Self {
        folders.insert(folder.to_owned());
        Self(folder.to_owned())
    }

    /// For who holds the lock already: as dropping it.
    pub(crate) fn leave(self, folders: &mut BTreeSet<PathBuf>) {
        folders.remove(&self.0);
        std::mem::forget(self);
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        lock().remove(&self.0);
    }
}
