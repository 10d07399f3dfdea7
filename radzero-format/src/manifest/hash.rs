//! SHA-256 of bytes and files.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::FileRecord;
use crate::error::{Error, ErrorKind, Result};

/// Number of hexadecimal digits of a SHA-256.
const DIGITS: usize = 64;

/// A SHA-256 as 64 lower-case hexadecimal digits; no other text can be parsed or deserialised.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

impl TryFrom<String> for Digest {
    type Error = Error;

    /// # Errors
    /// [`ErrorKind::Argument`] unless these are 64 hexadecimal digits in lower case.
    fn try_from(text: String) -> Result<Self> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() == DIGITS && text.bytes().all(is_digit) {
            return Ok(Self(text));
        }
        let message =
            format!("a SHA-256 of {DIGITS} hexadecimal digits in lower case expected, {} bytes found", text.len());
        Err(Error::new(ErrorKind::Argument, message))
    }
}

impl FromStr for Digest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        text.to_owned().try_into()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Digest {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Digest".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"description": "A SHA-256.", "type": "string", "pattern": "^[0-9a-f]{64}$"})
    }
}

impl Digest {
    /// The 64 hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn of(hasher: Sha256) -> Self {
        use fmt::Write as _;
        Self(hasher.finalize().iter().fold(String::with_capacity(DIGITS), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        }))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// SHA-256 of bytes that arrive in pieces.
#[derive(Debug, Clone, Default)]
pub struct Hasher(Sha256);

impl Hasher {
    /// The next piece.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all pieces.
    #[must_use]
    pub fn finish(self) -> Digest {
        Digest::of(self.0)
    }
}

/// SHA-256 of bytes.
#[must_use]
pub fn sha256_bytes(bytes: &[u8]) -> Digest {
    Digest::of(Sha256::new_with_prefix(bytes))
}

/// Size and SHA-256 of a file; `progress` is called with the number of bytes read since its last call.
///
/// # Errors
/// [`ErrorKind::Io`](crate::ErrorKind::Io) if the file cannot be read.
pub fn sha256_file(path: &Path, mut progress: impl FnMut(u64)) -> Result<FileRecord> {
    let failed = |error| Error::io(path, "read", error);
    let mut file = File::open(path).map_err(failed)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut buffer).map_err(failed)?;
        if read == 0 {
            return Ok(FileRecord { bytes, sha256: Digest::of(hasher) });
        }
        hasher.update(&buffer[..read]);
        bytes += read as u64;
        progress(read as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_64_digits_or_an_error() {
        let digest = sha256_bytes(b"abc");
        // FIPS 180-2, appendix B.1.
        assert_eq!(digest.as_str(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(digest.as_str().parse::<Digest>().unwrap(), digest);
        let json = serde_json::to_string(&digest).unwrap();
        assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), digest);
        let upper = digest.as_str().to_uppercase();
        for text in ["", "ab", &digest.as_str()[1..], &upper, &format!("{digest}0"), &"g".repeat(64), &"é".repeat(32)]
        {
            let error = text.parse::<Digest>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Argument);
            assert!(error.to_string().contains("64 hexadecimal digits"), "{error}");
            assert!(serde_json::from_value::<Digest>(text.into()).is_err(), "{text}");
        }
    }
}
