//! `ask MODEL_DIR IMAGE SENTENCE...` compares an image with sentences, and prints the result record as JSON.

use std::error::Error;

use radzero_core::{Comparison, RadZero, Radiograph};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, image, sentences @ ..] = arguments.as_slice() else {
        return Err("usage: ask MODEL_DIR IMAGE SENTENCE...".into());
    };
    let model = RadZero::open(directory)?;
    let comparisons = match Radiograph::open(image).and_then(|radiograph| model.infer(&radiograph, sentences)) {
        Ok(comparisons) => comparisons,
        // A service would report errors of the image to the client, and treat all others as its own.
        Err(error) if error.kind().is_image() => {
            return Err(format!("code {}, {}: {error:#}", error.kind().code(), error.kind()).into());
        }
        Err(error) => return Err(error.into()),
    };
    for comparison in &comparisons {
        let peak = comparison.peak();
        eprintln!("{:.3} at ({}, {}): {}", comparison.probability(), peak.x, peak.y, comparison.prompt());
    }
    println!("{}", serde_json::to_string_pretty(&Comparison::record(&comparisons)?)?);
    Ok(())
}
