//! Shared by the end-to-end tests: the golden data under `tests/golden`, models exported from its checkpoints, damaged files, and
//! an encoder without a model.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test helper fails by panicking")]

pub mod executor;
pub mod golden;
pub mod models;
pub mod mutate;
pub mod standin;

use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Path of a file of the golden data.
#[must_use]
pub fn golden_path(name: impl AsRef<Path>) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name)
}

/// Says on standard error that tests are skipped, and why.
pub fn say_skipped(what: &str) {
    // Not with `eprintln`, whose output is hidden if the test passes; and in one call, because other threads write too.
    std::io::stderr().write_all(format!("\nSKIPPED: {what}\n").as_bytes()).unwrap();
}

/// Compiles the example in the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

/// Compiles the examples in the page on embedding the library.
#[cfg(doctest)]
#[doc = include_str!("../../docs/embedding.md")]
pub struct Embedding;
