//! The wheels that hold the files, kept in target/corpus.

use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::fetch::{self, Tools};

/// Requirement, SHA-256.
const WHEELS: [(&str, &str); 2] = [
    ("pydicom-data==1.0.0", "622ac97265f1d91f76b5120b5bd6eb0f57737c392ef863b72c71779c91e33637"),
    ("pydicom==3.0.2", "abf971a5440f84dbaf42c4b6758e30e62480902584f8b270b9a5d146e278a07b"),
];

/// Paths of both wheels, which are fetched unless they are there.
///
/// # Errors
/// Those of [`fetch::ensure`].
pub(super) fn wheels(root: &Path) -> Result<Vec<PathBuf>> {
    WHEELS
        .iter()
        .map(|&(requirement, sha256)| {
            let destination = root.join("target/corpus").join(requirement).with_added_extension("whl");
            fetch::ensure(&destination, &[sha256], |scratch| {
                say!("Fetching {requirement}");
                Tools::default().wheel(requirement, None, scratch)
            })?;
            Ok(destination)
        })
        .collect()
}
