//! Reads label files, with their SHA-256 for the record and clear errors for missing files.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use csv::StringRecord;
use radzero_core::manifest::sha256_bytes;
use serde::de::DeserializeOwned;

use super::LabelFile;
use crate::error::{Error, Result};

/// Where the published label files come from.
const LABELS: &str = "The label files of the published evaluation are in the folder data/ of Deepnoid/RadZero on Hugging Face; \
    give the folder that holds them as it is.";

/// The label files of one data set.
#[derive(Debug)]
pub(crate) struct LabelFiles {
    root: PathBuf,
    /// Where to get missing files.
    source: String,
    read: Vec<LabelFile>,
}

/// A CSV file with its header.
pub(crate) struct Table {
    pub(crate) path: PathBuf,
    header: Vec<String>,
    rows: Vec<(u64, StringRecord)>,
}

/// One line of a [`Table`].
pub(crate) struct CsvRow<'a> {
    table: &'a Table,
    /// Line number, from 1.
    pub(crate) line: u64,
    record: &'a StringRecord,
}

impl LabelFiles {
    /// Label files of a published data set.
    pub(crate) fn new(root: &Path, owner: &str) -> Self {
        Self { root: root.to_owned(), source: format!("{LABELS} {owner}"), read: Vec::new() }
    }

    /// The user's own label files.
    pub(crate) fn own(root: &Path, source: &str) -> Self {
        Self { root: root.to_owned(), source: source.to_owned(), read: Vec::new() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub(crate) fn text(&mut self, name: &str) -> Result<String> {
        let path = self.path(name);
        let bytes = fs::read(&path).map_err(|source| match source.kind() {
            ErrorKind::NotFound => Error::Missing { path: path.clone(), owner: self.source.clone() },
            _ => Error::Io { action: "read", path: path.clone(), source },
        })?;
        let text =
            String::from_utf8(bytes).map_err(|error| Error::format(&path, None, format!("not UTF-8 text: {error}")))?;
        self.read.push(LabelFile { name: name.to_owned(), sha256: sha256_bytes(text.as_bytes()).into() });
        // The published code reads with pandas, which skips the byte order mark too.
        Ok(text.strip_prefix('\u{feff}').map_or_else(|| text.clone(), str::to_owned))
    }

    pub(crate) fn json<T: DeserializeOwned>(&mut self, name: &str) -> Result<T> {
        let text = self.text(name)?;
        serde_json::from_str(&text)
            .map_err(|error| Error::format(&self.path(name), error.line() as u64, format!("{error}")))
    }

    pub(crate) fn csv(&mut self, name: &str) -> Result<Table> {
        Table::parse(self.path(name), &self.text(name)?)
    }

    /// The sentences of `{"0": ["There is X", ...], "1": ...}`: the first in each list, in numerical order.
    pub(crate) fn prompts(&mut self, name: &str) -> Result<Vec<String>> {
        let mut prompts: HashMap<String, Vec<String>> = self.json(name)?;
        let count = prompts.len();
        let prompt = |index: usize| {
            let mut texts = prompts.remove(&index.to_string()).unwrap_or_default().into_iter();
            texts.next().ok_or_else(|| {
                let message = format!(
                    "a list with a sentence under each of \"0\" to \"{}\" expected, none found under \"{index}\"",
                    count - 1
                );
                Error::format(&self.path(name), None, message)
            })
        };
        (0..count).map(prompt).collect()
    }

    /// The column `Path` of an image list.
    pub(crate) fn image_paths(&mut self, name: &str) -> Result<Vec<String>> {
        let table = self.csv(name)?;
        table.rows().map(|row| row.get("Path").map(str::to_owned)).collect()
    }

    pub(crate) fn finish(self) -> Vec<LabelFile> {
        self.read
    }
}

impl Table {
    /// Parses comma-separated values. Spaces around column names are ignored: some of the published files have them.
    pub(crate) fn parse(path: PathBuf, text: &str) -> Result<Self> {
        let bad =
            |error: csv::Error| Error::format(&path, error.position().map(csv::Position::line), format!("{error}"));
        let mut reader = csv::ReaderBuilder::new().has_headers(true).from_reader(text.as_bytes());
        let header = reader.headers().map_err(bad)?.iter().map(|name| name.trim().to_owned()).collect();
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(bad)?;
            rows.push((record.position().map_or(0, csv::Position::line), record));
        }
        Ok(Self { path, header, rows })
    }

    pub(crate) fn has(&self, column: &str) -> bool {
        self.header.iter().any(|name| name == column)
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = CsvRow<'_>> {
        self.rows.iter().map(|(line, record)| CsvRow { table: self, line: *line, record })
    }
}

impl<'a> CsvRow<'a> {
    /// The cell in `column`.
    pub(crate) fn get(&self, column: &str) -> Result<&'a str> {
        let index = self.table.header.iter().position(|name| name == column).ok_or_else(|| {
            let found = self.table.header.join(", ");
            Error::format(&self.table.path, 1, format!("a column {column:?} expected, {found} found"))
        })?;
        Ok(self.record.get(index).unwrap_or_default())
    }

    /// The cell in `column`, empty if there is no such column.
    pub(crate) fn optional(&self, column: &str) -> &'a str {
        if self.table.has(column) { self.get(column).unwrap_or_default() } else { "" }
    }

    /// The number in `column`.
    pub(crate) fn number(&self, column: &str) -> Result<f64> {
        number(self.get(column)?).ok_or_else(|| self.bad(column, "a number"))
    }

    /// The label in `column`: 0 or 1, as an integer or a decimal number.
    pub(crate) fn label(&self, column: &str) -> Result<bool> {
        match number(self.get(column)?) {
            Some(0.0) => Ok(false),
            Some(1.0) => Ok(true),
            _ => Err(self.bad(column, "0 or 1")),
        }
    }

    /// The error for an invalid cell in `column`.
    pub(crate) fn bad(&self, column: &str, expected: &str) -> Error {
        let found = self.optional(column);
        Error::format(&self.table.path, self.line, format!("{expected} expected under {column:?}, {found:?} found"))
    }
}

/// Parses a finite number.
pub(crate) fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|value: &f64| value.is_finite())
}

/// Checks that the image list and the labels of a published data set have as many entries: they correspond line by line.
pub(crate) fn same_length(path: &Path, expected: usize, found: usize) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    Err(Error::format(path, None, format!("as many entries as the image list has expected, {expected}; {found} found")))
}

/// Refuses a data set without images: it measures nothing, and the file is most likely the wrong one.
pub(crate) fn not_empty<T>(path: &Path, found: &[T]) -> Result<()> {
    if found.is_empty() { Err(Error::format(path, None, "at least one image expected, none found")) } else { Ok(()) }
}

/// Whether two paths name the same image, whatever their folders and extensions: the published lists differ in both.
pub(crate) fn same_image(one: &str, other: &str) -> bool {
    same_path(one, other, 1)
}

/// Whether two paths agree in their last `parts` components, or in all components of the shorter one. Some data sets
/// distinguish images only by their folders.
pub(crate) fn same_path(one: &str, other: &str, parts: usize) -> bool {
    let split = |path: &str| -> Vec<String> { path.trim().rsplit(['/', '\\']).map(str::to_owned).collect() };
    let (one, other) = (split(one), split(other));
    let folders = parts.min(one.len()).min(other.len());
    one[1..folders] == other[1..folders] && (one[0] == other[0] || stem(&one[0]) == stem(&other[0]))
}

/// Whether `name` is the file name in `path` or the end of it: "1_IM-0001-4001" in "CXR1_1_IM-0001-4001.png".
pub(crate) fn ends_with_name(path: &str, name: &str) -> bool {
    let (path, name) = (stem(path.rsplit(['/', '\\']).next().unwrap_or(path)), stem(name.trim()));
    let ends = |long: &str, short: &str| {
        !short.is_empty() && long.strip_suffix(short).is_some_and(|rest| !rest.ends_with(char::is_alphanumeric))
    };
    ends(path, name) || ends(name, path)
}

fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// The error for a line of labels that names another image than the same line of the image list.
pub(crate) fn other_image(file: &Path, line: impl Into<Option<u64>>, expected: &str, found: &str) -> Error {
    Error::format(file, line, format!("the order of the image list expected: {expected}; {found} found"))
}

/// All image files below `root`, by file name without extension. If two have the same name, the first path wins.
pub(crate) fn images_by_stem(root: &Path, owner: &str) -> Result<HashMap<String, PathBuf>> {
    let mut found = HashMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(|source| match source.kind() {
            ErrorKind::NotFound => Error::Missing { path: folder.clone(), owner: owner.to_owned() },
            _ => Error::Io { action: "read", path: folder.clone(), source },
        })?;
        for entry in entries {
            let path = entry.map_err(Error::io("read", &folder))?.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Some(stem) = image_stem(&path) {
                let kept: &mut PathBuf = found.entry(stem).or_insert_with(|| path.clone());
                if path < *kept {
                    *kept = path;
                }
            }
        }
    }
    Ok(found)
}

fn image_stem(path: &Path) -> Option<String> {
    let extension = path.extension().and_then(OsStr::to_str)?.to_ascii_lowercase();
    let is_image = ["dcm", "dicom", "png", "jpg", "jpeg"].contains(&extension.as_str());
    path.file_stem().filter(|_| is_image).and_then(OsStr::to_str).map(str::to_owned)
}
