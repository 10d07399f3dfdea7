//! What the end-to-end tests share: the golden data under `tests/golden` (its README says what is in it) and the models
//! exported from its checkpoints.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test helper fails by panicking")]

pub mod asynchronous;
pub mod golden;
pub mod models;
pub mod mutate;
pub mod standin;

use std::path::{Path, PathBuf};

/// A file of the golden data.
#[must_use]
pub fn golden_path(name: impl AsRef<Path>) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name)
}

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

/// So does that of the page for programs that embed the library.
#[cfg(doctest)]
#[doc = include_str!("../../docs/embedding.md")]
pub struct Embedding;
