//! The commands, one file each.

mod bench;
mod classify;
mod doctor;
pub(crate) mod eval;
mod export;
mod ground;
mod infer;
mod inspect;
mod overlay;
mod segment;
mod verify;

use std::path::Path;

use radzero_core::Radiograph;

use crate::args::Command;
use crate::console::shown;
use crate::error::{Completion, Failure};
use crate::job;

/// Runs a command.
pub(crate) fn run(command: Command) -> Result<Completion, Failure> {
    match command {
        Command::Export(args) => export::run(&args),
        Command::Infer(args) => job::run(&args.job, &infer::Infer::new(&args)),
        Command::Classify(args) => job::run(&args.job, &classify::Classify::new(&args)),
        Command::Ground(args) => job::run(&args.job, &ground::Ground),
        Command::Segment(args) => job::run(&args.job, &segment::Segment::new(&args)),
        Command::Overlay(args) => job::run(&args.job, &overlay::Overlay::new(&args)),
        Command::Inspect(args) => inspect::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Eval(command) => eval::run(command),
        Command::Bench(args) => bench::run(&args),
        Command::Doctor(_) => doctor::run(),
    }
}

/// The line above the results of an image: path and size.
fn title(path: &Path, radiograph: &Radiograph) -> String {
    format!("{}  {} x {}\n", shown(path), radiograph.width(), radiograph.height())
}
