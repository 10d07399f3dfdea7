//! `radzero-export CHECKPOINT_DIR MODEL_DIR`: the command `radzero export` as a program of its own.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser;
use radzero_export::program::{Arguments, run};
use radzero_format::chain;

/// Exports a RadZero checkpoint to a model directory: ONNX graphs, tokenizer, manifest and self-test.
///
/// Research use only: the model is not a medical device. Its weights have their own licence.
#[derive(Debug, Parser)]
#[command(version)]
struct Program {
    #[command(flatten)]
    arguments: Arguments,
}

fn main() -> ExitCode {
    let printed = match run(&Program::parse().arguments) {
        Ok(text) => io::stdout().write_all(text.as_bytes()),
        Err(failure) => return report(&chain(&failure)),
    };
    match printed {
        // The export succeeded even if nobody reads the summary.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => report(&error.to_string()),
        _ => ExitCode::SUCCESS,
    }
}

/// Prints an error on standard error. If that fails, there is nowhere to report it.
fn report(message: &str) -> ExitCode {
    let _ = writeln!(io::stderr().lock(), "error: {message}");
    ExitCode::from(2)
}
