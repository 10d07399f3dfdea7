//! What is asked of a map most often, without the map: its peak, least value, mask and area.
//!
//! Between four neighbouring patches the upsampled score stays between the least and the greatest of the four. Where these
//! bounds already decide, no pixel is computed; where they do not, pixels are computed exactly as for the map. So the
//! results are equal to the map's, bit for bit.

use std::ops::Range;

use ndarray::{Array2, ArrayView2, Zip};

use super::axis::{Between, Run, Span, positions, runs};
use super::{Peak, sigmoid};

/// Relative error that rounding can add to an upsampled score: eight operations of half a unit each, doubled.
const SCORE_MARGIN: f32 = 8.0 * f32::EPSILON;

/// Relative error within which the computed sigmoid of a greater score may come out smaller.
const SIGMOID_MARGIN: f32 = 8.0 * f32::EPSILON;

/// The patch grid's scores, seen at the original size.
pub(crate) struct Outline<'a> {
    scores: ArrayView2<'a, f32>,
    rows: Edge,
    columns: Edge,
}

/// One edge of the map.
struct Edge {
    span: Span,
    positions: Vec<Between>,
    runs: Vec<Run>,
}

impl Edge {
    fn new(source: usize, span: Span) -> Self {
        let positions = positions(source, &span);
        let runs = runs(&positions, &span);
        Self { span, positions, runs }
    }

    /// Where a pixel lies that the model saw.
    fn between(&self, pixel: usize) -> Between {
        self.positions[pixel - self.span.start]
    }

    fn seen_whole(&self) -> bool {
        self.positions.len() == self.span.length
    }
}

/// The pixels between four neighbouring patches.
struct Cell {
    rows: Range<usize>,
    columns: Range<usize>,
    /// No value of the map is below this,
    least: f32,
    /// nor above this.
    greatest: f32,
}

/// What the bounds of a cell say of a threshold.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Above,
    NotAbove,
    Mixed,
}

impl Cell {
    fn side(&self, threshold: f32) -> Side {
        if self.least > threshold {
            Side::Above
        } else if self.greatest <= threshold {
            Side::NotAbove
        } else {
            Side::Mixed
        }
    }
}

impl<'a> Outline<'a> {
    /// `scores` must not be empty.
    pub(crate) fn new(scores: ArrayView2<'a, f32>, rows: Span, columns: Span) -> Self {
        Self { scores, rows: Edge::new(scores.nrows(), rows), columns: Edge::new(scores.ncols(), columns) }
    }

    /// The value of the map at a pixel that the model saw.
    fn value(&self, y: usize, x: usize) -> f32 {
        let (row, column) = (self.rows.between(y), self.columns.between(x));
        let along = |row: usize| column.blend(self.scores[[row, column.low]], self.scores[[row, column.high]]);
        sigmoid(row.blend(along(row.low), along(row.high)))
    }

    fn cell(&self, rows: &Run, columns: &Run) -> Cell {
        let corners =
            [(rows.low, columns.low), (rows.low, columns.high), (rows.high, columns.low), (rows.high, columns.high)]
                .map(|corner| self.scores[corner]);
        let (least, greatest) =
            corners.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(least, greatest), &corner| {
                (least.min(corner), greatest.max(corner))
            });
        let margin = least.abs().max(greatest.abs()) * SCORE_MARGIN;
        Cell {
            rows: rows.pixels.clone(),
            columns: columns.pixels.clone(),
            least: sigmoid(least - margin) * (1.0 - SIGMOID_MARGIN),
            greatest: sigmoid(greatest + margin) * (1.0 + SIGMOID_MARGIN),
        }
    }

    fn cells(&self) -> impl Iterator<Item = Cell> + '_ {
        self.rows.runs.iter().flat_map(|rows| self.columns.runs.iter().map(|columns| self.cell(rows, columns)))
    }

    /// [`SimilarityMap::peak`](super::SimilarityMap::peak) of the map.
    pub(crate) fn peak(&self) -> Peak {
        let mut cells: Vec<Cell> = self.cells().collect();
        cells.sort_by(|one, two| two.greatest.total_cmp(&one.greatest));
        let mut peak = Peak { x: 0, y: 0, value: f32::NEG_INFINITY };
        for cell in &cells {
            if cell.greatest < peak.value {
                break;
            }
            for y in cell.rows.clone() {
                for x in cell.columns.clone() {
                    let value = self.value(y, x);
                    if value > peak.value || (value == peak.value && (y, x) < (peak.y, peak.x)) {
                        peak = Peak { x, y, value };
                    }
                }
            }
        }
        peak
    }

    /// [`SimilarityMap::min`](super::SimilarityMap::min) of the map.
    pub(crate) fn min(&self) -> f32 {
        if !(self.rows.seen_whole() && self.columns.seen_whole()) {
            return 0.0;
        }
        let mut cells: Vec<Cell> = self.cells().collect();
        cells.sort_by(|one, two| one.least.total_cmp(&two.least));
        let mut min = f32::INFINITY;
        for cell in &cells {
            if cell.least > min {
                break;
            }
            for y in cell.rows.clone() {
                min = cell.columns.clone().map(|x| self.value(y, x)).fold(min, f32::min);
            }
        }
        min
    }

    /// Number of pixels above `threshold`.
    pub(crate) fn area(&self, threshold: f32) -> usize {
        self.cells()
            .map(|cell| match cell.side(threshold) {
                Side::Above => cell.rows.len() * cell.columns.len(),
                Side::NotAbove => 0,
                Side::Mixed => {
                    let above = |y: usize| cell.columns.clone().filter(|&x| self.value(y, x) > threshold).count();
                    cell.rows.clone().map(above).sum()
                }
            })
            .sum()
    }

    /// Where the map is above `threshold`, \[height, width\].
    pub(crate) fn mask(&self, threshold: f32) -> Array2<bool> {
        let mut mask = Array2::from_elem((self.rows.span.length, self.columns.span.length), false);
        let (rows, columns) = (&self.rows, &self.columns);
        let sides: Vec<Vec<Side>> = rows
            .runs
            .iter()
            .map(|row| columns.runs.iter().map(|column| self.cell(row, column).side(threshold)).collect())
            .collect();
        // The run that each row is in.
        let index: Vec<usize> =
            rows.runs.iter().enumerate().flat_map(|(index, run)| run.pixels.clone().map(move |_| index)).collect();
        let first = rows.span.start;
        let mut seen = mask.slice_mut(ndarray::s![rows.span.seen(), ..]);
        Zip::indexed(seen.rows_mut()).and(&index[..]).par_for_each(|y, mut row, &run| {
            for (side, columns) in sides[run].iter().zip(&columns.runs) {
                match side {
                    Side::NotAbove => {}
                    Side::Above => row.slice_mut(ndarray::s![columns.pixels.clone()]).fill(true),
                    Side::Mixed => columns.pixels.clone().for_each(|x| row[x] = self.value(first + y, x) > threshold),
                }
            }
        });
        mask
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::SimilarityMap;
    use crate::map::upsample::upsample;

    /// Grids of scores that are smooth, noisy, flat, saturated, full of ties, or of one patch.
    fn grids() -> Vec<Array2<f32>> {
        let noise = |y: usize, x: usize| ((y * 131 + x * 7919 + y * x * 17) % 1009) as f32 / 1009.0;
        let wave = |y: usize, x: usize| (y as f32 * 0.31).sin() * (x as f32 * 0.23).cos();
        vec![
            Array2::from_shape_fn((37, 37), |(y, x)| 6.0 * wave(y, x)),
            Array2::from_shape_fn((37, 37), |(y, x)| 28.0 * noise(y, x) - 14.0),
            Array2::from_shape_fn((16, 16), |(y, x)| (noise(y, x) * 4.0).floor() - 2.0),
            Array2::from_shape_fn((16, 16), |(y, x)| 200.0 * wave(y, x)),
            Array2::from_elem((9, 9), 0.37),
            Array2::from_elem((9, 9), -200.0),
            Array2::from_elem((1, 1), -3.0),
        ]
    }

    fn spans() -> Vec<(Span, Span)> {
        let whole = [(311, 203), (37, 37), (11, 64), (1, 1)];
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
                let between = f32::midpoint(map.min(), map.max());
                for threshold in [0.0, 0.3, 0.5, 0.9, 1.0, map.min(), map.max(), between, sigmoid(-2.0), sigmoid(0.37)]
                {
                    let mask = map.mask(threshold).unwrap_or_default();
                    assert_eq!(outline.mask(threshold), mask, "{threshold}");
                    assert_eq!(outline.area(threshold), mask.iter().filter(|&&above| above).count(), "{threshold}");
                }
            }
        }
    }
}
