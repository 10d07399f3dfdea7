//! Reads an image of a data set on a worker of the queue, and the digests of its files with it.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use radzero_core::radiograph::IntensityPolicy;
use radzero_core::{ErrorKind, Radiograph, Request};

use super::digests;
use crate::datasets::{Dataset, Sample, read_bytes};
use crate::error::{Error, Result};
use crate::tasks::Task;

/// The result of reading besides the radiograph: the digests, as in [`Journal::files`](super::journal::Journal::files), or an
/// error of this crate.
pub(super) struct Reading(Arc<OnceLock<Result<Vec<String>>>>);

impl Reading {
    /// The result, once the image has been read or has failed.
    pub(super) fn finish(self) -> Option<Result<Vec<String>>> {
        Arc::into_inner(self.0).and_then(OnceLock::into_inner)
    }
}

/// The request for the image of a sample, and the result that reading will set.
pub(super) fn request<T: Task>(dataset: &Dataset<T::Truth>, sample: &Sample<T::Truth>) -> (Reading, Request) {
    let result = Arc::new(OnceLock::new());
    let (path, policy) = (sample.path.clone(), dataset.policy);
    let others: Vec<PathBuf> = T::files(&sample.truth).into_iter().map(Into::into).collect();
    let reading = Reading(result.clone());
    let request = Request::read_with(move |_| {
        let read = read(&path, policy, &others);
        let (radiograph, files) = match read {
            Ok((radiograph, files)) => (Ok(radiograph), Ok(files)),
            Err(Error::Library(error)) => return Err(error),
            Err(error) => {
                let failed = radzero_core::Error::new(ErrorKind::Io, "a file of the image cannot be read");
                (Err(failed), Err(error))
            }
        };
        // Set only here.
        result.get_or_init(|| files);
        radiograph
    });
    (reading, request)
}

fn read(path: &PathBuf, policy: IntensityPolicy, others: &[PathBuf]) -> Result<(Radiograph, Vec<String>)> {
    let bytes = fs::read(path).map_err(Error::io("read", path))?;
    let radiograph = read_bytes(&bytes, policy)?;
    let mut files = vec![digests::of_bytes(&bytes)];
    for path in others {
        files.push(digests::of_file(path).map_err(Error::io("read", path))?);
    }
    Ok((radiograph, files))
}
