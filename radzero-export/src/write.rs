//! Writes a model directory whole or not at all: files go into a temporary folder beside it, which is renamed at the end.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use radzero_format::manifest::{FORMAT, FileRecord, Hasher, MANIFEST_FILE};
use serde_json::Value;
use tempfile::TempDir;

use crate::error::ExportError;
use crate::unfinished::{self, Unfinished};

/// An unfinished model directory. Unless [published](Self::publish), it is removed on drop.
pub(crate) struct Output {
    destination: PathBuf,
    parent: PathBuf,
    folder: TempDir,
    unfinished: Unfinished,
    files: BTreeMap<String, FileRecord>,
}

impl Output {
    /// Checks that `destination` is free, or with `force` a model directory that may be replaced, and creates the temporary folder.
    pub(crate) fn begin(destination: &Path, force: bool) -> Result<Self, ExportError> {
        check_free(destination, force)?;
        let parent = match destination.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let mut folders = unfinished::lock();
        let folder = new_folder(&parent)?;
        let unfinished = Unfinished::register(&mut folders, folder.path());
        Ok(Self { destination: destination.to_owned(), parent, folder, unfinished, files: BTreeMap::new() })
    }

    /// Creates a file.
    pub(crate) fn create(&self, name: &str) -> Result<OutputFile, ExportError> {
        let path = self.folder.path().join(name);
        let _folders = unfinished::lock();
        let file = File::create_new(&path).map_err(ExportError::io("create", &path))?;
        let file = BufWriter::with_capacity(1 << 20, file);
        Ok(OutputFile { name: name.to_owned(), path, file, hasher: Hasher::default(), written: 0 })
    }

    /// Writes a whole file.
    pub(crate) fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), ExportError> {
        let mut file = self.create(name)?;
        file.append(bytes)?;
        self.finish(file)
    }

    /// Completes a file: flushes it to disk and records its size and hash.
    pub(crate) fn finish(&mut self, file: OutputFile) -> Result<(), ExportError> {
        let OutputFile { name, path, file, hasher, written } = file;
        let file = file.into_inner().map_err(|error| ExportError::io("write", &path)(error.into_error()))?;
        file.sync_all().map_err(ExportError::io("write", &path))?;
        self.files.insert(name, FileRecord { bytes: written, sha256: hasher.finish() });
        Ok(())
    }

    /// The completed files.
    pub(crate) fn files(&self) -> &BTreeMap<String, FileRecord> {
        &self.files
    }

    /// Renames the folder to its final name.
    pub(crate) fn publish(self, force: bool) -> Result<(), ExportError> {
        sync_folder(self.folder.path())?;
        // Held to the end, so that an interruption takes effect before or after the renaming, not during it.
        let mut folders = unfinished::lock();
        check_free(&self.destination, force)?;
        // The old directory is moved aside, not deleted, until the new one is in place.
        let old = if self.destination.exists() {
            let aside = new_folder(&self.parent)?;
            let moved = aside.path().join("old");
            fs::rename(&self.destination, &moved).map_err(ExportError::io("replace", &self.destination))?;
            Some((aside, moved))
        } else {
            None
        };
        if let Err(error) = fs::rename(self.folder.path(), &self.destination) {
            if let Some((aside, moved)) = old
                && fs::rename(&moved, &self.destination).is_err()
            {
                // Keep the only copy of the old model.
                let kept = aside.keep();
                let problem = format!("{error}; the model that was there is kept in {}", kept.display());
                return Err(ExportError::Destination { path: self.destination, problem });
            }
            return Err(ExportError::io("create", &self.destination)(error));
        }
        // Renamed, so there is nothing to remove under the old name.
        let _ = self.folder.keep();
        self.unfinished.unregister(&mut folders);
        sync_folder(&self.parent)
    }
}

/// A file being written.
pub(crate) struct OutputFile {
    name: String,
    path: PathBuf,
    file: BufWriter<File>,
    hasher: Hasher,
    written: u64,
}

impl OutputFile {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Bytes written so far.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), ExportError> {
        self.file.write_all(bytes).map_err(ExportError::io("write", &self.path))?;
        self.hasher.update(bytes);
        self.written += bytes.len() as u64;
        Ok(())
    }
}

fn new_folder(parent: &Path) -> Result<TempDir, ExportError> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".radzero-export-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // Temporary folders are private by default. This one becomes the model directory, so the umask applies.
        builder.permissions(fs::Permissions::from_mode(0o777));
    }
    builder.tempdir_in(parent).map_err(ExportError::io("create a folder in", parent))
}

fn sync_folder(path: &Path) -> Result<(), ExportError> {
    // Only Unix can flush a folder's entries.
    if cfg!(unix) {
        File::open(path).and_then(|folder| folder.sync_all()).map_err(ExportError::io("write", path))?;
    }
    Ok(())
}

fn check_free(destination: &Path, force: bool) -> Result<(), ExportError> {
    let occupied = |problem: String| Err(ExportError::Destination { path: destination.to_owned(), problem });
    if destination.file_name().is_none() {
        return occupied("the path does not end in a name".into());
    }
    let kind = match fs::symlink_metadata(destination) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(ExportError::io("look at", destination)(error)),
        Ok(metadata) => metadata.file_type(),
    };
    if !kind.is_dir() {
        return occupied("something that is not a folder is there".into());
    }
    let Some(named) = named_files(destination) else {
        return occupied("a folder that is not a model directory is there".into());
    };
    if !force {
        return occupied("a model directory is there; --force replaces it".into());
    }
    let entries = fs::read_dir(destination).map_err(ExportError::io("list", destination))?;
    let mut foreign = Vec::new();
    for entry in entries {
        let name = entry.map_err(ExportError::io("list", destination))?.file_name().to_string_lossy().into_owned();
        if name != MANIFEST_FILE && !named.contains(&name) {
            foreign.push(name);
        }
    }
    if foreign.is_empty() {
        return Ok(());
    }
    foreign.sort();
    occupied(format!("the model directory there holds files that its manifest does not name: {}", foreign.join(", ")))
}

/// The files that the manifest of a model directory, of any version, names; `None` without a manifest.
fn named_files(path: &Path) -> Option<Vec<String>> {
    let manifest: Value = serde_json::from_slice(&fs::read(path.join(MANIFEST_FILE)).ok()?).ok()?;
    if manifest.get("format")?.as_str()? != FORMAT {
        return None;
    }
    Some(manifest.get("files")?.as_object()?.keys().cloned().collect())
}
