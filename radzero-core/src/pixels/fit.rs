//! A radiograph in the model's square.

use ndarray::{Array3, ArrayView2, Axis};
use radzero_format::manifest::{GeometryKind, Resample};
use radzero_format::{Error, ErrorKind, Result};
use radzero_score::Geometry;

use super::resample::resample_lines;
use crate::radiograph::{Levels, Radiograph};

/// The radiograph as the model sees it: \[3, S, S\], 8-bit, equal to Pillow's `resize(..., BICUBIC)` after or before what the
/// [kind](GeometryKind) does; S is `size`.
///
/// # Errors
/// [`ErrorKind::Argument`] if `size` is 0 or above [`MAX_SIDE`](crate::radiograph::MAX_SIDE), or the kernel is one of a later version.
pub fn to_model(radiograph: &Radiograph, kind: GeometryKind, size: usize, kernel: Resample) -> Result<Array3<u8>> {
    if kernel != Resample::Bicubic {
        return Err(Error::new(ErrorKind::Argument, "a resampling kernel that this version does not know"));
    }
    let geometry = Geometry::new(kind, size, radiograph.width(), radiograph.height())?;
    let (rows, columns) = (geometry.rows(), geometry.columns());
    let fit = |plane: ArrayView2<'_, u8>| resample_lines(plane, &rows, &columns);
    let mut pixels = Array3::zeros((3, size, size));
    match radiograph.levels() {
        Levels::Gray(plane) => {
            let fitted = fit(plane);
            pixels.axis_iter_mut(Axis(0)).for_each(|mut channel| channel.assign(&fitted));
        }
        Levels::Rgb(planes) => {
            for (plane, mut channel) in planes.axis_iter(Axis(0)).zip(pixels.axis_iter_mut(Axis(0))) {
                channel.assign(&fit(plane));
            }
        }
        _ => return Err(Error::new(ErrorKind::Argument, "levels of a kind that this version does not know")),
    }
    Ok(pixels)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use ndarray::Array2;
    use serde::Deserialize;

    /// An entry of `tests/golden/geometry.json`.
    #[derive(Deserialize)]
    struct Case {
        kind: GeometryKind,
        width: usize,
        height: usize,
        size: usize,
        channels: usize,
        seed: u32,
        pixels: String,
        grid: usize,
        scores: Vec<f32>,
        map: Option<Vec<f32>>,
    }

    #[test]
    fn both_directions_are_those_of_pillow_and_pytorch() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/geometry.json");
        let cases: Vec<Case> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        assert!(cases.len() > 30);
        for case in cases {
            let Case { kind, width, height, size, channels, .. } = case;
            let mut state = case.seed;
            let mut planes = Array3::zeros((3, height, width));
            for ((y, x), channel) in
                ndarray::indices((height, width)).into_iter().flat_map(|at| (0..channels).map(move |c| (at, c)))
            {
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                let level = (state >> 24) as u8;
                planes[[channel, y, x]] = if (x / 8 + y / 8) % 2 == 0 { level / 2 } else { level };
            }
            let radiograph = match channels {
                1 => Radiograph::from_gray(planes.index_axis(Axis(0), 0).to_owned()).unwrap(),
                _ => Radiograph::from_rgb(planes).unwrap(),
            };
            let shown = format!("{kind:?} {width} x {height} to {size}, {channels} channels");
            let pixels: Vec<u8> = to_model(&radiograph, kind, size, Resample::Bicubic).unwrap().into_iter().collect();
            assert_eq!(radzero_format::manifest::sha256_bytes(&pixels).as_str(), case.pixels, "{shown}");
            let Some(expected) = case.map else { continue };
            let scores = Array2::from_shape_vec((case.grid, case.grid), case.scores).unwrap();
            let map = Geometry::new(kind, size, width, height).unwrap().map(scores.view()).unwrap().into_values();
            assert_eq!(map.dim(), (height, width), "{shown}");
            let largest = map.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(largest <= 1e-6, "{shown}: {largest}");
            if kind == GeometryKind::CropSquare && width != height {
                assert!(map.iter().any(|&value| value == 0.0), "{shown}");
            }
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
    fn squares_that_nothing_has_are_refused() {
        let radiograph = Radiograph::from_gray(Array2::from_elem((9, 9), 7)).unwrap();
        for size in [0, 16_385, usize::MAX] {
            let error = to_model(&radiograph, GeometryKind::Stretch, size, Resample::Bicubic).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Argument);
        }
    }
}
