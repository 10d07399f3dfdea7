//! CMYK, subsampled, progressive, 16-bit and rotated images are read as by Pillow and OpenCV (`tests/images`).

#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;

use radzero_core::Radiograph;
use radzero_core::radiograph::{IntensityPolicy, IntensityRule, ReadOptions, Warning};
use serde::Deserialize;

#[derive(Deserialize)]
struct Image {
    file: String,
    tolerance: u8,
    width: usize,
    height: usize,
    levels: String,
    /// The levels after applying the EXIF orientation.
    turned: Option<String>,
}

fn hex(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[track_caller]
fn assert_levels(name: &str, found: &Radiograph, expected: &str, tolerance: u8) {
    let found = found.levels().interleaved();
    let expected = hex(expected);
    assert_eq!(found.len(), expected.len(), "{name}");
    let largest = found.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
    assert!(largest <= tolerance, "{name}: {largest} levels off, {tolerance} allowed");
}

#[test]
fn images_are_read_as_by_pillow() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("images");
    let images: Vec<Image> = serde_json::from_slice(&std::fs::read(folder.join("expected.json")).unwrap()).unwrap();
    assert!(images.len() > 20);
    for image in images {
        let path = folder.join(&image.file);
        let plain = Radiograph::open(&path).unwrap();
        assert_eq!((plain.width(), plain.height()), (image.width, image.height), "{}", image.file);
        assert_levels(&image.file, &plain, &image.levels, image.tolerance);
        let Some(expected) = &image.turned else { continue };
        let warned = plain.warnings() == [Warning::OrientationNotApplied];
        assert_eq!(warned, image.levels != *expected, "{}", image.file);
        let options = ReadOptions { apply_exif_orientation: true, ..ReadOptions::default() };
        let turned = options.open(&path).unwrap();
        assert!(turned.warnings().is_empty());
        assert_eq!(turned.reading().orientation_applied, image.levels != *expected, "{}", image.file);
        assert!(!plain.reading().orientation_applied);
        assert_levels(&image.file, &turned, expected, image.tolerance);
    }
}

#[test]
fn min_max_stretches_8_bit_images_too() {
    let options = ReadOptions { intensity: IntensityPolicy::MinMax, ..ReadOptions::default() };
    let radiograph = options.read_gray(ndarray::array![[10, 20], [15, 30]]).unwrap();
    assert_eq!(radiograph.intensity(), IntensityRule::MinMax);
    let levels: Vec<u8> = radiograph.levels().interleaved().into_iter().step_by(3).collect();
    // 5 x 12.75 = 63.75
    assert_eq!(levels, [0, 128, 64, 255]);
    assert!(options.read_gray(ndarray::array![[7, 7]]).is_err());
}
