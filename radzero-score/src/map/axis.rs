//! One axis of the upsampling: which source samples a target sample lies between.

use std::ops::Range;

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

impl Run {
    /// In pieces of at most `most` pixels.
    pub(super) fn pieces(&self, most: usize) -> impl Iterator<Item = Range<usize>> {
        let end = self.pixels.end;
        self.pixels.clone().step_by(most).map(move |start| start..end.min(start + most))
    }
}

/// A span of an edge, with where each of its pixels lies in the grid.
#[derive(Debug)]
pub(super) struct Edge {
    /// Samples of the grid.
    pub(super) source: usize,
    pub(super) span: Span,
    pub(super) runs: Vec<Run>,
    /// Of each pixel that the model saw: the weight of the later source sample.
    pub(super) weights: Vec<f32>,
}

impl Edge {
    /// Half-pixel centres, clamped at the edges, no antialiasing: PyTorch's `interpolate(mode="bilinear",
    /// align_corners=False)`, in its 32-bit arithmetic.
    pub(super) fn new(source: usize, span: Span) -> Self {
        let scale = source as f32 / span.target as f32;
        let positions = span.window.clone().map(|index| ((index as f32 + 0.5) * scale - 0.5).max(0.0)).collect();
        Self::of_positions(source, span, positions)
    }

    /// As [`Edge::new`], for a picture of `size` pixels along the edge.
    pub(super) fn at(source: usize, span: &Span, size: usize) -> Self {
        if size == span.length {
            return Self::new(source, span.clone());
        }
        let scale = source as f64 / span.target as f64;
        // The centre of each pixel, in pixels of the edge.
        let centre = |index: usize| (index as f64 + 0.5) * span.length as f64 / size as f64;
        let seen = span.start as f64..(span.start + span.window.len()) as f64;
        let start = (0..size).take_while(|&index| centre(index) < seen.start).count();
        let positions: Vec<f32> = (start..size)
            .map(centre)
            .take_while(|&centre| centre < seen.end)
            .map(|centre| ((centre - seen.start + span.window.start as f64) * scale - 0.5).max(0.0) as f32)
            .collect();
        let span = Span { target: size, window: 0..positions.len(), start, length: size };
        Self::of_positions(source, span, positions)
    }

    /// The edge whose seen pixels lie at these positions in the grid, in order.
    fn of_positions(source: usize, span: Span, mut weights: Vec<f32>) -> Self {
        let mut runs: Vec<Run> = Vec::new();
        let mut rest = weights.as_mut_slice();
        let mut start = span.start;
        while let Some(&first) = rest.first() {
            let (low, high) = samples(source, first);
            let (run, after) =
                rest.split_at_mut(rest.partition_point(|&position| samples(source, position) <= (low, high)));
            run.iter_mut().for_each(|position| *position = (*position - low as f32).clamp(0.0, 1.0));
            runs.push(Run { low, high, pixels: start..start + run.len() });
            (start, rest) = (start + run.len(), after);
        }
        Self { source, span, runs, weights }
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

/// The source samples that a position lies between: one where it is before the first, or after the last.
fn samples(source: usize, position: f32) -> (usize, usize) {
    let low = (position as usize).min(source - 1);
    (low, if position > 0.0 { (low + 1).min(source - 1) } else { low })
}

/// The plain definition: a target sample between two source samples: `(1 - weight) * low + weight * high`.
#[cfg(test)]
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Between {
    pub(super) low: usize,
    pub(super) high: usize,
    pub(super) weight: f32,
}

/// Of each pixel that the model saw.
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
                    assert_eq!(between.low, run.low);
                    assert!(between.high == run.high || between.weight == 0.0);
                    assert_eq!(edge.weight(pixel), between.weight);
                    assert_eq!(edge.run_indices()[pixel - edge.span.start], index);
                }
            }
            assert_eq!(next, edge.span.seen().end);
            for run in &edge.runs {
                assert!(run.pieces(20).all(|piece| piece.len() <= 20));
                assert!(run.pieces(20).flatten().eq(run.pixels.clone()));
            }
        }
    }
}
