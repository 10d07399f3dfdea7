//! `radzero-models`: measures the phantom model through its export and the runtime, on phantoms that it has not seen.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use radzero_core::RadZero;
use radzero_export::{ExportOptions, export};
use radzero_models::measure::{HELD_OUT, measure};
use radzero_models::phantom_checkpoint;
use radzero_models::report::Report;
use radzero_models::targets::Targets;

/// Measures the phantom model on phantoms that it has not seen, and prints the table of its model card.
///
/// Fails if a target is missed.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many phantoms
    #[arg(long, default_value_t = 500)]
    count: u64,
    /// Seed of the first
    #[arg(long, default_value_t = HELD_OUT)]
    seed: u64,
    /// The checkpoint
    #[arg(long, default_value_os_t = phantom_checkpoint())]
    checkpoint: PathBuf,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(missed) if missed.is_empty() => ExitCode::SUCCESS,
        Ok(missed) => {
            eprintln!("Missed:\n{}", missed.join("\n"));
            ExitCode::FAILURE
        }
        Err(error) => {
            let mut source = Some(error.as_ref() as &dyn std::error::Error);
            while let Some(error) = source {
                eprintln!("error: {error}");
                source = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

/// Prints the table; the targets that were missed.
fn run(arguments: &Arguments) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let directory = folder.path().join("model");
    export(&ExportOptions::new(arguments.checkpoint.clone(), directory.clone()), |_| {})?;
    let model = RadZero::open(directory)?;
    let measured = measure(&model, arguments.seed..arguments.seed.saturating_add(arguments.count))?;
    let targets = Targets::FULL;
    let report = Report { measured: &measured, targets }.to_string();
    match io::stdout().write_all(report.as_bytes()) {
        // Whether targets are missed is the exit status's to say, with or without a reader.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(targets.missed(&measured)),
    }
}
