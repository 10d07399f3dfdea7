//! SHA-256 of the files behind each row. A run may continue a journal only with the same images and masks, and two results
//! count as results for the same images only if the files are identical.

use std::fs;
use std::io;
use std::path::Path;

use radzero_core::manifest::sha256_bytes;
use radzero_pool as pool;

use super::journal::Journal;
use crate::datasets::Dataset;
use crate::error::{Error, Result};
use crate::tasks::Task;

/// Number of images whose files are read before the results are checked.
const AT_ONCE: usize = 64;

pub(super) fn of_bytes(bytes: &[u8]) -> String {
    sha256_bytes(bytes).into()
}

pub(super) fn of_file(path: &Path) -> io::Result<String> {
    fs::read(path).map(|bytes| of_bytes(&bytes))
}

/// Checks that the files of every image in the journal are unchanged. Files that cannot be read are skipped.
///
/// # Errors
/// [`Error::OtherRun`] with the first file that has changed.
pub(super) fn check_unchanged<T: Task>(dataset: &Dataset<T::Truth>, journal: &Journal) -> Result<()> {
    let changed = |index: usize| {
        let (sample, recorded) = (&dataset.samples[index], journal.files(index)?);
        let paths: Vec<&Path> = std::iter::once(sample.path.as_path()).chain(T::files(&sample.truth)).collect();
        if paths.len() != recorded.len() {
            return Some(format!("files of {}: {}, here {}", sample.id, recorded.len(), paths.len()));
        }
        paths.iter().zip(recorded).find_map(|(path, recorded)| {
            let found = of_file(path).ok().filter(|found| found != recorded)?;
            Some(format!("SHA-256 of {}: {recorded}, here {found}", path.display()))
        })
    };
    let samples: Vec<usize> = (0..dataset.samples.len()).collect();
    match samples.chunks(AT_ONCE).flat_map(|samples| pool::map(samples, |&sample| changed(sample))).flatten().next() {
        Some(difference) => Err(Error::OtherRun { path: journal.path().to_owned(), difference }),
        None => Ok(()),
    }
}
