//! One model in turns with its peers: each line on standard input names a stage, whose time in milliseconds is printed.
//!
//! `encode MODEL_DIR [DEVICE [THREADS]]`; the stages are `image` (a picture of the model's own size, so that resampling
//! does not count), and on a radiograph of 2000 x 2500 with 14 prompts `maps`, `points`, `points-of-maps`, `prompt` (a
//! sentence that was not there before) and `cached`. `tokens FOLDER` reads 8-bit levels \[3, S, S\] from `pixels` there and
//! writes their tokens to `tokens`, as 32-bit floats.

use std::error::Error;
use std::io::{BufRead as _, Write as _};
use std::path::Path;
use std::time::Instant;

use ndarray::Array3;
use radzero_benches::radiograph;
use radzero_core::{Device, RadZero, Radiograph};

const PROMPTS: usize = 14;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().ok_or("a model directory expected")?;
    let device: Device = arguments.next().as_deref().unwrap_or("cpu").parse()?;
    let mut builder = RadZero::builder(directory).device(device);
    if let Some(threads) = arguments.next() {
        builder = builder.threads(threads.parse()?);
    }
    let model = builder.open()?;
    let size = model.manifest().dimensions.image_size;
    let (small, large) = (radiograph(size, size)?, radiograph(2500, 2000)?);
    let sentences: Vec<String> = (0..PROMPTS).map(|index| format!("There is finding number {index}")).collect();
    let prompts = model.encode_prompts(&sentences)?;
    let found = model.compare(&model.encode_image(&large)?, &prompts)?;

    let mut new = 0;
    for line in std::io::stdin().lock().lines() {
        let stage = line?;
        let started = Instant::now();
        match stage.trim() {
            "image" => drop(model.encode_image(&small)?),
            "maps" => found.iter().for_each(|found| drop(std::hint::black_box(found.map()))),
            "points" => {
                std::hint::black_box(found.iter().map(|found| found.peak()).collect::<Vec<_>>());
            }
            "points-of-maps" => {
                std::hint::black_box(found.iter().map(|found| found.map().peak()).collect::<Vec<_>>());
            }
            "prompt" => {
                new += 1;
                drop(model.encode_prompts(&[format!("There is a new finding, number {new}")])?);
            }
            "cached" => drop(model.encode_prompts(&sentences[..1])?),
            other if other.starts_with("tokens ") => tokens(&model, &other["tokens ".len()..])?,
            other => return Err(format!("unknown stage {other:?}").into()),
        }
        println!("{}", started.elapsed().as_secs_f64() * 1e3);
        std::io::stdout().flush()?;
    }
    Ok(())
}

fn tokens(model: &RadZero, folder: &str) -> Result<(), Box<dyn Error>> {
    let folder = Path::new(folder);
    let size = model.manifest().dimensions.image_size;
    let pixels = Array3::from_shape_vec((3, size, size), std::fs::read(folder.join("pixels"))?)?;
    let encoded = model.encode_image(&Radiograph::from_rgb(pixels)?)?;
    let bytes: Vec<u8> = encoded.tokens().iter().flat_map(|value| value.to_le_bytes()).collect();
    Ok(std::fs::write(folder.join("tokens"), bytes)?)
}
