//! Open and ask: `ask MODEL_DIR IMAGE SENTENCE...` prints the record of the results as JSON.

use std::error::Error;

use radzero_core::{Comparison, RadZero, Radiograph};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, image, sentences @ ..] = arguments.as_slice() else {
        return Err("usage: ask MODEL_DIR IMAGE SENTENCE...".into());
    };
    let model = RadZero::open(directory)?;
    let found = match Radiograph::open(image).and_then(|radiograph| model.infer(&radiograph, sentences)) {
        Ok(found) => found,
        // A service answers an error of the image to whoever sent it, and any other is its own.
        Err(error) if error.kind().is_image() => {
            return Err(format!("code {}, {}: {error:#}", error.kind().code(), error.kind()).into());
        }
        Err(error) => return Err(error.into()),
    };
    for found in &found {
        let peak = found.peak();
        eprintln!("{:.3} at ({}, {}): {}", found.probability(), peak.x, peak.y, found.prompt());
    }
    println!("{}", serde_json::to_string_pretty(&Comparison::record(&found)?)?);
    Ok(())
}
