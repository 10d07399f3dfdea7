//! Encode today, ask tomorrow.
//!
//! `stored encode MODEL_DIR IMAGE FILE` opens the image encoder alone, and stores the encoded image in a file.
//! `stored ask MODEL_DIR FILE SENTENCE...` opens the text encoder alone, and compares the stored image with sentences: nothing is
//! encoded again, and the image graph may be missing.

use std::error::Error;
use std::fs;

use radzero_core::record::Stored;
use radzero_core::{EncodedImage, Encoders, RadZero, Radiograph};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["encode", directory, image, file] => {
            let model = RadZero::builder(directory).encoders(Encoders::Image).open()?;
            let encoded = model.encode_image(&Radiograph::open(image)?)?;
            // 16 bits take half the space, and change results far less than 8-bit weights do.
            fs::write(file, encoded.to_bytes(Stored::F16)?)?;
        }
        ["ask", directory, file, sentences @ ..] => {
            let model = RadZero::builder(directory).encoders(Encoders::Text).open()?;
            let image = EncodedImage::from_bytes(&fs::read(file)?)?;
            for comparison in model.compare(&image, &model.encode_prompts(sentences)?)? {
                let peak = comparison.peak();
                println!("{:.3} at ({}, {}): {}", comparison.probability(), peak.x, peak.y, comparison.prompt());
            }
        }
        _ => return Err("usage: stored encode MODEL_DIR IMAGE FILE | stored ask MODEL_DIR FILE SENTENCE...".into()),
    }
    Ok(())
}
