//! What is asked of a map most often, without the map: its peak, least value, mask and area.
//!
//! Between four neighbouring patches the upsampled score stays between the least and the greatest of the four. Where these
//! bounds already decide, no pixel is computed. For a mask or an area the other pixels' scores are compared with those that
//! stand for the threshold, without the sigmoid; where these do not decide either, and for peak and least value, pixels are
//! computed exactly as for the map. So the results are equal to the map's, bit for bit.

use std::ops::Range;

use ndarray::{Array2, ArrayView2, Zip, s};
use rayon::prelude::*;

use super::axis::{Edge, Run, Span};
use super::extremes::{greatest, least};
use super::sigmoid::blended_row;
use super::threshold::{SIGMOID_MARGIN, Side, Threshold};
use super::wide::{Piece, Wide, stretch};
use super::{Peak, sigmoid};

/// Relative error that rounding can add to an upsampled score: eight operations of half a unit each, doubled.
const SCORE_MARGIN: f32 = 8.0 * f32::EPSILON;

/// To compare fewer pixels than this takes no longer than to treat them apart from their neighbours.
const SHORT: usize = 256;

/// The patch grid's scores, seen at the original size.
pub(crate) struct Outline<'a> {
    scores: ArrayView2<'a, f32>,
    rows: Edge,
    columns: Edge,
}

/// The pixels between four neighbouring patches.
struct Cell<'a> {
    rows: &'a Run,
    columns: &'a Run,
    /// No score is below this,
    least: f32,
    /// nor above this.
    greatest: f32,
}

/// Neighbouring pixels of a row of which the same is known.
struct Part {
    side: Side,
    pixels: Range<usize>,
}

impl Part {
    fn mixed(self) -> Self {
        Self { side: Side::Mixed, ..self }
    }
}

/// Neighbours of which the same is known become one.
fn merged(parts: impl Iterator<Item = Part>) -> Vec<Part> {
    let mut merged: Vec<Part> = Vec::new();
    for part in parts {
        match merged.last_mut() {
            Some(last) if last.side == part.side => last.pixels.end = part.pixels.end,
            _ => merged.push(part),
        }
    }
    merged
}

impl<'a> Outline<'a> {
    /// `scores` must not be empty.
    pub(crate) fn new(scores: ArrayView2<'a, f32>, rows: Span, columns: Span) -> Self {
        Self { scores, rows: Edge::new(scores.nrows(), rows), columns: Edge::new(scores.ncols(), columns) }
    }

    /// Bounds of the score between four patches.
    fn bounds(&self, rows: &Run, columns: &Run) -> (f32, f32) {
        let corners =
            [(rows.low, columns.low), (rows.low, columns.high), (rows.high, columns.low), (rows.high, columns.high)]
                .map(|corner| self.scores[corner]);
        let (least, greatest) =
            corners.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(least, greatest), &corner| {
                (least.min(corner), greatest.max(corner))
            });
        let margin = least.abs().max(greatest.abs()) * SCORE_MARGIN;
        (least - margin, greatest + margin)
    }

    fn cells(&self) -> impl Iterator<Item = Cell<'_>> {
        self.rows.runs.iter().flat_map(|rows| {
            self.columns.runs.iter().map(|columns| {
                let (least, greatest) = self.bounds(rows, columns);
                Cell { rows, columns, least, greatest }
            })
        })
    }

    /// [`SimilarityMap::peak`](super::SimilarityMap::peak) of the map.
    pub(crate) fn peak(&self) -> Peak {
        let mut peak = Peak { x: 0, y: 0, value: f32::NEG_INFINITY };
        let cells: Vec<Cell<'_>> = self.cells().collect();
        // The most promising first: it spares most of the others.
        let first = cells.iter().max_by(|one, two| one.greatest.total_cmp(&two.greatest));
        for cell in first.into_iter().chain(&cells) {
            if sigmoid(cell.greatest) * (1.0 + SIGMOID_MARGIN) < peak.value {
                continue;
            }
            self.each_row(cell, |y, values| {
                let value = greatest(values);
                if value < peak.value || (value == peak.value && y > peak.y) {
                    return;
                }
                // The first in the row.
                if let Some(x) = values.iter().position(|&other| other == value) {
                    let x = cell.columns.pixels.start + x;
                    if value > peak.value || (y, x) < (peak.y, peak.x) {
                        peak = Peak { x, y, value };
                    }
                }
            });
        }
        peak
    }

    /// [`SimilarityMap::min`](super::SimilarityMap::min) of the map.
    pub(crate) fn min(&self) -> f32 {
        if !(self.rows.seen_whole() && self.columns.seen_whole()) {
            return 0.0;
        }
        let mut min = f32::INFINITY;
        let cells: Vec<Cell<'_>> = self.cells().collect();
        let first = cells.iter().min_by(|one, two| one.least.total_cmp(&two.least));
        for cell in first.into_iter().chain(&cells) {
            if sigmoid(cell.least) * (1.0 - SIGMOID_MARGIN) <= min {
                self.each_row(cell, |_, values| min = min.min(least(values)));
            }
        }
        min
    }

    /// Calls `each` with every row of a cell: its index and the values of the map.
    fn each_row(&self, cell: &Cell<'_>, mut each: impl FnMut(usize, &[f32])) {
        let (rows, columns) = (cell.rows, cell.columns);
        let weights = self.columns.weights(&columns.pixels);
        let along = |row: usize| {
            let mut values = vec![0.0; weights.len()];
            stretch(&mut values, weights, self.scores[[row, columns.low]], self.scores[[row, columns.high]]);
            values
        };
        let (low, high) = (along(rows.low), along(rows.high));
        let mut values = vec![0.0; weights.len()];
        for y in rows.pixels.clone() {
            blended_row(&mut values, Piece { low: &low, high: &high, weight: self.rows.weight(y), bounded: false });
            each(y, &values);
        }
    }

    /// Of each run of rows: what the bounds say of the threshold.
    fn parts(&self, threshold: &Threshold) -> Vec<Vec<Part>> {
        let part = |rows: &Run, columns: &Run| {
            let (least, greatest) = self.bounds(rows, columns);
            Part { side: threshold.side(least, greatest), pixels: columns.pixels.clone() }
        };
        let parts = |rows: &Run| {
            let parts = merged(self.columns.runs.iter().map(|columns| part(rows, columns)));
            merged(parts.into_iter().map(|part| if part.pixels.len() < SHORT { part.mixed() } else { part }))
        };
        self.rows.runs.iter().map(parts).collect()
    }

    /// Number of pixels above `threshold`.
    pub(crate) fn area(&self, threshold: f32) -> usize {
        let threshold = Threshold::new(threshold);
        let (parts, wide) = (self.parts(&threshold), self.wide());
        let of_row = |y: usize| -> usize {
            let of_part = |part: &Part| match part.side {
                Side::Above => part.pixels.len(),
                Side::NotAbove => 0,
                Side::Mixed => threshold.count(wide.piece(y, &part.pixels)),
            };
            parts[wide.run(y)].iter().map(of_part).sum()
        };
        self.rows.span.seen().into_par_iter().map(of_row).sum()
    }

    /// Where the map is above `threshold`, \[height, width\].
    pub(crate) fn mask(&self, threshold: f32) -> Array2<bool> {
        let threshold = Threshold::new(threshold);
        let (parts, wide) = (self.parts(&threshold), self.wide());
        let first = self.rows.span.start;
        let mut mask = Array2::from_elem((self.rows.span.length, self.columns.span.length), false);
        let mut seen = mask.slice_mut(s![self.rows.span.seen(), ..]);
        Zip::indexed(seen.rows_mut()).par_for_each(|y, mut row| {
            // Rows of an array made here are contiguous.
            let Some(row) = row.as_slice_mut() else { return };
            for part in &parts[wide.run(first + y)] {
                let above = &mut row[part.pixels.clone()];
                match part.side {
                    Side::NotAbove => {}
                    Side::Above => above.fill(true),
                    Side::Mixed => threshold.mask(above, wide.piece(first + y, &part.pixels)),
                }
            }
        });
        mask
    }

    fn wide(&self) -> Wide<'_> {
        Wide::new(self.scores, &self.rows, &self.columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::SimilarityMap;
    use crate::map::upsample::upsample;

    /// Grids of scores that are smooth, noisy, noise around a value, flat, saturated, full of ties, or of one patch.
    fn grids() -> Vec<Array2<f32>> {
        let noise = |y: usize, x: usize| ((y * 131 + x * 7919 + y * x * 17) % 1009) as f32 / 1009.0;
        let wave = |y: usize, x: usize| (y as f32 * 0.31).sin() * (x as f32 * 0.23).cos();
        vec![
            Array2::from_shape_fn((37, 37), |(y, x)| 6.0 * wave(y, x)),
            Array2::from_shape_fn((37, 37), |(y, x)| 28.0 * noise(y, x) - 14.0),
            Array2::from_shape_fn((16, 16), |(y, x)| (noise(y, x) * 4.0).floor() - 2.0),
            Array2::from_shape_fn((16, 16), |(y, x)| 200.0 * wave(y, x)),
            Array2::from_shape_fn((37, 37), |(y, x)| noise(y, x) - 0.5),
            Array2::from_shape_fn((16, 16), |(y, x)| (noise(y, x) - 0.5) * 2e-6),
            Array2::from_shape_fn((16, 16), |(y, x)| (noise(y, x) - 0.5) * 1e-43),
            Array2::from_elem((9, 9), 0.37),
            Array2::from_elem((9, 9), -200.0),
            Array2::from_elem((1, 1), -3.0),
        ]
    }

    fn spans() -> Vec<(Span, Span)> {
        let whole = [(311, 203), (45, 3001), (37, 37), (11, 64), (1, 1)];
        let part = Span { target: 120, window: 11..100, start: 0, length: 89 };
        let among = Span { target: 60, window: 0..60, start: 17, length: 95 };
        let mut spans: Vec<_> =
            whole.into_iter().map(|(height, width)| (Span::whole(height), Span::whole(width))).collect();
        spans.extend([(part.clone(), Span::whole(120)), (Span::whole(60), among.clone()), (among, part)]);
        spans
    }

    #[test]
    fn everything_equals_the_map_s() {
        for scores in grids() {
            for (rows, columns) in spans() {
                let map = SimilarityMap::new(upsample(scores.view(), &rows, &columns));
                let outline = Outline::new(scores.view(), rows, columns);
                assert_eq!(outline.peak(), map.peak());
                assert_eq!(outline.min(), map.min());
                let values = map.values();
                let (height, width) = values.dim();
                let found = [(height / 2, width / 2), (height / 3, width / 5)].map(|pixel| values[pixel]);
                let between = f32::midpoint(map.min(), map.max());
                let given = [0.0, 0.3, 0.5, 0.9, 1.0, map.min(), map.max(), between, sigmoid(-2.0), sigmoid(0.37)];
                for threshold in given.into_iter().chain(found) {
                    let mask = map.mask(threshold).unwrap_or_default();
                    assert_eq!(outline.mask(threshold), mask, "{threshold}");
                    assert_eq!(outline.area(threshold), mask.iter().filter(|&&above| above).count(), "{threshold}");
                }
            }
        }
    }
}
