//! Files from package registries: downloaded by the registry's own client, unpacked here, and kept only if they have the pinned
//! SHA-256.

mod archive;
mod digest;
mod tools;

use std::path::{Path, PathBuf};

pub(crate) use self::archive::{gunzip, untar, unzip, unzip_append};
pub(crate) use self::tools::{Tools, WheelTarget};
use crate::error::{Error, Result};

/// Makes sure that `destination` is a file with one of the `accepted` SHA-256 digests.
///
/// If it is not, `produce` makes the file in an empty folder that it is given, and returns the file's path. Once its digest is
/// checked, the file is moved to `destination` in one step.
///
/// Returns whether the file was made.
///
/// # Errors
/// Those of `produce`, [`Error::Digest`] if the file that it made has another digest, [`Error::Io`].
pub(crate) fn ensure(
    destination: &Path,
    accepted: &[&str],
    produce: impl FnOnce(&Path) -> Result<PathBuf>,
) -> Result<bool> {
    if destination.is_file() {
        if digest::check(destination, accepted).is_ok() {
            return Ok(false);
        }
        say!("{} is not the pinned file: it is fetched again", destination.display());
    }
    let directory = destination.parent().unwrap_or(Path::new("."));
    // The scratch folder must be on the destination's file system, or the file cannot be renamed; but not in the same folder,
    // where a search for the library must find only one.
    let nearby = directory.parent().unwrap_or(directory);
    std::fs::create_dir_all(directory).map_err(Error::io("create", directory))?;
    let scratch = tempfile::Builder::new().prefix(".fetch-").tempdir_in(nearby);
    let scratch = scratch.map_err(Error::io("create a folder in", nearby))?;
    let file = produce(scratch.path())?;
    digest::check(&file, accepted)?;
    std::fs::rename(&file, destination).map_err(Error::io("write", destination))?;
    Ok(true)
}

#[cfg(test)]
pub(crate) mod tests {
    pub(crate) use super::archive::tests::write_zip;
    #[cfg(unix)]
    pub(crate) use super::tools::tests::write_script;
    use super::*;

    /// SHA-256 of "abc" (FIPS 180-4).
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn write(bytes: &'static [u8]) -> impl Fn(&Path) -> Result<PathBuf> {
        move |scratch| {
            let file = scratch.join("made");
            std::fs::write(&file, bytes).unwrap();
            Ok(file)
        }
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(directory).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn the_file_is_made_once() {
        let root = tempfile::tempdir().unwrap();
        let destination = root.path().join("onnxruntime/library");
        assert!(ensure(&destination, &[ABC], write(b"abc")).unwrap());
        assert_eq!(std::fs::read(&destination).unwrap(), b"abc");
        assert!(!ensure(&destination, &[ABC], |_| unreachable!("it is there")).unwrap());
        assert_eq!(names(root.path()), ["onnxruntime"], "nothing else is left");
    }

    #[test]
    fn a_file_with_another_digest_is_replaced() {
        let root = tempfile::tempdir().unwrap();
        let destination = root.path().join("onnxruntime/library");
        std::fs::create_dir_all(destination.parent().unwrap()).unwrap();
        std::fs::write(&destination, "cut").unwrap();
        assert!(ensure(&destination, &[ABC], write(b"abc")).unwrap());
        assert_eq!(std::fs::read(&destination).unwrap(), b"abc");
    }

    #[test]
    fn a_fetched_file_with_another_digest_is_not_kept() {
        let root = tempfile::tempdir().unwrap();
        let destination = root.path().join("onnxruntime/library");
        let error = ensure(&destination, &[ABC], write(b"abd")).unwrap_err();
        assert!(matches!(error, Error::Digest { .. }), "{error:?}");
        assert!(names(destination.parent().unwrap()).is_empty());
        assert_eq!(names(root.path()), ["onnxruntime"]);
    }
}
