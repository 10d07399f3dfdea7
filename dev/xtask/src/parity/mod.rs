//! `cargo xtask parity`: compares a full-size exported model with PyTorch on a real radiograph.
//!
//! 1. [`python`] finds or installs an interpreter with PyTorch and transformers
//! 2. `dev/xtask/parity/checkpoint.py` builds a checkpoint in the published layout: real text encoder, seeded vision weights
//! 3. `radzero export` turns it into a model directory
//! 4. `dev/xtask/parity/reference.py` computes every stage in PyTorch
//! 5. [`rust`] (feature `parity`) computes every stage with `radzero-core`, [`stages`] compares them, [`report`] writes the page

mod python;
#[cfg(any(feature = "parity", test))]
mod report;
#[cfg(feature = "parity")]
pub(crate) mod rust;
#[cfg(any(feature = "parity", test))]
mod stages;

use std::path::{Path, PathBuf};

use crate::demo::{clear, relative};
use crate::error::Result;
use crate::fetch::Tools;
use crate::process::Step;
use crate::{data, setup};

/// Prompts of different lengths, so that padding matters; one is negative, one is free text.
const PROMPTS: [&str; 4] = [
    "There is cardiomegaly",
    "There is pleural effusion",
    "There is no pneumothorax",
    "Small right apical pneumothorax without mediastinal shift, unchanged since the prior examination.",
];

const CHECKPOINT: &str = "target/parity/checkpoint";
const MODEL: &str = "target/parity/model";
const REFERENCE: &str = "target/parity/reference.safetensors";
const REPORT: &str = "docs/parity.md";

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Python with the packages of tests/golden/requirements.txt [default: a new environment in target/parity/venv, several GB]
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
}

/// Makes the checkpoint, exports it, computes every stage in PyTorch and in Rust, and compares them.
///
/// # Errors
/// The error of the first step that fails; the last step fails if a difference is above its bound.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    let library = setup::library(root)?;
    let python = python::interpreter(root, arguments.python.as_deref())?;
    let radiograph = relative(root, &data::radiograph(root, &Tools::default())?);
    let mpnet = relative(root, &data::mpnet(root)?);
    for directory in [CHECKPOINT, MODEL] {
        clear(&root.join(directory))?;
    }

    let python = || Step::new(&python, "name another with --python").directory(root);
    let cargo = |args: &[&str]| Step::cargo().args(args).directory(root).env(setup::VARIABLE, &library);

    say!("\n== Full-size checkpoint: real text encoder, seeded vision weights ==");
    python().arg("dev/xtask/parity/checkpoint.py").arg(&mpnet).arg(CHECKPOINT).run()?;
    say!("\n== Export ==");
    cargo(&["run", "--release", "--package", "radzero-cli", "--", "export", CHECKPOINT, MODEL]).run()?;
    say!("\n== PyTorch ==");
    let prompts = PROMPTS.iter().flat_map(|prompt| ["--prompt", prompt]);
    python()
        .arg("dev/xtask/parity/reference.py")
        .arg(CHECKPOINT)
        .arg(&radiograph)
        .arg(REFERENCE)
        .args(prompts)
        .run()?;
    say!("\n== Rust ==");
    cargo(&["run", "--release", "--package", "xtask", "--features", "parity", "--"])
        .args(["compare", "--model", MODEL, "--reference", REFERENCE, "--report", REPORT])
        .arg(&radiograph)
        .run()
}
