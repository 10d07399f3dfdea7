//! The directory that a manifest describes.

use std::path::{Path, PathBuf};

use super::{Digest, MANIFEST_FILE, Manifest, sha256_bytes, sha256_file};
use crate::error::{Error, ErrorKind, Result};

/// A model directory whose manifest has been read.
#[derive(Debug, Clone)]
pub struct ModelDirectory {
    path: PathBuf,
    manifest: Manifest,
    hash: Digest,
}

impl ModelDirectory {
    /// Reads `radzero.json` in `path` and checks that every file it lists exists and has the recorded size.
    ///
    /// Contents are not hashed here (a full-size model takes a second or more): [`ModelDirectory::verify_files`] does that.
    ///
    /// # Errors
    /// As [`ModelDirectory::read`]; [`ErrorKind::Model`] if files are missing or of another size (all of them are listed).
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let directory = Self::read(path)?;
        directory.check_sizes(|_| true)?;
        Ok(directory)
    }

    /// Reads `radzero.json` in `path`, and no other file.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] if the manifest is missing, malformed or inconsistent, [`ErrorKind::ModelVersion`] if it is of another
    /// version.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = path.join(MANIFEST_FILE);
        let bytes = std::fs::read(&file).map_err(|source| {
            Error::new(
                ErrorKind::of_io(&source, ErrorKind::Model),
                format!("{} is not a model directory: cannot read {MANIFEST_FILE}", path.display()),
            )
            .with_source(source)
        })?;
        let manifest = Manifest::from_json(&bytes).map_err(|error| error.within(file.display()))?;
        Ok(Self { path: path.to_owned(), manifest, hash: sha256_bytes(&bytes) })
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// SHA-256 of `radzero.json`. Because that contains the hash of every other file, it identifies the whole model.
    #[must_use]
    pub fn hash(&self) -> &Digest {
        &self.hash
    }

    /// The path of a file in the directory.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Checks that the `wanted` files of the manifest exist and have the recorded sizes.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] with every file that is missing or of another size.
    pub fn check_sizes(&self, wanted: impl Fn(&str) -> bool) -> Result<()> {
        let mut wrong = Vec::new();
        for (name, record) in self.manifest.files.iter().filter(|(name, _)| wanted(name)) {
            match std::fs::metadata(self.file(name)) {
                Err(error) => wrong.push(format!("{name}: {error}")),
                Ok(found) if found.len() != record.bytes => {
                    wrong.push(format!("{name}: {} bytes expected, {} found", record.bytes, found.len()));
                }
                Ok(_) => {}
            }
        }
        self.report(wrong)
    }

    /// Hashes every file and compares it with the manifest; `progress` is called with the number of bytes read since its last call.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] with every file that differs, [`ErrorKind::Io`] if one cannot be read.
    pub fn verify_files(&self, mut progress: impl FnMut(u64)) -> Result<()> {
        let mut wrong = Vec::new();
        for (name, record) in &self.manifest.files {
            let found = sha256_file(&self.file(name), &mut progress)?;
            if found.sha256 != record.sha256 {
                wrong.push(format!("{name}: SHA-256 {} expected, {} found", record.sha256, found.sha256));
            }
        }
        self.report(wrong)
    }

    fn report(&self, wrong: Vec<String>) -> Result<()> {
        if wrong.is_empty() {
            return Ok(());
        }
        let message = format!("{} does not match its manifest:\n  {}", self.path.display(), wrong.join("\n  "));
        Err(Error::new(ErrorKind::Model, message))
    }
}
