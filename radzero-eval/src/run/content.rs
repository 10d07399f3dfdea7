//! Digests of the files behind a row: a journal goes on with the images and masks that it began with, and two results are of
//! the same images only if their content is the same.

use std::fs;
use std::io;
use std::path::Path;

use radzero_score::pool;
use sha2::{Digest as _, Sha256};

use super::journal::Journal;
use crate::datasets::{Dataset, hex};
use crate::error::{Error, Result};
use crate::tasks::Task;

/// Images whose files are read before it is looked whether one has changed.
const AT_ONCE: usize = 64;

pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(super) fn of_file(path: &Path) -> io::Result<String> {
    fs::read(path).map(|bytes| sha256(&bytes))
}

/// Whether the files of every image in the journal have the content that its row was made of. A file that cannot be read now
/// contradicts nothing.
///
/// # Errors
/// [`Error::OtherRun`] with the first that has changed.
pub(super) fn unchanged<T: Task>(dataset: &Dataset<T::Truth>, journal: &Journal) -> Result<()> {
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
