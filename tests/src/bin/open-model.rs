//! Opens a model directory in a process of its own, as ONNX Runtime can be loaded only once in each.
//!
//! `open-model MODEL_DIR [LIBRARY]` prints the runtime's version, or the error's kind and message.

use std::process::ExitCode;

use radzero_core::{RadZero, Result, Runtime};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let directory = arguments.next().unwrap_or_default();
    let mut open = || -> Result<String> {
        let mut builder = RadZero::builder(&directory);
        if let Some(library) = arguments.next() {
            builder = builder.runtime(Runtime::load(library)?);
        }
        let model = builder.open()?;
        Ok(format!("{} {}", model.runtime().version().unwrap_or("unknown"), model.image_placement()))
    };
    match open() {
        Ok(opened) => {
            println!("{opened}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("{:?}: {error}", error.kind());
            ExitCode::FAILURE
        }
    }
}
