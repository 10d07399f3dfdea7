//! SHA-256 of files.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};

/// SHA-256 of a file as lower-case hexadecimal.
///
/// # Errors
/// [`Error::Io`] if it cannot be read.
pub(crate) fn sha256(path: &Path) -> Result<String> {
    let mut file = File::open(path).map_err(Error::io("open", path))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer).map_err(Error::io("read", path))?;
        if read == 0 {
            return Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
        }
        hasher.update(&buffer[..read]);
    }
}

/// Checks that a file has one of the `accepted` digests.
///
/// # Errors
/// [`Error::Digest`] if it has another, [`Error::Io`] if it cannot be read.
pub(crate) fn check(path: &Path, accepted: &[&str]) -> Result<()> {
    let found = sha256(path)?;
    if accepted.contains(&found.as_str()) {
        return Ok(());
    }
    let expected = accepted.iter().map(|&digest| digest.to_owned()).collect();
    Err(Error::Digest { path: path.to_owned(), expected, found })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 180-4 example: SHA-256 of "abc".
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn the_digest_matches_the_example_of_the_standard() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("abc");
        std::fs::write(&file, "abc").unwrap();
        assert_eq!(sha256(&file).unwrap(), ABC);
        check(&file, &["00", ABC]).unwrap();
    }

    #[test]
    fn the_error_for_a_mismatch_names_the_file_and_both_digests() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("abd");
        std::fs::write(&file, "abd").unwrap();
        let message = check(&file, &[ABC]).unwrap_err().to_string();
        let found = sha256(&file).unwrap();
        assert!(message.contains(ABC) && message.contains(&found) && message.contains("abd"), "{message}");
    }
}
