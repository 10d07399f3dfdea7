//! One owner of the mapping between original pixels and the model's square, in both directions.

use ndarray::{Array2, Array3, ArrayView2, Axis};

use super::resample::{Line, resample_lines};
use crate::error::{Error, ErrorKind, Result};
use crate::manifest::{GeometryKind, Resample};
use crate::map::{Outline, Span, upsample};
use crate::radiograph::{Levels, MAX_SIDE, Radiograph};

/// The mapping between the pixels of one radiograph and the model's square.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Geometry {
    kind: GeometryKind,
    width: usize,
    height: usize,
    size: usize,
}

impl Geometry {
    /// The mapping for a radiograph of `width` x `height` pixels and a square of `size` pixels a side.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] if one of them is 0, or above [`MAX_SIDE`].
    pub fn new(kind: GeometryKind, size: usize, width: usize, height: usize) -> Result<Self> {
        if [size, width, height].iter().all(|side| (1..=MAX_SIDE).contains(side)) {
            return Ok(Self { kind, width, height, size });
        }
        Err(Error::new(
            ErrorKind::Argument,
            format!(
                "sides of 1 to {MAX_SIDE} pixels expected, an image of {width} x {height} and a square of {size} found"
            ),
        ))
    }

    /// The mapping for `radiograph`, which is within the limits; so must `size` be.
    pub(crate) fn of(kind: GeometryKind, size: usize, radiograph: &Radiograph) -> Self {
        Self { kind, width: radiograph.width(), height: radiograph.height(), size }
    }

    /// How the radiograph is fitted to the square.
    #[must_use]
    pub fn kind(&self) -> GeometryKind {
        self.kind
    }

    /// The radiograph's width in pixels.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// The radiograph's height in pixels.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// The radiograph as the model sees it: \[3, S, S\], 8-bit, equal to Pillow's `resize(..., BICUBIC)` after or before what
    /// the [kind](GeometryKind) does. A radiograph of another size is fitted by its own.
    pub fn to_model(&self, radiograph: &Radiograph, kernel: Resample) -> Array3<u8> {
        let Resample::Bicubic = kernel;
        let (height, width) = (radiograph.height(), radiograph.width());
        let (rows, columns) = (self.line(height, width), self.line(width, height));
        let fit = |plane: ArrayView2<'_, u8>| resample_lines(plane, &rows, &columns);
        let mut pixels = Array3::zeros((3, self.size, self.size));
        match radiograph.levels() {
            Levels::Gray(plane) => {
                let fitted = fit(plane.view());
                pixels.axis_iter_mut(Axis(0)).for_each(|mut channel| channel.assign(&fitted));
            }
            Levels::Rgb(planes) => {
                for (plane, mut channel) in planes.axis_iter(Axis(0)).zip(pixels.axis_iter_mut(Axis(0))) {
                    channel.assign(&fit(plane));
                }
            }
        }
        pixels
    }

    /// How an edge of `length` pixels becomes S samples, beside an edge of `other` pixels.
    fn line(&self, length: usize, other: usize) -> Line {
        match self.kind {
            GeometryKind::Stretch => Line::whole(length, self.size),
            GeometryKind::PadSquare => {
                let side = length.max(other);
                Line { before: (side - length) / 2, padded: side, output: self.size, window: 0..self.size }
            }
            GeometryKind::CropSquare => {
                let output = self.size * length / length.min(other);
                let start = (output - self.size) / 2;
                Line { before: 0, padded: length, output, window: start..start + self.size }
            }
        }
    }

    /// The map of the patch grid's scores \[g, g\], at the original size \[height, width\]; 0 where the model saw nothing.
    pub(crate) fn to_original(&self, scores: ArrayView2<'_, f32>) -> Array2<f32> {
        upsample(scores, &self.span(self.height, self.width), &self.span(self.width, self.height))
    }

    /// What can be said of [`Geometry::to_original`] without computing it.
    pub(crate) fn outline<'a>(&self, scores: ArrayView2<'a, f32>) -> Outline<'a> {
        Outline::new(scores, self.span(self.height, self.width), self.span(self.width, self.height))
    }

    /// Where the grid lies on an edge of `length` pixels, beside an edge of `other` pixels.
    fn span(&self, length: usize, other: usize) -> Span {
        match self.kind {
            GeometryKind::Stretch => Span::whole(length),
            GeometryKind::PadSquare => {
                let side = length.max(other);
                let before = (side - length) / 2;
                Span { target: side, window: before..before + length, start: 0, length }
            }
            GeometryKind::CropSquare => {
                let side = length.min(other);
                Span { target: side, window: 0..side, start: (length - side) / 2, length }
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
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
            let geometry = Geometry::new(kind, size, width, height).unwrap();
            let shown = format!("{kind:?} {width} x {height} to {size}, {channels} channels");
            let pixels: Vec<u8> = geometry.to_model(&radiograph, Resample::Bicubic).into_iter().collect();
            assert_eq!(crate::manifest::sha256_bytes(&pixels).as_str(), case.pixels, "{shown}");
            let Some(expected) = case.map else { continue };
            let scores = Array2::from_shape_vec((case.grid, case.grid), case.scores).unwrap();
            let map = geometry.to_original(scores.view());
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
            let geometry = Geometry::new(kind, 518, 16_384, 1).unwrap();
            assert_eq!(geometry.to_model(&radiograph, Resample::Bicubic).dim(), (3, 518, 518));
        }
    }

    #[test]
    fn sizes_that_nothing_has_are_refused() {
        for kind in [GeometryKind::Stretch, GeometryKind::PadSquare, GeometryKind::CropSquare] {
            for (size, width, height) in [(518, 0, 9), (518, 9, 0), (0, 9, 9), (usize::MAX, 9, 9), (518, 16_385, 9)] {
                let error = Geometry::new(kind, size, width, height).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Argument);
                let expected =
                    format!("1 to 16384 pixels expected, an image of {width} x {height} and a square of {size} found");
                assert!(error.to_string().contains(&expected), "{error}");
            }
        }
    }

    #[test]
    fn a_radiograph_of_another_size_is_fitted_by_its_own() {
        let radiograph = Radiograph::from_gray(Array2::from_shape_fn((5, 9), |(y, x)| (y * 40 + x) as u8)).unwrap();
        for kind in [GeometryKind::Stretch, GeometryKind::PadSquare, GeometryKind::CropSquare] {
            let [own, other] =
                [(9, 5), (200, 1)].map(|(width, height)| Geometry::new(kind, 14, width, height).unwrap());
            let pixels = |geometry: Geometry| geometry.to_model(&radiograph, Resample::Bicubic);
            assert_eq!(pixels(other), pixels(own));
        }
    }
}
