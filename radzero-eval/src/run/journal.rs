//! The journal of a run: JSON lines, first the record of the run, then one row per image.
//!
//! Each line is written when its image is done. A process that is killed while writing leaves at most one incomplete line,
//! which the next run removes.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::record::RunRecord;
use crate::error::{Error, Result};
use crate::tasks::Rows;

/// An open journal, locked against other processes.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    /// Locked. On Windows a locked file can only be read through the handle that holds the lock.
    file: File,
    /// For each image that is done, the digests of its files.
    done: Vec<Option<Vec<String>>>,
}

#[derive(Serialize)]
struct LineOut<'a, R> {
    sample: usize,
    image: &'a str,
    sha256: &'a [String],
    row: &'a R,
}

#[derive(Deserialize)]
struct LineIn<R> {
    sample: usize,
    image: String,
    row: R,
}

/// A line, without the row.
#[derive(Deserialize)]
struct LineHead {
    sample: usize,
    sha256: Vec<String>,
}

impl Journal {
    /// Opens the journal at `path`, or creates it.
    ///
    /// # Errors
    /// [`Error::OtherRun`] if its record differs, [`Error::InUse`], [`Error::Format`] if it is damaged, [`Error::Io`].
    pub fn open(path: &Path, record: &RunRecord) -> Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(Error::io("open", path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::InUse(path.to_owned())),
            Err(TryLockError::Error(source)) => return Err(Error::io("lock", path)(source)),
        }
        let mut done: Vec<Option<Vec<String>>> = vec![None; record.images];
        let whole = lines(&file, path, |number, line| {
            if number == 1 {
                let found: RunRecord = parse(path, number, line)?;
                return match found.difference(record) {
                    Some(difference) => Err(Error::OtherRun { path: path.to_owned(), difference }),
                    None => Ok(()),
                };
            }
            let LineHead { sample, sha256 } = parse(path, number, line)?;
            match done.get_mut(sample) {
                Some(done @ None) => *done = Some(sha256),
                Some(_) => {
                    return Err(Error::format(path, number, format!("each sample once expected, {sample} again")));
                }
                None => {
                    let message = format!("a sample below {} expected, {sample} found", record.images);
                    return Err(Error::format(path, number, message));
                }
            }
            Ok(())
        })?;
        file.set_len(whole).map_err(Error::io("write", path))?;
        let mut journal = Self { path: path.to_owned(), file, done };
        if whole == 0 {
            journal.line(record)?;
        }
        Ok(journal)
    }

    /// Whether the journal has a row for this sample.
    #[must_use]
    pub fn is_done(&self, sample: usize) -> bool {
        self.files(sample).is_some()
    }

    /// SHA-256 of each file behind the row of this sample, the image first; `None` if there is no row.
    #[must_use]
    pub fn files(&self, sample: usize) -> Option<&[String]> {
        self.done.get(sample)?.as_deref()
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.done.iter().flatten().count()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn write(&mut self, sample: usize, image: &str, files: Vec<String>, row: &impl Serialize) -> Result<()> {
        self.line(&LineOut { sample, image, sha256: &files, row })?;
        if let Some(done) = self.done.get_mut(sample) {
            *done = Some(files);
        }
        Ok(())
    }

    fn line(&mut self, value: &impl Serialize) -> Result<()> {
        let mut line = serde_json::to_vec(value).map_err(|error| Error::io("write", &self.path)(error.into()))?;
        line.push(b'\n');
        // Reading moves the position of the handle.
        let written = self.file.seek(SeekFrom::End(0)).and_then(|_| self.file.write_all(&line));
        written.map_err(Error::io("write", &self.path))
    }
}

impl Rows for Journal {
    fn visit<R: DeserializeOwned>(&self, mut visit: impl FnMut(usize, &str, R) -> Result<()>) -> Result<()> {
        lines(&self.file, &self.path, |number, line| {
            if number == 1 {
                return Ok(());
            }
            let LineIn { sample, image, row } = parse(&self.path, number, line)?;
            visit(sample, &image, row)
        })?;
        Ok(())
    }
}

/// Visits the complete lines, numbered from 1, and returns their total length in bytes. Reads bytes, not text: an incomplete
/// line may end within a character.
fn lines(mut file: &File, path: &Path, mut visit: impl FnMut(u64, &[u8]) -> Result<()>) -> Result<u64> {
    file.seek(SeekFrom::Start(0)).map_err(Error::io("read", path))?;
    let mut reader = BufReader::new(file);
    let (mut whole, mut line) = (0, Vec::new());
    for number in 1.. {
        line.clear();
        let read = reader.read_until(b'\n', &mut line).map_err(Error::io("read", path))?;
        if !line.ends_with(b"\n") {
            break;
        }
        visit(number, &line)?;
        whole += read as u64;
    }
    Ok(whole)
}

fn parse<T: DeserializeOwned>(path: &Path, number: u64, line: &[u8]) -> Result<T> {
    serde_json::from_slice(line).map_err(|error| Error::format(path, number, error.to_string()))
}
