//! The journal of a run: a file of JSON lines, first the record of what runs, then a row an image.
//!
//! A line is written whole when its image is done. A process that is killed while it writes leaves at most one line without
//! an end, which the next run cuts off.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::record::RunRecord;
use crate::error::{Error, Result};

/// An open journal. No other process can write it meanwhile.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    /// Locked. On Windows nothing but this handle can read what it locks, so everything goes through it.
    file: File,
    /// Of each image that is done, the digests of its files.
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

/// A line without its row.
#[derive(Deserialize)]
struct Place {
    sample: usize,
    sha256: Vec<String>,
}

impl Journal {
    /// Opens the journal at `path` or begins one.
    ///
    /// # Errors
    /// [`Error::OtherRun`] if it has another record, [`Error::InUse`], [`Error::Format`] if it is damaged, [`Error::Io`].
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
            let Place { sample, sha256 } = parse(path, number, line)?;
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

    /// Whether the image of this index is in the journal.
    #[must_use]
    pub fn is_done(&self, sample: usize) -> bool {
        self.files(sample).is_some()
    }

    /// SHA-256 of each file that the row of this index was made of, the image first; `None` if there is no such row.
    #[must_use]
    pub fn files(&self, sample: usize) -> Option<&[String]> {
        self.done.get(sample)?.as_deref()
    }

    /// Number of images in the journal.
    #[must_use]
    pub fn len(&self) -> usize {
        self.done.iter().flatten().count()
    }

    /// Whether no image is in the journal.
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
        // Reading has moved the handle.
        let written = self.file.seek(SeekFrom::End(0)).and_then(|_| self.file.write_all(&line));
        written.map_err(Error::io("write", &self.path))
    }

    /// Reads the rows back, one at a time: sample, image and row. They come in the order in which they were done, which is
    /// not that of the samples where an image failed at first.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Format`], and what `visit` returns.
    pub fn rows<R: DeserializeOwned>(&self, mut visit: impl FnMut(usize, &str, R) -> Result<()>) -> Result<()> {
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

/// Visits the lines that have an end, numbered from 1, and gives their length in bytes. What is torn need not be text: a
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
