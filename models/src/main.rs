//! `radzero-models`: exports the phantom model and measures it with `radzero-core` on phantoms that it has not seen.

#![forbid(unsafe_code)]

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use radzero_core::RadZero;
use radzero_export::{ExportOptions, Precision, export};
use radzero_models::compare::Compared;
use radzero_models::measure::{HELD_OUT, Measurement, measure};
use radzero_models::report::Report;
use radzero_models::targets::Targets;
use radzero_models::{draw_calibration, phantom_checkpoint};

/// Measures the phantom model on phantoms that it has not seen, and prints the table of its model card.
///
/// Fails if a target is missed, or with --compare if int8 costs too much.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many phantoms to draw
    #[arg(long, default_value_t = 500)]
    count: u64,
    /// Seed of the first phantom
    #[arg(long, default_value_t = HELD_OUT)]
    seed: u64,
    /// Checkpoint folder
    #[arg(long, default_value_os_t = phantom_checkpoint())]
    checkpoint: PathBuf,
    /// Numeric precision of the image encoder
    #[arg(long, value_enum, default_value = "fp32", value_name = "PRECISION")]
    precision: PrecisionName,
    /// Folder of radiographs for the int8 calibration [default: drawn phantoms]
    #[arg(long, value_name = "DIR")]
    calibration: Option<PathBuf>,
    /// Measure fp32 and int8, and print the differences
    #[arg(long, conflicts_with = "precision")]
    compare: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
enum PrecisionName {
    Fp32,
    Int8,
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

/// Prints the table and returns the targets that were missed.
fn run(arguments: &Arguments) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let (table, missed) = if arguments.compare {
        let (exact, other) =
            (export_and_measure(arguments, PrecisionName::Fp32)?, export_and_measure(arguments, PrecisionName::Int8)?);
        let compared = Compared { exact: &exact, other: &other };
        (compared.to_string(), compared.dropped())
    } else {
        let (measured, targets) = (export_and_measure(arguments, arguments.precision)?, Targets::FULL);
        (Report { measured: &measured, targets }.to_string(), targets.missed(&measured))
    };
    match io::stdout().write_all(table.as_bytes()) {
        // The exit status says whether targets were missed, even if nobody reads the table.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(missed),
    }
}

/// Exports the checkpoint in this precision and measures it.
fn export_and_measure(
    arguments: &Arguments,
    precision: PrecisionName,
) -> Result<Measurement, Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let directory = folder.path().join("model");
    let mut options = ExportOptions::new(arguments.checkpoint.clone(), directory.clone());
    if precision == PrecisionName::Int8 {
        options.precision = Precision::Int8;
        options.calibration = Some(match &arguments.calibration {
            Some(given) => given.clone(),
            None => {
                let drawn = folder.path().join("calibration");
                std::fs::create_dir(&drawn)?;
                draw_calibration(&drawn)?;
                drawn
            }
        });
    }
    export(&options, |_| {})?;
    let model = RadZero::open(directory)?;
    Ok(measure(&model, arguments.seed..arguments.seed.saturating_add(arguments.count))?)
}
