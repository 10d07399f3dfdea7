//! Reads the next images while the model has the one before.

use std::fs;
use std::sync::mpsc::sync_channel;
use std::thread;

use radzero_core::Radiograph;

use super::content::{self, sha256};
use crate::datasets::{Dataset, Sample, read_bytes};
use crate::error::{Error, Result};
use crate::tasks::Task;

/// Images that wait, read, for the model; one more is in the reader's hands.
const WAITING: usize = 1;

/// An image with the digests of what was read.
pub(super) struct Read {
    pub(super) radiograph: Radiograph,
    /// As in [`Journal::files`](super::journal::Journal::files).
    pub(super) files: Vec<String>,
}

/// Gives `visit` the images of `indices` in their order, each read or with what went wrong.
///
/// # Errors
/// The first of `visit`, which ends it.
pub(super) fn ahead<T: Task, V: FnMut(usize, Result<Read>) -> Result<()>>(
    dataset: &Dataset<T::Truth>,
    indices: &[usize],
    mut visit: V,
) -> Result<()> {
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel(WAITING);
        scope.spawn(move || {
            for &index in indices {
                // Nobody receives any more once a visit has failed.
                if sender.send((index, read::<T>(dataset, &dataset.samples[index]))).is_err() {
                    break;
                }
            }
        });
        receiver.into_iter().try_for_each(|(index, read)| visit(index, read))
    })
}

fn read<T: Task>(dataset: &Dataset<T::Truth>, sample: &Sample<T::Truth>) -> Result<Read> {
    let bytes = fs::read(&sample.path).map_err(Error::io("read", &sample.path))?;
    let radiograph = read_bytes(&bytes, dataset.policy)?;
    let mut files = vec![sha256(&bytes)];
    for path in T::files(&sample.truth) {
        files.push(content::of_file(path).map_err(Error::io("read", path))?);
    }
    Ok(Read { radiograph, files })
}
