//! Reading an image of a data set on a worker, with the digests of what was read.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use radzero_core::radiograph::IntensityPolicy;
use radzero_core::{ErrorKind, Radiograph, Request};

use super::content::{self, sha256};
use crate::datasets::{Dataset, Sample, read_bytes};
use crate::error::{Error, Result};
use crate::tasks::Task;

/// What reading gives beside the radiograph: the digests, as in [`Journal::files`](super::journal::Journal::files), or an error of
/// this crate.
pub(super) struct Reading(Arc<OnceLock<Result<Vec<String>>>>);

impl Reading {
    /// What was learned, once the image is there or has failed.
    pub(super) fn learned(self) -> Option<Result<Vec<String>>> {
        Arc::into_inner(self.0).and_then(OnceLock::into_inner)
    }
}

/// The request for a sample's image, and what will be learned when it is read.
pub(super) fn request<T: Task>(dataset: &Dataset<T::Truth>, sample: &Sample<T::Truth>) -> (Reading, Request) {
    let learned = Arc::new(OnceLock::new());
    let (path, policy) = (sample.path.clone(), dataset.policy);
    let others: Vec<PathBuf> = T::files(&sample.truth).into_iter().map(Into::into).collect();
    let reading = Reading(learned.clone());
    let request = Request::read_with(move |_| {
        let read = read(&path, policy, &others);
        // Nobody else sets it.
        let (radiograph, of_files) = match read {
            Ok((radiograph, files)) => (Ok(radiograph), Ok(files)),
            Err(Error::Library(error)) => return Err(error),
            Err(error) => {
                let failed = radzero_core::Error::new(ErrorKind::Io, "a file of the image cannot be read");
                (Err(failed), Err(error))
            }
        };
        learned.get_or_init(|| of_files);
        radiograph
    });
    (reading, request)
}

fn read(path: &PathBuf, policy: IntensityPolicy, others: &[PathBuf]) -> Result<(Radiograph, Vec<String>)> {
    let bytes = fs::read(path).map_err(Error::io("read", path))?;
    let radiograph = read_bytes(&bytes, policy)?;
    let mut files = vec![sha256(&bytes)];
    for path in others {
        files.push(content::of_file(path).map_err(Error::io("read", path))?);
    }
    Ok((radiograph, files))
}
