//! One axis of the upsampling: which source samples a target sample lies between.

use std::ops::Range;

/// A target sample between two source samples: `(1 - weight) * low + weight * high`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Between {
    pub(super) low: usize,
    pub(super) high: usize,
    pub(super) weight: f32,
}

impl Between {
    /// The value between two source values, in the one order of operations that every path through this folder uses.
    pub(super) fn blend(self, low: f32, high: f32) -> f32 {
        low * (1.0 - self.weight) + high * self.weight
    }
}

/// One edge of a map: the grid becomes `target` samples, of which those of `window` lie on the map from pixel `start` on.
/// The model did not see the other pixels of the edge.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    pub(crate) target: usize,
    pub(crate) window: Range<usize>,
    pub(crate) start: usize,
    /// Pixels of the edge.
    pub(crate) length: usize,
}

impl Span {
    /// The grid becomes the whole edge.
    pub(crate) fn whole(length: usize) -> Self {
        Self { target: length, window: 0..length, start: 0, length }
    }

    /// The pixels that the model saw.
    pub(super) fn seen(&self) -> Range<usize> {
        self.start..self.start + self.window.len()
    }
}

/// Neighbouring pixels between the same two source samples.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Run {
    pub(super) low: usize,
    pub(super) high: usize,
    pub(super) pixels: Range<usize>,
}

/// Half-pixel centres, clamped at the edges, no antialiasing: PyTorch's `interpolate(mode="bilinear",
/// align_corners=False)`, in its 32-bit arithmetic. One entry a pixel that the model saw.
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

/// The positions on `span`, grouped.
pub(super) fn runs(positions: &[Between], span: &Span) -> Vec<Run> {
    let mut start = span.start;
    positions
        .chunk_by(|one, two| (one.low, one.high) == (two.low, two.high))
        .map(|group| {
            let pixels = start..start + group.len();
            start = pixels.end;
            Run { low: group[0].low, high: group[0].high, pixels }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_cover_what_was_seen_in_order() {
        let part = Span { target: 300, window: 40..170, start: 7, length: 200 };
        let spans =
            [(37, 2500), (37, 20), (1, 7), (5, 5), (16, 1)].map(|(source, length)| (source, Span::whole(length)));
        for (source, span) in spans.into_iter().chain([(16, part)]) {
            let positions = positions(source, &span);
            let mut next = span.seen().start;
            for run in runs(&positions, &span) {
                assert_eq!(run.pixels.start, next);
                next = run.pixels.end;
                for pixel in run.pixels {
                    let between = positions[pixel - span.start];
                    assert_eq!((between.low, between.high), (run.low, run.high));
                }
            }
            assert_eq!(next, span.seen().end);
        }
    }
}
