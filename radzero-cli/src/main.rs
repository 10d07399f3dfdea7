//! `radzero`: probabilities, similarity maps, points, masks and pictures from chest radiographs and sentences.
//!
//! Arguments ([`args`]) -> one of the [`commands`] -> the loop over images ([`job`]) -> [`output`].

mod args;
mod commands;
mod console;
mod error;
mod help;
mod interrupt;
mod job;
mod output;

use std::process::ExitCode;

use clap::Parser as _;

/// The notice on everything that shows results.
const NOTICE: &str =
    "Research use only. Values are similarities between a sentence and an image, never a chance of disease.";

fn main() -> ExitCode {
    // ONNX Runtime reads this variable when it starts. The library sets it too, but by then there may be threads.
    // SAFETY: no thread has been started yet, so no other thread reads the environment.
    unsafe { std::env::set_var("ORT_DISABLE_TELEMETRY", "1") };
    match commands::run(args::Cli::parse().command) {
        Ok(completion) => completion.into(),
        Err(failure) => failure.report(),
    }
}
