//! One axis of the upsampling: which source samples a target sample lies between.

use std::ops::Range;

/// A target sample between two source samples: `(1 - weight) * low + weight * high`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Between {
    pub(super) low: usize,
    pub(super) high: usize,
    pub(super) weight: f32,
}

/// The value between two source values, in the one order of operations that every path through this folder uses.
#[inline]
pub(super) fn blend(low: f32, high: f32, weight: f32) -> f32 {
    low * (1.0 - weight) + high * weight
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

/// A span of an edge, with where each of its pixels lies in the grid.
#[derive(Debug)]
pub(super) struct Edge {
    pub(super) span: Span,
    pub(super) runs: Vec<Run>,
    /// Of each pixel that the model saw: the weight of the later source sample.
    pub(super) weights: Vec<f32>,
}

impl Edge {
    pub(super) fn new(source: usize, span: Span) -> Self {
        let positions = positions(source, &span);
        let runs = runs(&positions, &span);
        Self { span, runs, weights: positions.into_iter().map(|between| between.weight).collect() }
    }

    /// The weight of a pixel that the model saw.
    pub(super) fn weight(&self, pixel: usize) -> f32 {
        self.weights[pixel - self.span.start]
    }

    /// The weights of pixels that the model saw.
    pub(super) fn weights(&self, pixels: &Range<usize>) -> &[f32] {
        &self.weights[pixels.start - self.span.start..pixels.end - self.span.start]
    }

    /// The index of the run of each pixel that the model saw.
    pub(super) fn run_indices(&self) -> Vec<usize> {
        self.runs.iter().enumerate().flat_map(|(index, run)| run.pixels.clone().map(move |_| index)).collect()
    }

    pub(super) fn seen_whole(&self) -> bool {
        self.weights.len() == self.span.length
    }
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
fn runs(positions: &[Between], span: &Span) -> Vec<Run> {
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
            let edge = Edge::new(source, span);
            let mut next = edge.span.seen().start;
            for (index, run) in edge.runs.iter().enumerate() {
                assert_eq!(run.pixels.start, next);
                next = run.pixels.end;
                for pixel in run.pixels.clone() {
                    let between = positions[pixel - edge.span.start];
                    assert_eq!((between.low, between.high), (run.low, run.high));
                    assert_eq!(edge.weight(pixel), between.weight);
                    assert_eq!(edge.run_indices()[pixel - edge.span.start], index);
                }
            }
            assert_eq!(next, edge.span.seen().end);
        }
    }
}
