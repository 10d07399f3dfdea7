//! Bilinear interpolation along one axis: the two grid samples around each pixel, and their weights.

use std::ops::Range;

use ndarray::{Array2, ArrayViewMut2, Axis};

/// Linear interpolation. All code in this folder computes it here, so that the order of operations is the same everywhere.
#[inline]
pub(super) fn lerp(low: f32, high: f32, weight: f32) -> f32 {
    low * (1.0 - weight) + high * weight
}

/// Two rows of scores, before the sigmoid, and a row between them.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowPair<'a> {
    pub(super) low: &'a [f32],
    pub(super) high: &'a [f32],
    /// Weight of `high`.
    pub(super) weight: f32,
    /// Whether [`are_bounded`](super::sigmoid::are_bounded) holds for the scores.
    pub(super) bounded: bool,
}

/// Where the patch grid lies along one axis of the map.
///
/// The grid is interpolated to `target` samples. Those in `window` are the map's pixels from `start` on; the model did not see
/// the map's other pixels.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    pub(crate) target: usize,
    pub(crate) window: Range<usize>,
    pub(crate) start: usize,
    /// Pixels of the map along the axis.
    pub(crate) length: usize,
}

impl Span {
    /// The grid covers the whole axis.
    pub(crate) fn whole(length: usize) -> Self {
        Self { target: length, window: 0..length, start: 0, length }
    }

    /// The pixels that the model saw.
    pub(super) fn seen(&self) -> Range<usize> {
        self.start..self.start + self.window.len()
    }
}

/// The part of `values` that the model saw.
pub(super) fn seen_part<'a, T>(values: &'a mut Array2<T>, rows: &Span, columns: &Span) -> ArrayViewMut2<'a, T> {
    values.slice_each_axis_mut(|axis| if axis.axis == Axis(0) { rows.seen().into() } else { columns.seen().into() })
}

/// Neighbouring pixels between the same two grid samples.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Interval {
    pub(super) low: usize,
    pub(super) high: usize,
    pub(super) pixels: Range<usize>,
}

impl Interval {
    /// Splits the pixels into bands of at most `max` pixels.
    pub(super) fn bands(&self, max: usize) -> impl Iterator<Item = Range<usize>> {
        let end = self.pixels.end;
        self.pixels.clone().step_by(max).map(move |start| start..end.min(start + max))
    }
}

/// The interpolation along one axis.
#[derive(Debug)]
pub(super) struct Interpolation {
    /// Samples of the grid.
    pub(super) source: usize,
    pub(super) span: Span,
    pub(super) intervals: Vec<Interval>,
    /// For each pixel that the model saw: the weight of the later grid sample.
    pub(super) weights: Vec<f32>,
}

impl Interpolation {
    /// Half-pixel centres, clamped at the borders, no antialiasing: PyTorch's `interpolate(mode="bilinear",
    /// align_corners=False)`, in its 32-bit arithmetic.
    pub(super) fn new(source: usize, span: Span) -> Self {
        let scale = source as f32 / span.target as f32;
        let positions = span.window.clone().map(|index| ((index as f32 + 0.5) * scale - 0.5).max(0.0)).collect();
        Self::from_positions(source, span, positions)
    }

    /// As [`Interpolation::new`], for a picture with `size` pixels along the axis.
    pub(super) fn resized(source: usize, span: &Span, size: usize) -> Self {
        if size == span.length {
            return Self::new(source, span.clone());
        }
        let scale = source as f64 / span.target as f64;
        // The centre of a pixel of the picture, in pixels of the map.
        let centre = |index: usize| (index as f64 + 0.5) * span.length as f64 / size as f64;
        let seen = span.start as f64..(span.start + span.window.len()) as f64;
        let start = (0..size).take_while(|&index| centre(index) < seen.start).count();
        let positions: Vec<f32> = (start..size)
            .map(centre)
            .take_while(|&centre| centre < seen.end)
            .map(|centre| ((centre - seen.start + span.window.start as f64) * scale - 0.5).max(0.0) as f32)
            .collect();
        let span = Span { target: size, window: 0..positions.len(), start, length: size };
        Self::from_positions(source, span, positions)
    }

    /// From the ascending positions, in grid samples, of the pixels that the model saw.
    fn from_positions(source: usize, span: Span, mut weights: Vec<f32>) -> Self {
        let mut intervals: Vec<Interval> = Vec::new();
        let mut rest = weights.as_mut_slice();
        let mut start = span.start;
        while let Some(&first) = rest.first() {
            let (low, high) = neighbours(source, first);
            let (inside, after) =
                rest.split_at_mut(rest.partition_point(|&position| neighbours(source, position) <= (low, high)));
            inside.iter_mut().for_each(|position| *position = (*position - low as f32).clamp(0.0, 1.0));
            intervals.push(Interval { low, high, pixels: start..start + inside.len() });
            (start, rest) = (start + inside.len(), after);
        }
        Self { source, span, intervals, weights }
    }

    /// The weight of a pixel that the model saw.
    pub(super) fn weight(&self, pixel: usize) -> f32 {
        self.weights[pixel - self.span.start]
    }

    /// The weights of pixels that the model saw.
    pub(super) fn weights(&self, pixels: &Range<usize>) -> &[f32] {
        &self.weights[pixels.start - self.span.start..pixels.end - self.span.start]
    }

    /// For each pixel that the model saw: the index of its interval.
    pub(super) fn interval_indices(&self) -> Vec<usize> {
        let indices = |(index, interval): (usize, &Interval)| interval.pixels.clone().map(move |_| index);
        self.intervals.iter().enumerate().flat_map(indices).collect()
    }

    pub(super) fn is_fully_seen(&self) -> bool {
        self.weights.len() == self.span.length
    }
}

/// The grid samples around a position; the same one twice before the first and after the last.
fn neighbours(source: usize, position: f32) -> (usize, usize) {
    let low = (position as usize).min(source - 1);
    (low, if position > 0.0 { (low + 1).min(source - 1) } else { low })
}

/// The plain definition, for tests: a pixel is `(1 - weight) * low + weight * high`.
#[cfg(test)]
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Between {
    pub(super) low: usize,
    pub(super) high: usize,
    pub(super) weight: f32,
}

/// For each pixel that the model saw.
#[cfg(test)]
pub(super) fn positions(source: usize, span: &Span) -> Vec<Between> {
    let scale = source as f32 / span.target as f32;
    span.window
        .clone()
        .map(|index| {
            let position = ((index as f32 + 0.5) * scale - 0.5).max(0.0);
            let low = (position as usize).min(source - 1);
            Between { low, high: (low + 1).min(source - 1), weight: (position - low as f32).clamp(0.0, 1.0) }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_cover_the_seen_pixels_in_order() {
        let part = Span { target: 300, window: 40..170, start: 7, length: 200 };
        let spans =
            [(37, 2500), (37, 20), (1, 7), (5, 5), (16, 1)].map(|(source, length)| (source, Span::whole(length)));
        for (source, span) in spans.into_iter().chain([(16, part)]) {
            let positions = positions(source, &span);
            let axis = Interpolation::new(source, span);
            let mut next = axis.span.seen().start;
            for (index, interval) in axis.intervals.iter().enumerate() {
                assert_eq!(interval.pixels.start, next);
                next = interval.pixels.end;
                for pixel in interval.pixels.clone() {
                    let between = positions[pixel - axis.span.start];
                    assert_eq!(between.low, interval.low);
                    assert!(between.high == interval.high || between.weight == 0.0);
                    assert_eq!(axis.weight(pixel), between.weight);
                    assert_eq!(axis.interval_indices()[pixel - axis.span.start], index);
                }
            }
            assert_eq!(next, axis.span.seen().end);
            for interval in &axis.intervals {
                assert!(interval.bands(20).all(|band| band.len() <= 20));
                assert!(interval.bands(20).flatten().eq(interval.pixels.clone()));
            }
        }
    }
}
