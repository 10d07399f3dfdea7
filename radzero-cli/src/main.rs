//! `radzero`: chest radiographs and sentences to probabilities, similarity maps, points, masks and pictures.
//!
//! Arguments as typed ([`args`]) -> one of the [`commands`] -> the image loop ([`job`]) -> [`output`].

mod args;
mod commands;
mod console;
mod error;
mod interrupt;
mod job;
mod output;

use std::process::ExitCode;

use clap::Parser as _;

/// Said wherever results are shown to people.
const NOTICE: &str =
    "Research use only. Values are similarities between a sentence and an image, never a chance of disease.";

fn main() -> ExitCode {
    // ONNX Runtime reads this when it starts. The library sets it too, but by then there are threads.
    // SAFETY: nothing has started a thread yet, so nothing reads the environment meanwhile.
    unsafe { std::env::set_var("ORT_DISABLE_TELEMETRY", "1") };
    match commands::run(args::Cli::parse().command) {
        Ok(outcome) => outcome.into(),
        Err(failure) => failure.report(),
    }
}
