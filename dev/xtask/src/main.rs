//! Tasks of this repository, run as `cargo xtask TASK`.
//!
//! Everything that a task downloads, builds or draws goes under `target/`.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

/// Prints a line as `println!` does, but ignores a closed pipe.
macro_rules! say {
    ($($line:tt)*) => { $crate::process::say(format_args!($($line)*)) };
}

mod corpus;
mod data;
mod demo;
mod error;
mod eval;
mod fetch;
mod packages;
mod parity;
mod process;
mod setup;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::Result;
use crate::process::Step;

/// Tasks of the radzero repository.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Fetch the pinned ONNX Runtime library (unless ORT_DYLIB_PATH names one)
    Setup,
    /// Run the test suite of the whole workspace
    Test,
    /// Export the demo model, run it on a real chest radiograph, draw pictures
    Demo,
    /// Evaluate the demo model on phantoms laid out like each published data set, and write docs/evaluation-demo.md
    EvalDemo,
    /// Fetch the label files of SIIM and RSNA, draw all their masks, and compare them with the committed checksums
    EvalLabels,
    /// Compare with PyTorch at full size, stage by stage, and write docs/parity.md
    Parity(parity::Arguments),
    /// Pack every crate that is published, check what the packages hold, and run their unit tests and doctests unpacked
    Packages(packages::Arguments),
    /// Read every file of pydicom's test data, whole and damaged, within limits of time and memory
    Corpus(corpus::Arguments),
    #[cfg(feature = "corpus")]
    #[command(hide = true)]
    CorpusWorker(corpus::worker::Arguments),
    #[cfg(feature = "parity")]
    #[command(hide = true)]
    Compare(parity::rust::Arguments),
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", error.chain());
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    let root = root();
    match task {
        Task::Setup => setup::library(&root).map(drop),
        Task::Test => test(&root),
        Task::Demo => demo::run(&root),
        Task::EvalDemo => eval::demo(&root),
        Task::EvalLabels => eval::labels(&root),
        Task::Parity(arguments) => parity::run(&root, &arguments),
        Task::Packages(arguments) => packages::run(&root, &arguments),
        Task::Corpus(arguments) => corpus::run(&root, &arguments),
        #[cfg(feature = "corpus")]
        Task::CorpusWorker(arguments) => corpus::worker::run(&arguments),
        #[cfg(feature = "parity")]
        Task::Compare(arguments) => parity::rust::run(&arguments),
    }
}

fn test(root: &Path) -> Result<()> {
    let library = setup::library(root)?;
    Step::cargo().args(["test", "--workspace"]).directory(root).env(setup::VARIABLE, library).run()
}

/// The repository's root.
fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package).to_owned()
}
