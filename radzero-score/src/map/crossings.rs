//! Finds the pixels of a band of the map above a threshold, column by column instead of pixel by pixel.
//!
//! A band lies between the same two rows of the grid, so the scores of a column lie on a straight line, which crosses the
//! threshold at most once. The crossing is computed with a margin for rounding. Rows within the margin stay open: there, the
//! exact value must be computed.

use std::ops::Range;

use ndarray::ArrayViewMut2;

use super::interpolation::{Interpolation, RowPair};
use super::threshold::Threshold;

/// Most rows of a band: row indices and counts are bytes.
pub(super) const MAX_BAND_ROWS: usize = 255;

/// Adding this rounds to an integer and leaves it in the low byte of the sum: 1.5 x 2^23.
const ROUNDING: f32 = 12_582_912.0;

/// The difference of two scores up to this magnitude is finite. Bands with greater scores stay open.
const MAX_SCORE: f32 = 1e30;

/// Columns that are searched for open rows at once.
const BLOCK: usize = 64;

/// A threshold's scores, with a margin for the rounding of interpolated scores.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Where the exact interpolated score is at most this, the map is not above the threshold.
    pub(super) low: f32,
    /// Where it is at least this, the map is above the threshold.
    high: f32,
    /// Smaller differences between two rows of the grid are replaced by this one, so that the quotient stays finite.
    flat: f32,
}

impl Limits {
    /// For scores from `-max_score` to `max_score`.
    pub(super) fn new(threshold: &Threshold, max_score: f32) -> Self {
        // Interpolating rounds by at most three eighths of this (1.5 epsilon), and the sums in `cross` by as much where it
        // matters. The constant covers underflow.
        let flat = max_score * (4.0 * f32::EPSILON) + 1e-34;
        if max_score > MAX_SCORE {
            // Leaves everything open.
            return Self { low: f32::NEG_INFINITY, high: f32::INFINITY, flat };
        }
        // Once for rounding, twice for a line that rises by `flat` instead of falling by it.
        Self { low: threshold.low - 3.0 * flat, high: threshold.high + 3.0 * flat, flat }
    }
}

/// Converts interpolation weights to rows of a band.
#[derive(Debug, Clone, Copy)]
struct BandRows {
    /// Rows of the map from one row of the grid to the next.
    step: f32,
    /// The row at which the weight would be 0, counted from the band's first row.
    start: f32,
    /// How far rounding can shift a crossing, in rows.
    margin: f32,
    rows: u8,
}

impl BandRows {
    fn new(axis: &Interpolation, rows: &Range<usize>) -> Self {
        let target = axis.span.target as f32;
        let step = target / axis.source as f32;
        // A weight is a position that was rounded three times, each time by up to half a unit in the last place of the whole
        // axis; the first row's weight is subtracted from it. `cross` rounds about ten times, numbers of the band's size.
        let margin = f32::EPSILON * (5.0 * target + 16.0 * (step + rows.len() as f32));
        Self { step, start: -axis.weight(rows.start) * step, margin, rows: rows.len() as u8 }
    }
}

/// For each column of a band: its rows above the threshold, and its open rows, both counted from the band's first row.
#[derive(Debug)]
pub(super) struct Crossings {
    first: Vec<u8>,
    count: Vec<u8>,
    /// Start of the open rows, which do not count as above the threshold.
    open: Vec<u8>,
    /// End of the open rows, exclusive.
    closed: Vec<u8>,
}

impl Crossings {
    /// For `rows` of the map: at most [`MAX_BAND_ROWS`], all in one interval of `axis`. `pair` belongs to any of them.
    pub(super) fn new(pair: RowPair<'_>, axis: &Interpolation, rows: &Range<usize>, limits: Limits) -> Self {
        let bytes = || vec![0; pair.low.len()];
        let mut crossings = Self { first: bytes(), count: bytes(), open: bytes(), closed: bytes() };
        cross(&mut crossings, pair, BandRows::new(axis, rows), limits);
        crossings
    }

    /// Number of pixels above the threshold, without the open ones.
    pub(super) fn area(&self) -> usize {
        self.count.iter().map(|&count| usize::from(count)).sum()
    }

    /// Sets `target[[y, x]]` to whether the pixel is above the threshold; false for open ones.
    pub(super) fn fill(&self, target: ArrayViewMut2<'_, bool>) {
        fill(target, &self.first, &self.count);
    }

    /// Calls `each` with the columns and rows of each rectangle of open pixels, by index in the band.
    pub(super) fn each_open(&self, mut each: impl FnMut(Range<usize>, Range<usize>)) {
        for (index, (open, closed)) in self.open.chunks(BLOCK).zip(self.closed.chunks(BLOCK)).enumerate() {
            // Most blocks have none.
            if open == closed {
                continue;
            }
            let mut end = index * BLOCK;
            let rows: Vec<(u8, u8)> = open.iter().copied().zip(closed.iter().copied()).collect();
            for alike in rows.chunk_by(|one, two| one == two) {
                let (start, (open, closed)) = (end, alike[0]);
                end += alike.len();
                if open < closed {
                    each(start..end, open.into()..closed.into());
                }
            }
        }
    }
}

/// Computes the crossings. Comparisons keep the loop free of branches, and leave a column with a NaN open.
///
/// Compiled for several instruction sets, of which one is chosen at run time; all give the same bits.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
fn cross(crossings: &mut Crossings, RowPair { low, high, .. }: RowPair<'_>, band: BandRows, limits: Limits) {
    let Crossings { first, count, open, closed } = crossings;
    // The half turns rounding to nearest into rounding up: to the first row at or after the crossing.
    let (before, after) = (band.start + 0.5 - band.margin, band.start + 0.5 + band.margin);
    let (rows, last) = (f32::from(band.rows), u32::from(band.rows));
    let columns = first.iter_mut().zip(count).zip(open).zip(closed).zip(low).zip(high);
    for (((((first, count), open), closed), &low), &high) in columns {
        let rise = high - low;
        let rise = if rise.abs() < limits.flat { limits.flat } else { rise };
        let falls = rise < 0.0;
        let step = band.step / rise;
        let (from, to) = ((limits.low - low) * step, (limits.high - low) * step);
        let (from, to) = if falls { (to, from) } else { (from, to) };
        let (from, to) = (from + before, to + after);
        let from = if from > 0.0 { from } else { 0.0 };
        let from = if from < rows { from } else { rows };
        let to = if to < rows { to } else { rows };
        let to = if to > 0.0 { to } else { 0.0 };
        let (from, to) = ((from + ROUNDING).to_bits() & 0xff, (to + ROUNDING).to_bits() & 0xff);
        // Rows before `from` are certainly on one side of the threshold, rows from `to` on certainly on the other.
        *first = if falls { 0 } else { to as u8 };
        *count = (if falls { from } else { last - to }) as u8;
        (*open, *closed) = (from as u8, to as u8);
    }
}

/// [`Crossings::fill`].
#[multiversion::multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
fn fill(mut target: ArrayViewMut2<'_, bool>, first: &[u8], count: &[u8]) {
    for (y, mut row) in target.rows_mut().into_iter().enumerate() {
        // Always the case: rows of a mask are contiguous.
        let Some(row) = row.as_slice_mut() else { return };
        for ((above, &first), &count) in row.iter_mut().zip(first).zip(count) {
            // A single comparison: for rows before the first, the difference wraps around.
            *above = (y as u8).wrapping_sub(first) < count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::interpolation::Span;

    const BAND_ROWS: usize = 14;

    type Rectangle = (Range<usize>, Range<usize>);

    /// The rectangles of open pixels and the area of a band of [`BAND_ROWS`] rows between the scores `low` and `high`.
    fn found(low: &[f32], high: &[f32]) -> (Vec<Rectangle>, usize) {
        let axis = Interpolation::new(37, Span::whole(37 * BAND_ROWS));
        let pair = RowPair { low, high, weight: 0.0, bounded: true };
        let limits = Limits::new(&Threshold::new(0.5), 1.0);
        let crossings = Crossings::new(pair, &axis, &axis.intervals[7].pixels, limits);
        let mut open = Vec::new();
        crossings.each_open(|columns, rows| open.push((columns, rows)));
        (open, crossings.area())
    }

    #[test]
    fn few_pixels_are_left_open() {
        let scores = |factor: usize| -> Vec<f32> {
            (0..1000).map(|index| (index * factor % 1000) as f32 * 0.002 - 0.9999).collect()
        };
        let (open, area) = found(&scores(619), &scores(331));
        assert!(open.len() < 5, "{open:?}");
        assert!(open.iter().all(|(columns, rows)| columns.len() * rows.len() == 1), "{open:?}");
        assert!(area.abs_diff(500 * BAND_ROWS) < 20 * BAND_ROWS, "{area}");
    }

    #[test]
    fn a_flat_column_is_open_only_at_the_threshold() {
        let line = [-1.0, -1e-3, -1e-9, 0.0, 0.0, 1e-9, 1e-3, 1.0];
        assert_eq!(found(&line, &line), (vec![(2..6, 0..BAND_ROWS)], 2 * BAND_ROWS));
    }

    #[test]
    fn a_column_with_nan_is_open() {
        for (low, high) in [(f32::NAN, 0.5), (0.5, f32::NAN), (f32::NAN, f32::NAN)] {
            let expected = (vec![(1..2, 0..BAND_ROWS)], 2 * BAND_ROWS);
            assert_eq!(found(&[1.0, low, 1.0], &[1.0, high, 1.0]), expected);
        }
    }
}
