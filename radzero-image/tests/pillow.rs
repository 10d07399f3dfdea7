//! Radiographs fitted to a square have Pillow's pixels, for every geometry (`tests/golden/geometry.json`).

#![allow(clippy::unwrap_used, missing_docs)]

use ndarray::{Array2, Array3, Axis};
use radzero_format::manifest::{GeometryKind, Resample, sha256_bytes};
use radzero_image::pixels::to_model;
use radzero_image::{ErrorKind, Radiograph};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    kind: GeometryKind,
    width: usize,
    height: usize,
    size: usize,
    channels: usize,
    seed: u32,
    pixels: String,
}

/// Noise on a chequerboard, as drawn by the script that made the file.
fn radiograph(case: &Case) -> Radiograph {
    let mut state = case.seed;
    let mut planes = Array3::zeros((3, case.height, case.width));
    for ((y, x), channel) in ndarray::indices((case.height, case.width))
        .into_iter()
        .flat_map(|at| (0..case.channels).map(move |channel| (at, channel)))
    {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let level = (state >> 24) as u8;
        planes[[channel, y, x]] = if (x / 8 + y / 8) % 2 == 0 { level / 2 } else { level };
    }
    match case.channels {
        1 => Radiograph::from_gray(planes.index_axis(Axis(0), 0).to_owned()).unwrap(),
        _ => Radiograph::from_rgb(planes).unwrap(),
    }
}

#[test]
fn pixels_are_those_of_pillow() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/geometry.json");
    let cases: Vec<Case> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert!(cases.len() > 30);
    for case in cases {
        let pixels = to_model(&radiograph(&case), case.kind, case.size, Resample::Bicubic).unwrap();
        let found = sha256_bytes(&pixels.into_iter().collect::<Vec<u8>>());
        let Case { kind, width, height, size, channels, .. } = case;
        assert_eq!(found.as_str(), case.pixels, "{kind} {width} x {height} to {size}, {channels} channels");
    }
}

#[test]
fn a_thin_image_costs_no_memory() {
    let radiograph = Radiograph::from_gray(Array2::from_elem((1, 16_384), 7)).unwrap();
    for kind in [GeometryKind::PadSquare, GeometryKind::CropSquare] {
        assert_eq!(to_model(&radiograph, kind, 518, Resample::Bicubic).unwrap().dim(), (3, 518, 518));
    }
}

#[test]
fn invalid_sizes_are_refused() {
    let radiograph = Radiograph::from_gray(Array2::from_elem((9, 9), 7)).unwrap();
    for size in [0, 16_385, usize::MAX] {
        let error = to_model(&radiograph, GeometryKind::Stretch, size, Resample::Bicubic).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Argument);
    }
}
