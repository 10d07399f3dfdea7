//! The pixels of every kind of image file equal Pillow's, level for level (`tests/golden`).

#![allow(clippy::unwrap_used, missing_docs)]

use ndarray::{Array2, Array3, Axis};
use radzero_core::manifest::{GeometryKind, Resample, sha256_bytes};
use radzero_core::pixels::{resample, to_model};
use radzero_core::radiograph::{IntensityRule, Origin};
use radzero_core::{ErrorKind, Radiograph};
use radzero_tests::golden::{Golden, Tensors};
use radzero_tests::golden_path;
use serde::Deserialize;

fn fit(radiograph: &Radiograph, size: usize) -> Array3<u8> {
    to_model(radiograph, GeometryKind::Stretch, size, Resample::Bicubic).unwrap()
}

#[test]
fn pixels_of_every_kind_of_file_equal_pillows() {
    let golden = Golden::load();
    let mut compared = 0;
    for (&size, file) in &golden.pixels {
        let pixels = Tensors::load(file);
        for name in pixels.names() {
            let image = &golden.images[&name];
            let radiograph = Radiograph::open(golden_path(&image.file)).unwrap();
            assert_eq!((radiograph.width(), radiograph.height()), (image.width, image.height), "{name}");
            let expected = pixels.u8(&name);
            let found = fit(&radiograph, size);
            assert_eq!(found.shape(), expected.shape(), "{name}");
            let largest = found.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
            assert!(largest <= image.pixel_tolerance, "{name} at {size}: {largest} levels off");
            compared += 1;
        }
    }
    assert!(compared >= golden.images.len(), "only {compared} images compared");
}

#[test]
fn the_intensity_rule_is_recorded() {
    for (name, image) in &Golden::load().images {
        let radiograph = Radiograph::open(golden_path(&image.file)).unwrap();
        let (origin, rule) = match (image.intensity.as_str(), name.as_str()) {
            ("dicom-max", "dicom_monochrome1") => (Origin::Dicom, IntensityRule::StoredMaximumInverted),
            ("dicom-max", _) => (Origin::Dicom, IntensityRule::StoredMaximum),
            ("min-max", _) => (Origin::Png, IntensityRule::MinMax),
            (_, "rgb16") => (Origin::Png, IntensityRule::HighByte),
            (_, "jpeg") => (Origin::Jpeg, IntensityRule::Stored),
            _ => (Origin::Png, IntensityRule::Stored),
        };
        assert_eq!((radiograph.origin(), radiograph.intensity()), (origin, rule), "{name}");
    }
}

#[derive(Deserialize)]
struct ResizeCase {
    seed: u32,
    channels: usize,
    width: usize,
    height: usize,
    out_width: usize,
    out_height: usize,
    source_sha256: String,
    sha256: String,
}

#[test]
fn resized_images_equal_pillows_over_many_sizes() {
    let cases: Vec<ResizeCase> = serde_json::from_slice(&std::fs::read(golden_path("resample.json")).unwrap()).unwrap();
    assert!(cases.len() >= 40, "only {} size pairs", cases.len());
    for case in cases {
        let ResizeCase { seed, channels, width, height, out_width, out_height, .. } = case;
        let shown = format!("{width} x {height} x {channels} to {out_width} x {out_height}");
        let mut state = seed;
        let source = Array3::from_shape_fn((height, width, channels), |(y, x, _)| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            let level = (state >> 24) as u8;
            if (x / 8 + y / 8) % 2 == 0 { level / 2 } else { level }
        });
        let hash = |array: &Array3<u8>| sha256_bytes(&array.iter().copied().collect::<Vec<u8>>());
        assert_eq!(hash(&source).as_str(), case.source_sha256, "{shown}: another source");
        let planes: Vec<Array2<u8>> =
            source.axis_iter(Axis(2)).map(|plane| resample(plane.view(), out_height, out_width)).collect();
        let result =
            Array3::from_shape_fn((out_height, out_width, channels), |(y, x, channel)| planes[channel][[y, x]]);
        assert_eq!(hash(&result).as_str(), case.sha256, "{shown}");
    }
}

#[test]
fn a_file_that_is_not_a_whole_image_is_refused_with_what_was_found() {
    let png = std::fs::read(golden_path("images/rgb8.png")).unwrap();
    let dicom = std::fs::read(golden_path("images/dicom_monochrome2.dcm")).unwrap();
    let jpeg = std::fs::read(golden_path("images/jpeg.jpg")).unwrap();
    for (name, bytes, kind, hint) in [
        ("empty", Vec::new(), ErrorKind::NotAnImage, "empty"),
        ("text", b"not an image at all".to_vec(), ErrorKind::NotAnImage, "something else"),
        ("gif", b"GIF89a\x01\x00\x01\x00\x00\x00\x00".to_vec(), ErrorKind::UnsupportedImage, "Gif"),
        ("half a png", png[..png.len() / 2].to_vec(), ErrorKind::DamagedImage, "PNG is"),
        ("png header", png[..30].to_vec(), ErrorKind::DamagedImage, "PNG is"),
        ("half a jpeg header", jpeg[..20].to_vec(), ErrorKind::DamagedImage, "cut off"),
        ("half a dicom", dicom[..dicom.len() / 2].to_vec(), ErrorKind::DamagedImage, ""),
        ("dicom preamble", dicom[..132].to_vec(), ErrorKind::DamagedImage, "no transfer syntax"),
    ] {
        let error = Radiograph::from_bytes(&bytes).unwrap_err();
        assert_eq!(error.kind(), kind, "{name}: {error}");
        assert!(error.to_string().contains(hint), "{name}: {error}");
    }
    let error = Radiograph::open(golden_path("images/nowhere.png")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("nowhere.png"), "{error}");
}

/// The header alone decides, and nothing of the stated size is allocated.
#[test]
fn images_of_absurd_size_are_refused_before_decoding() {
    for (width, height) in [(1_000_000, 1_000_000), (16_385, 1), (16_384, 16_384)] {
        let error = Radiograph::from_bytes(&png_header(width, height)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ImageTooLarge);
        assert!(error.to_string().contains("too large"), "{error}");
        assert!(error.to_string().contains(&format!("{width} x {height}")), "{error}");
    }
    // A single row exceeds what the decoder may allocate.
    let error = Radiograph::from_bytes(&png_header(u32::MAX >> 1, 1)).unwrap_err();
    assert!(error.to_string().contains("too large"), "{error}");
    for (width, height) in [(0, 7), (7, 0)] {
        assert_eq!(Radiograph::from_bytes(&png_header(width, height)).unwrap_err().kind(), ErrorKind::DamagedImage);
    }
    for levels in [Array2::zeros((0, 5)), Array2::zeros((5, 0))] {
        let error = Radiograph::from_gray(levels).unwrap_err();
        assert!(error.to_string().contains("empty"), "{error}");
    }
}

/// Signature, IHDR of an 8-bit gray image, and the start of its data.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut chunk = b"IHDR".to_vec();
    chunk.extend(width.to_be_bytes());
    chunk.extend(height.to_be_bytes());
    chunk.extend([8, 0, 0, 0, 0]);
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    bytes.extend(13_u32.to_be_bytes());
    bytes.extend(&chunk);
    bytes.extend(crc32(&chunk).to_be_bytes());
    bytes.extend(*b"\0\0\0\0IDAT");
    bytes.extend(crc32(b"IDAT").to_be_bytes());
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}
