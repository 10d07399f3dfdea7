//! How a radiograph is fitted to the model's square, axis by axis.

use std::ops::Range;

use crate::manifest::GeometryKind;
use crate::reading::MAX_SIDE;
use crate::{Error, ErrorKind, Result};

/// How one axis of a radiograph is fitted to the model's square: it is padded with black to `padded` samples, `before` of them in
/// front, and resampled to `output` samples, of which the range `window` is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fit {
    /// Black samples in front.
    pub before: usize,
    /// Samples after padding.
    pub padded: usize,
    /// Samples after resampling.
    pub output: usize,
    /// Which of the resampled samples are kept.
    pub window: Range<usize>,
}

impl Fit {
    /// Resamples all of `length` samples to `output`, without padding or cropping.
    #[must_use]
    pub fn whole(length: usize, output: usize) -> Self {
        Self { before: 0, padded: length, output, window: 0..output }
    }

    /// Fits an axis of `length` pixels to `size` pixels, where the other axis has `other` pixels.
    fn of(kind: GeometryKind, size: usize, length: usize, other: usize) -> Self {
        match kind {
            GeometryKind::Stretch => Self::whole(length, size),
            GeometryKind::PadSquare => {
                let side = length.max(other);
                Self { before: (side - length) / 2, padded: side, output: size, window: 0..size }
            }
            GeometryKind::CropSquare => {
                let output = size * length / length.min(other);
                let start = (output - size) / 2;
                Self { before: 0, padded: length, output, window: start..start + size }
            }
        }
    }
}

/// Fits a radiograph of `width` x `height` pixels to a square of `size` pixels. The first [`Fit`] is that of the rows (vertical),
/// the second that of the columns (horizontal).
///
/// # Errors
/// [`ErrorKind::Argument`] if `size`, `width` or `height` is 0 or above [`MAX_SIDE`].
pub fn fit(kind: GeometryKind, size: usize, width: usize, height: usize) -> Result<[Fit; 2]> {
    if [size, width, height].iter().all(|side| (1..=MAX_SIDE).contains(side)) {
        return Ok([Fit::of(kind, size, height, width), Fit::of(kind, size, width, height)]);
    }
    Err(Error::new(
        ErrorKind::Argument,
        format!(
            "sides of 1 to {MAX_SIDE} pixels expected, an image of {width} x {height} and a square of {size} found"
        ),
    ))
}
