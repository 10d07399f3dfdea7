//! Encode today, ask tomorrow.
//!
//! `stored encode MODEL_DIR IMAGE FILE` opens the image encoder alone, and stores what it makes of the image.
//! `stored ask MODEL_DIR FILE SENTENCE...` opens the text encoder alone, and compares: no image is encoded again, and the image
//! graph need not be there.

use std::error::Error;
use std::fs;

use radzero_core::record::Stored;
use radzero_core::{EncodedImage, Encoders, RadZero, Radiograph};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["encode", directory, image, file] => {
            let model = RadZero::builder(directory).encoders(Encoders::Image).open()?;
            let encoded = model.encode_image(&Radiograph::open(image)?)?;
            // 16 bits take half the room; what they change is far below what 8-bit weights change.
            fs::write(file, encoded.to_bytes(Stored::F16)?)?;
        }
        ["ask", directory, file, sentences @ ..] => {
            let model = RadZero::builder(directory).encoders(Encoders::Text).open()?;
            let image = EncodedImage::from_bytes(&fs::read(file)?)?;
            for found in model.compare(&image, &model.encode_prompts(sentences)?)? {
                let peak = found.peak();
                println!("{:.3} at ({}, {}): {}", found.probability(), peak.x, peak.y, found.prompt());
            }
        }
        _ => return Err("usage: stored encode MODEL_DIR IMAGE FILE | stored ask MODEL_DIR FILE SENTENCE...".into()),
    }
    Ok(())
}
