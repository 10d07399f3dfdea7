//! Stretching from least to greatest value gives OpenCV's levels (`tests/golden/normalize.py`).

#![allow(clippy::unwrap_used, missing_docs)]

use image::{DynamicImage, GrayAlphaImage, RgbImage, RgbaImage};
use ndarray::Array2;
use radzero_image::{IntensityPolicy, IntensityRule, Levels, Radiograph, ReadOptions, Warning};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

const MIN_MAX: ReadOptions = ReadOptions {
    intensity: IntensityPolicy::MinMax,
    frame: None,
    allow_for_processing: false,
    apply_exif_orientation: false,
    source_reference: false,
};

#[derive(Deserialize)]
struct Golden {
    /// For each least value, a digest of the tables for all greatest values above it.
    ranges_8: Vec<String>,
    ranges_16: Vec<(u16, u16, String)>,
    images: Vec<Case>,
}

/// An image before and after OpenCV's `normalize`.
#[derive(Deserialize)]
struct Case {
    kind: String,
    width: u32,
    height: u32,
    samples: Vec<u8>,
    levels: Vec<u8>,
}

fn golden() -> Golden {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/normalize.json");
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

fn levels(radiograph: &Radiograph) -> Vec<u8> {
    assert_eq!(radiograph.intensity(), IntensityRule::MinMax);
    match radiograph.levels() {
        Levels::Gray(plane) => plane.iter().copied().collect(),
        Levels::Rgb(planes) => planes.iter().copied().collect(),
        _ => unreachable!(),
    }
}

fn digest(levels: &[u8]) -> String {
    Sha256::digest(levels)[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The levels of all values from `least` to `greatest`, read as 8-bit samples.
fn table_8(least: u8, greatest: u8) -> Vec<u8> {
    let samples: Vec<u8> = (least..=greatest).collect();
    levels(&MIN_MAX.read_gray(Array2::from_shape_vec((1, samples.len()), samples).unwrap()).unwrap())
}

/// The same for 16-bit samples, in rows of 256; the last value fills the last row.
fn table_16(least: u16, greatest: u16) -> Vec<u8> {
    let values = usize::from(greatest - least) + 1;
    let at = |index: usize| least + index.min(values - 1) as u16;
    let samples = Array2::from_shape_fn((values.div_ceil(256), 256), |(row, column)| at(row * 256 + column));
    let mut levels = levels(&Radiograph::from_gray16(samples.view()).unwrap());
    levels.truncate(values);
    levels
}

#[test]
fn every_8_bit_range_and_many_of_16_bits() {
    let golden = golden();
    assert_eq!((golden.ranges_8.len(), golden.ranges_16.len()), (255, 400));
    for (least, expected) in (0..=254).zip(golden.ranges_8) {
        let tables: Vec<u8> = (least + 1..=255).flat_map(|greatest| table_8(least, greatest)).collect();
        assert_eq!(digest(&tables), expected, "from {least}");
    }
    for (least, greatest, expected) in golden.ranges_16 {
        assert_eq!(digest(&table_16(least, greatest)), expected, "from {least} to {greatest}");
    }
    // Halfway in exact arithmetic, and below once the factor is rounded.
    assert_eq!(table_8(0, 14)[7], 127);
}

#[test]
fn channels_are_stretched_as_one_with_alpha() {
    let images = golden().images;
    assert_eq!(images.len(), 6);
    for Case { kind, width, height, samples, levels: expected } in images {
        let image: DynamicImage = match kind.as_str() {
            "gray-alpha" => GrayAlphaImage::from_raw(width, height, samples).unwrap().into(),
            "rgb" => RgbImage::from_raw(width, height, samples).unwrap().into(),
            _ => RgbaImage::from_raw(width, height, samples).unwrap().into(),
        };
        let radiograph = MIN_MAX.read_image(&image).unwrap();
        assert_eq!(levels(&radiograph), expected, "{kind} {width} x {height}");
        assert_eq!(radiograph.is_gray(), kind == "gray-alpha");
        assert_eq!(radiograph.warnings().contains(&Warning::AlphaDropped), kind != "rgb", "{kind}");
    }
}
