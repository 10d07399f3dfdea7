//! What is asked of a map most often, without the map: its peak, least value, mask and area.
//!
//! Between four neighbouring patches the upsampled score stays between the least and the greatest of the four. Where these
//! bounds already decide, nothing is computed for peak and least value. Mask and area follow from where each column
//! [crosses](super::crossing) the threshold. Pixels of which neither tells are computed exactly as for the map. So the results
//! are equal to the map's, bit for bit.

use std::ops::Range;

use ndarray::{Array2, ArrayView2, Axis, s};

use super::axis::{Edge, Run, Span};
use super::crossing::{Crossings, Limits, ROWS};
use super::extremes::{greatest, least};
use super::sigmoid::blended_row;
use super::threshold::{SIGMOID_MARGIN, Threshold};
use super::wide::{Piece, Wide, stretch};
use super::{Peak, sigmoid};
use crate::pool;

/// Relative error that rounding can add to an upsampled score: eight operations of half a unit each, doubled.
const SCORE_MARGIN: f32 = 8.0 * f32::EPSILON;

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

    /// Number of pixels above `threshold`.
    pub(crate) fn area(&self, threshold: f32) -> usize {
        let (threshold, wide) = (Threshold::new(threshold), self.wide());
        let limits = self.limits(&threshold);
        let runs = self.rows.runs.iter().filter(|run| self.reach(run, limits));
        let bands: Vec<_> = runs.flat_map(|run| run.pieces(ROWS)).collect();
        let of_band = |rows: &Range<usize>| {
            let crossings = self.crossings(&wide, rows, limits);
            let mut area = crossings.area();
            self.each_open(&crossings, &wide, rows, &threshold, |_, above| area += usize::from(above));
            area
        };
        let areas = pool::map(bands.chunks(self.bands_at_once()), |bands| bands.iter().map(of_band).sum::<usize>());
        areas.into_iter().sum()
    }

    /// Where the map is above `threshold`, \[height, width\].
    pub(crate) fn mask(&self, threshold: f32) -> Array2<bool> {
        let (threshold, wide) = (Threshold::new(threshold), self.wide());
        let limits = self.limits(&threshold);
        let mut mask = Array2::from_elem((self.rows.span.length, self.columns.span.length), false);
        let mut rest = mask.slice_mut(s![self.rows.span.seen(), self.columns.span.seen()]);
        let mut bands = Vec::new();
        for run in &self.rows.runs {
            for rows in run.pieces(ROWS) {
                let (band, after) = rest.split_at(Axis(0), rows.len());
                rest = after;
                if self.reach(run, limits) {
                    bands.push((rows, band));
                }
            }
        }
        pool::each(bands.chunks_mut(self.bands_at_once()), |bands| {
            for (rows, band) in bands {
                let crossings = self.crossings(&wide, rows, limits);
                crossings.fill(band.view_mut());
                self.each_open(&crossings, &wide, rows, &threshold, |pixel, above| band[pixel] = above);
            }
        });
        mask
    }

    /// How many bands a thread takes at once. What a band costs are its columns, each about as much as a dozen pixels of a map.
    fn bands_at_once(&self) -> usize {
        pool::rows(12 * self.columns.weights.len())
    }

    fn limits(&self, threshold: &Threshold) -> Limits {
        Limits::new(threshold, self.scores.iter().fold(0.0, |greatest, score| score.abs().max(greatest)))
    }

    /// Whether pixels of these rows may be above a threshold. Most findings are not there, so most maps have none.
    fn reach(&self, rows: &Run, limits: Limits) -> bool {
        [rows.low, rows.high].into_iter().any(|row| self.scores.row(row).iter().any(|&score| score > limits.low))
    }

    fn crossings(&self, wide: &Wide<'_>, rows: &Range<usize>, limits: Limits) -> Crossings {
        Crossings::new(wide.piece(rows.start, &self.columns.span.seen()), &self.rows, rows, limits)
    }

    /// Calls `each` with the pixels that the crossings leave open, by index in the band, and whether they are above.
    fn each_open(
        &self,
        crossings: &Crossings,
        wide: &Wide<'_>,
        rows: &Range<usize>,
        threshold: &Threshold,
        mut each: impl FnMut((usize, usize), bool),
    ) {
        let start = self.columns.span.start;
        crossings.each_open(|columns, open| {
            for y in open {
                let piece = wide.piece(rows.start + y, &(start + columns.start..start + columns.end));
                threshold.exact(piece, |x, above| each((y, columns.start + x), above));
            }
        });
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

    /// Grids of scores that are smooth, noisy, noise around a value, flat, saturated, full of ties, next to nothing, too great
    /// to subtract, or of one patch.
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
            Array2::from_shape_fn((16, 16), |(y, x)| [0.0, -0.0, 1e-36, -1e-33][(y * 3 + x * x) % 4]),
            Array2::from_shape_fn((16, 16), |(y, x)| 0.37 + f32::EPSILON * (noise(y, x) * 3.0).floor()),
            Array2::from_shape_fn((9, 9), |(y, x)| 1e31 * wave(y, 9 * x)),
            Array2::from_elem((9, 9), 0.37),
            Array2::from_elem((9, 9), -200.0),
            Array2::from_elem((1, 1), -3.0),
        ]
    }

    fn spans() -> Vec<(Span, Span)> {
        let whole = [(311, 203), (45, 3001), (2999, 7), (37, 37), (11, 64), (1, 1)];
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
