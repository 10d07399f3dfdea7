//! Opens a model directory. This is a separate program because a process can load ONNX Runtime only once.
//!
//! `open-model MODEL_DIR [LIBRARY [DEVICE [THREADS]]]` prints the runtime's version and, for both graphs, the device and how many
//! nodes each execution provider runs; or the error's kind and message. An empty LIBRARY means the default one.

use std::process::ExitCode;

use radzero_core::{Device, RadZero, Result, Runtime};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let directory = arguments.next().unwrap_or_default();
    let mut open = || -> Result<String> {
        let mut builder = RadZero::builder(&directory);
        if let Some(library) = arguments.next().filter(|library| !library.is_empty()) {
            builder = builder.runtime(Runtime::load(library)?);
        }
        if let Some(device) = arguments.next() {
            builder = builder.device(device.to_string_lossy().parse::<Device>()?);
        }
        if let Some(threads) = arguments.next().and_then(|threads| threads.to_str()?.parse().ok()) {
            builder = builder.threads(threads);
        }
        let model = builder.open()?;
        Ok(format!(
            "{} image on {}: {}; text on {}: {}",
            model.runtime().version(),
            model.device(),
            model.image_placement().map_or_else(String::new, ToString::to_string),
            model.device().for_text(),
            model.text_placement().map_or_else(String::new, ToString::to_string)
        ))
    };
    match open() {
        Ok(opened) => {
            println!("{opened}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("{:?}: {error:#}", error.kind());
            ExitCode::FAILURE
        }
    }
}
