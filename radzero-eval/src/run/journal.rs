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
    file: File,
    done: Vec<bool>,
}

#[derive(Serialize)]
struct LineOut<'a, R> {
    sample: usize,
    image: &'a str,
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
}

impl Journal {
    /// Opens the journal at `path` or begins one.
    ///
    /// # Errors
    /// [`Error::OtherRun`] if it has another record, [`Error::InUse`], [`Error::Format`] if it is damaged, [`Error::Io`].
    pub fn open(path: &Path, record: &RunRecord) -> Result<Self> {
        let mut file = OpenOptions::new()
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
        let mut journal = Self {
            path: path.to_owned(),
            file: file.try_clone().map_err(Error::io("open", path))?,
            done: vec![false; record.images],
        };
        let mut whole = 0;
        let mut reader = BufReader::new(&mut file);
        let mut line = String::new();
        for number in 1.. {
            line.clear();
            let read = reader.read_line(&mut line).map_err(Error::io("read", path))?;
            if !line.ends_with('\n') {
                break;
            }
            whole += read as u64;
            if number == 1 {
                let found: RunRecord = parse(path, number, &line)?;
                if let Some(difference) = found.difference(record) {
                    return Err(Error::OtherRun { path: path.to_owned(), difference });
                }
                continue;
            }
            let Place { sample } = parse(path, number, &line)?;
            match journal.done.get_mut(sample) {
                Some(done) => *done = true,
                None => {
                    let message = format!("a sample below {} expected, {sample} found", record.images);
                    return Err(Error::format(path, number, message));
                }
            }
        }
        journal
            .file
            .set_len(whole)
            .and_then(|()| journal.file.seek(SeekFrom::Start(whole)))
            .map_err(Error::io("write", path))?;
        if whole == 0 {
            journal.line(record)?;
        }
        Ok(journal)
    }

    /// Whether the image of this index is in the journal.
    #[must_use]
    pub fn is_done(&self, sample: usize) -> bool {
        self.done.get(sample).copied().unwrap_or(false)
    }

    /// Number of images in the journal.
    #[must_use]
    pub fn len(&self) -> usize {
        self.done.iter().filter(|&&done| done).count()
    }

    /// Whether no image is in the journal.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn write(&mut self, sample: usize, image: &str, row: &impl Serialize) -> Result<()> {
        self.line(&LineOut { sample, image, row })?;
        if let Some(done) = self.done.get_mut(sample) {
            *done = true;
        }
        Ok(())
    }

    fn line(&mut self, value: &impl Serialize) -> Result<()> {
        let mut line = serde_json::to_vec(value).map_err(|error| Error::io("write", &self.path)(error.into()))?;
        line.push(b'\n');
        self.file.write_all(&line).map_err(Error::io("write", &self.path))
    }

    /// Reads the rows back, one at a time: sample, image and row.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Format`], and what `visit` returns.
    pub fn rows<R: DeserializeOwned>(&self, mut visit: impl FnMut(usize, &str, R) -> Result<()>) -> Result<()> {
        let file = File::open(&self.path).map_err(Error::io("open", &self.path))?;
        let mut reader = BufReader::new(file);
        let mut line = String::new();
        for number in 1.. {
            line.clear();
            if reader.read_line(&mut line).map_err(Error::io("read", &self.path))? == 0 {
                break;
            }
            if number > 1 {
                let LineIn { sample, image, row } = parse(&self.path, number, &line)?;
                visit(sample, &image, row)?;
            }
        }
        Ok(())
    }
}

fn parse<T: DeserializeOwned>(path: &Path, number: u64, line: &str) -> Result<T> {
    serde_json::from_str(line).map_err(|error| Error::format(path, number, error.to_string()))
}
