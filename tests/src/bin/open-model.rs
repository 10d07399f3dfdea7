//! Opens a model directory in a process of its own, as ONNX Runtime can be loaded only once in each.
//!
//! `open-model MODEL_DIR [LIBRARY [DEVICE [THREADS]]]`, where an empty LIBRARY is none, prints the runtime's version and, of both graphs, the device and who runs how many
//! nodes; or the error's kind and message.

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
