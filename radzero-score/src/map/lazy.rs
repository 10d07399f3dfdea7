//! Answers about a map that is not computed: its peak, minimum, mask and area.
//!
//! Between four neighbouring patches, an interpolated score lies between the smallest and the largest of the four. Peak and
//! minimum are computed only where these bounds do not decide. Mask and area follow from where each column
//! [crosses](super::crossings) the threshold; pixels that this leaves open are computed exactly as for the map. So all results
//! equal the map's, bit for bit.

use std::ops::Range;

use ndarray::{Array2, ArrayView2, Axis};
use radzero_pool as pool;

use super::crossings::{Crossings, Limits, MAX_BAND_ROWS};
use super::extrema::{maximum, minimum};
use super::horizontal::{HorizontalPass, interpolate_row};
use super::interpolation::{Interpolation, Interval, RowPair, Span, seen_part};
use super::sigmoid::{sigmoid, sigmoid_row};
use super::similarity_map::Peak;
use super::threshold::{SIGMOID_MARGIN, Threshold};

/// Relative error of an interpolated score: eight operations that round by half a unit in the last place, doubled.
const SCORE_MARGIN: f32 = 8.0 * f32::EPSILON;

/// A map that is not computed: the scores of the patch grid and where they lie.
pub(crate) struct LazyMap<'a> {
    scores: ArrayView2<'a, f32>,
    rows: Interpolation,
    columns: Interpolation,
}

/// The pixels between four neighbouring patches.
struct Cell<'a> {
    rows: &'a Interval,
    columns: &'a Interval,
    /// Bounds of its scores.
    min: f32,
    max: f32,
}

impl<'a> LazyMap<'a> {
    /// `scores` must not be empty.
    pub(crate) fn new(scores: ArrayView2<'a, f32>, rows: Span, columns: Span) -> Self {
        Self {
            scores,
            rows: Interpolation::new(scores.nrows(), rows),
            columns: Interpolation::new(scores.ncols(), columns),
        }
    }

    /// Bounds of the scores between four patches.
    fn bounds(&self, rows: &Interval, columns: &Interval) -> (f32, f32) {
        let corners =
            [(rows.low, columns.low), (rows.low, columns.high), (rows.high, columns.low), (rows.high, columns.high)]
                .map(|corner| self.scores[corner]);
        let (min, max) = corners
            .iter()
            .fold((f32::INFINITY, f32::NEG_INFINITY), |(min, max), &corner| (min.min(corner), max.max(corner)));
        let margin = min.abs().max(max.abs()) * SCORE_MARGIN;
        (min - margin, max + margin)
    }

    fn cells(&self) -> impl Iterator<Item = Cell<'_>> {
        self.rows.intervals.iter().flat_map(|rows| {
            self.columns.intervals.iter().map(|columns| {
                let (min, max) = self.bounds(rows, columns);
                Cell { rows, columns, min, max }
            })
        })
    }

    /// [`SimilarityMap::peak`](super::SimilarityMap::peak) of the map.
    pub(crate) fn peak(&self) -> Peak {
        let mut peak = Peak { x: 0, y: 0, value: f32::NEG_INFINITY };
        let cells: Vec<Cell<'_>> = self.cells().collect();
        // The most promising cell first: its peak rules out most of the others.
        let first = cells.iter().max_by(|one, two| one.max.total_cmp(&two.max));
        for cell in first.into_iter().chain(&cells) {
            if sigmoid(cell.max) * (1.0 + SIGMOID_MARGIN) < peak.value {
                continue;
            }
            self.each_row(cell, |y, values| {
                let value = maximum(values);
                if value < peak.value || (value == peak.value && y > peak.y) {
                    return;
                }
                // The first one in the row.
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
        if !(self.rows.is_fully_seen() && self.columns.is_fully_seen()) {
            return 0.0;
        }
        let mut min = f32::INFINITY;
        let cells: Vec<Cell<'_>> = self.cells().collect();
        let first = cells.iter().min_by(|one, two| one.min.total_cmp(&two.min));
        for cell in first.into_iter().chain(&cells) {
            if sigmoid(cell.min) * (1.0 - SIGMOID_MARGIN) <= min {
                self.each_row(cell, |_, values| min = min.min(minimum(values)));
            }
        }
        min
    }

    /// Calls `each` with the index and the map's values of every row of a cell.
    fn each_row(&self, cell: &Cell<'_>, mut each: impl FnMut(usize, &[f32])) {
        let (rows, columns) = (cell.rows, cell.columns);
        let weights = self.columns.weights(&columns.pixels);
        let along = |row: usize| {
            let mut values = vec![0.0; weights.len()];
            interpolate_row(&mut values, weights, self.scores[[row, columns.low]], self.scores[[row, columns.high]]);
            values
        };
        let (low, high) = (along(rows.low), along(rows.high));
        let mut values = vec![0.0; weights.len()];
        for y in rows.pixels.clone() {
            let pair = RowPair { low: &low, high: &high, weight: self.rows.weight(y), bounded: false };
            sigmoid_row(&mut values, pair);
            each(y, &values);
        }
    }

    /// Number of pixels above `threshold`.
    pub(crate) fn area(&self, threshold: f32) -> usize {
        let (threshold, horizontal) = (Threshold::new(threshold), self.horizontal_pass());
        let limits = self.limits(&threshold);
        let intervals = self.rows.intervals.iter().filter(|interval| self.may_exceed(interval, limits));
        let bands: Vec<_> = intervals.flat_map(|interval| interval.bands(MAX_BAND_ROWS)).collect();
        let of_band = |rows: &Range<usize>| {
            let crossings = self.crossings(&horizontal, rows, limits);
            let mut area = crossings.area();
            self.each_open(&crossings, &horizontal, rows, &threshold, |_, above| area += usize::from(above));
            area
        };
        let areas = pool::map(bands.chunks(self.bands_at_once()), |bands| bands.iter().map(of_band).sum::<usize>());
        areas.into_iter().sum()
    }

    /// Where the map is above `threshold`, \[height, width\].
    pub(crate) fn mask(&self, threshold: f32) -> Array2<bool> {
        let (threshold, horizontal) = (Threshold::new(threshold), self.horizontal_pass());
        let limits = self.limits(&threshold);
        let mut mask = Array2::from_elem((self.rows.span.length, self.columns.span.length), false);
        let mut rest = seen_part(&mut mask, &self.rows.span, &self.columns.span);
        let mut bands = Vec::new();
        for interval in &self.rows.intervals {
            for rows in interval.bands(MAX_BAND_ROWS) {
                let (band, after) = rest.split_at(Axis(0), rows.len());
                rest = after;
                if self.may_exceed(interval, limits) {
                    bands.push((rows, band));
                }
            }
        }
        pool::each(bands.chunks_mut(self.bands_at_once()), |bands| {
            for (rows, band) in bands {
                let crossings = self.crossings(&horizontal, rows, limits);
                crossings.fill(band.view_mut());
                self.each_open(&crossings, &horizontal, rows, &threshold, |pixel, above| band[pixel] = above);
            }
        });
        mask
    }

    /// How many bands a thread takes at once. A column of a band costs about as much as twelve pixels of a map.
    fn bands_at_once(&self) -> usize {
        pool::rows(12 * self.columns.weights.len())
    }

    fn limits(&self, threshold: &Threshold) -> Limits {
        Limits::new(threshold, self.scores.iter().fold(0.0, |max, score| score.abs().max(max)))
    }

    /// Whether pixels of these rows may be above the threshold. Most findings are absent, so most maps have no such rows.
    fn may_exceed(&self, rows: &Interval, limits: Limits) -> bool {
        [rows.low, rows.high].into_iter().any(|row| self.scores.row(row).iter().any(|&score| score > limits.low))
    }

    fn crossings(&self, horizontal: &HorizontalPass<'_>, rows: &Range<usize>, limits: Limits) -> Crossings {
        Crossings::new(horizontal.row_pair(rows.start, &self.columns.span.seen()), &self.rows, rows, limits)
    }

    /// Calls `each` with the index in the band of every open pixel, and whether it is above the threshold.
    fn each_open(
        &self,
        crossings: &Crossings,
        horizontal: &HorizontalPass<'_>,
        rows: &Range<usize>,
        threshold: &Threshold,
        mut each: impl FnMut((usize, usize), bool),
    ) {
        let start = self.columns.span.start;
        crossings.each_open(|columns, open| {
            for y in open {
                let pair = horizontal.row_pair(rows.start + y, &(start + columns.start..start + columns.end));
                threshold.exact(pair, |x, above| each((y, columns.start + x), above));
            }
        });
    }

    fn horizontal_pass(&self) -> HorizontalPass<'_> {
        HorizontalPass::new(self.scores, &self.rows, &self.columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::SimilarityMap;
    use crate::map::upsample::upsample;

    /// Grids of scores: smooth, noisy, full of ties, saturated, tiny, nearly flat, too large to subtract, flat, and of one patch.
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
    fn all_results_equal_the_map_s() {
        for scores in grids() {
            for (rows, columns) in spans() {
                let map = SimilarityMap::new(upsample(scores.view(), &rows, &columns));
                let lazy = LazyMap::new(scores.view(), rows, columns);
                assert_eq!(lazy.peak(), map.peak());
                assert_eq!(lazy.min(), map.min());
                let values = map.values();
                let (height, width) = values.dim();
                let found = [(height / 2, width / 2), (height / 3, width / 5)].map(|pixel| values[pixel]);
                let between = f32::midpoint(map.min(), map.max());
                let given = [0.0, 0.3, 0.5, 0.9, 1.0, map.min(), map.max(), between, sigmoid(-2.0), sigmoid(0.37)];
                for threshold in given.into_iter().chain(found) {
                    let mask = map.mask(threshold).unwrap_or_default();
                    assert_eq!(lazy.mask(threshold), mask, "{threshold}");
                    assert_eq!(lazy.area(threshold), mask.iter().filter(|&&above| above).count(), "{threshold}");
                }
            }
        }
    }
}
