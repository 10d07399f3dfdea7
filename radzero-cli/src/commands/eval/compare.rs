//! `radzero eval compare`: two results side by side.

use std::fs;
use std::path::Path;

use radzero_eval::report::compare;
use radzero_eval::report::result::Evaluation;

use super::args::CompareArgs;
use crate::console::print_last;
use crate::error::{Completion, Failure};

/// Prints the comparison.
pub(super) fn run(args: &CompareArgs) -> Result<Completion, Failure> {
    print_last(&compare::document(&read(&args.first)?, &read(&args.second)?)?)?;
    Ok(Completion::Done)
}

fn read(path: &Path) -> Result<Evaluation, Failure> {
    let text = fs::read(path).map_err(|source| Failure::Read { path: path.to_owned(), source })?;
    serde_json::from_slice(&text).map_err(|source| Failure::NotAResult { path: path.to_owned(), source })
}
