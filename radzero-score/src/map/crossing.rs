//! Which pixels of a band of the map lie above a threshold: column by column, not pixel by pixel.
//!
//! A band lies between the same two rows of the grid, so the scores of a column lie on a straight line and pass the threshold
//! once. Where is computed with an allowance for every rounding; rows that come so near to it that this does not tell are left
//! open.

use std::ops::Range;

use ndarray::ArrayViewMut2;

use super::axis::Edge;
use super::threshold::Threshold;
use super::wide::Piece;

/// Most rows of a band: their indices and their number are bytes.
pub(super) const ROWS: usize = 255;

/// Adding it rounds to an integer, which the low byte of the sum then holds: 1.5 x 2^23.
const ROUNDING: f32 = 12_582_912.0;

/// Scores up to here are compared; beyond, a difference of two might not be finite.
const GREATEST: f32 = 1e30;

/// Columns among which open rows are looked for at once.
const BLOCK: usize = 64;

/// The scores that stand for a threshold, with an allowance for the rounding of what is compared with them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Where the unrounded line is up to here, the map is not above the threshold.
    pub(super) low: f32,
    /// Where it is from here on, the map is above the threshold.
    high: f32,
    /// A line that rises by less from one row of the grid to the next is taken to rise by this: the quotient stays finite.
    flat: f32,
}

impl Limits {
    /// For scores from `-greatest` to `greatest`.
    pub(super) fn new(threshold: &Threshold, greatest: f32) -> Self {
        // Blending rounds by three eighths of this at most (three halves of an epsilon), the sums below by as much where that
        // matters. The constant stands for underflow.
        let flat = greatest * (4.0 * f32::EPSILON) + 1e-34;
        if greatest > GREATEST {
            // Leaves everything open.
            return Self { low: f32::NEG_INFINITY, high: f32::INFINITY, flat };
        }
        // Once for rounding, twice for a line that rises by `flat` instead of falling by it.
        Self { low: threshold.low - 3.0 * flat, high: threshold.high + 3.0 * flat, flat }
    }
}

/// From weights to rows of a band.
#[derive(Debug, Clone, Copy)]
struct Line {
    /// Rows from one row of the grid to the next.
    step: f32,
    /// Where in the band the weight would be 0, in rows.
    start: f32,
    /// How far rounding can shift the place where a line passes a score, in rows.
    margin: f32,
    rows: u8,
}

impl Line {
    fn new(edge: &Edge, rows: &Range<usize>) -> Self {
        let target = edge.span.target as f32;
        let step = target / edge.source as f32;
        // A weight is a position that was rounded three times, by up to half a unit of the whole edge, and the first row's is
        // subtracted from it; `cross` rounds ten times or so, numbers of the band's size.
        let margin = f32::EPSILON * (5.0 * target + 16.0 * (step + rows.len() as f32));
        Self { step, start: -edge.weight(rows.start) * step, margin, rows: rows.len() as u8 }
    }
}

/// Of each column of a band: its rows above a threshold and those that are open, by index in the band.
#[derive(Debug)]
pub(super) struct Crossings {
    first: Vec<u8>,
    count: Vec<u8>,
    /// The rows from this one on are open,
    open: Vec<u8>,
    /// up to this one. They are not counted as above.
    closed: Vec<u8>,
}

impl Crossings {
    /// Of the rows `rows` of the map, at most [`ROWS`], all in one run of `edge`; `piece` is a piece of one of them.
    pub(super) fn new(piece: Piece<'_>, edge: &Edge, rows: &Range<usize>, limits: Limits) -> Self {
        let bytes = || vec![0; piece.low.len()];
        let mut crossings = Self { first: bytes(), count: bytes(), open: bytes(), closed: bytes() };
        cross(&mut crossings, piece, Line::new(edge, rows), limits);
        crossings
    }

    /// Number of pixels above the threshold, without the open ones.
    pub(super) fn area(&self) -> usize {
        self.count.iter().map(|&count| usize::from(count)).sum()
    }

    /// `target[[y, x]]`: whether the pixel is above the threshold. Open ones are false.
    pub(super) fn fill(&self, target: ArrayViewMut2<'_, bool>) {
        fill(target, &self.first, &self.count);
    }

    /// Calls `each` with the rectangles of open pixels: their columns and rows, by index in the band.
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

/// Written with comparisons, so that where a score is NaN the whole column is open, and the loop has no branches.
///
/// Compiled for several instruction sets and chosen at run time; all give the same bits.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
fn cross(crossings: &mut Crossings, Piece { low, high, .. }: Piece<'_>, line: Line, limits: Limits) {
    let Crossings { first, count, open, closed } = crossings;
    // With a half, so that rounding to the nearest rounds up: the first row at or after the place.
    let (before, after) = (line.start + 0.5 - line.margin, line.start + 0.5 + line.margin);
    let (rows, last) = (f32::from(line.rows), u32::from(line.rows));
    let columns = first.iter_mut().zip(count).zip(open).zip(closed).zip(low).zip(high);
    for (((((first, count), open), closed), &low), &high) in columns {
        let rise = high - low;
        let rise = if rise.abs() < limits.flat { limits.flat } else { rise };
        let falls = rise < 0.0;
        let step = line.step / rise;
        let (from, to) = ((limits.low - low) * step, (limits.high - low) * step);
        let (from, to) = if falls { (to, from) } else { (from, to) };
        let (from, to) = (from + before, to + after);
        let from = if from > 0.0 { from } else { 0.0 };
        let from = if from < rows { from } else { rows };
        let to = if to < rows { to } else { rows };
        let to = if to > 0.0 { to } else { 0.0 };
        let (from, to) = ((from + ROUNDING).to_bits() & 0xff, (to + ROUNDING).to_bits() & 0xff);
        // Rows before `from` are on one side of the threshold for certain, rows from `to` on are on the other.
        *first = if falls { 0 } else { to as u8 };
        *count = (if falls { from } else { last - to }) as u8;
        (*open, *closed) = (from as u8, to as u8);
    }
}

/// What [`Crossings::fill`] does.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
fn fill(mut target: ArrayViewMut2<'_, bool>, first: &[u8], count: &[u8]) {
    for (y, mut row) in target.rows_mut().into_iter().enumerate() {
        // Rows of a mask are contiguous.
        let Some(row) = row.as_slice_mut() else { return };
        for ((above, &first), &count) in row.iter_mut().zip(first).zip(count) {
            // In one comparison, as rows before the first come out greatest.
            *above = (y as u8).wrapping_sub(first) < count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::axis::Span;

    const ROWS_OF_BAND: usize = 14;

    type Rectangle = (Range<usize>, Range<usize>);

    /// The rectangles of open pixels, and the area, of a band: [`ROWS_OF_BAND`] rows between the scores `low` and `high`.
    fn found(low: &[f32], high: &[f32]) -> (Vec<Rectangle>, usize) {
        let edge = Edge::new(37, Span::whole(37 * ROWS_OF_BAND));
        let piece = Piece { low, high, weight: 0.0, bounded: true };
        let limits = Limits::new(&Threshold::new(0.5), 1.0);
        let crossings = Crossings::new(piece, &edge, &edge.runs[7].pixels, limits);
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
        assert!(area.abs_diff(500 * ROWS_OF_BAND) < 20 * ROWS_OF_BAND, "{area}");
    }

    #[test]
    fn a_flat_column_is_open_only_at_the_threshold() {
        let line = [-1.0, -1e-3, -1e-9, 0.0, 0.0, 1e-9, 1e-3, 1.0];
        assert_eq!(found(&line, &line), (vec![(2..6, 0..ROWS_OF_BAND)], 2 * ROWS_OF_BAND));
    }

    #[test]
    fn a_column_with_what_is_no_number_is_open() {
        for (low, high) in [(f32::NAN, 0.5), (0.5, f32::NAN), (f32::NAN, f32::NAN)] {
            let expected = (vec![(1..2, 0..ROWS_OF_BAND)], 2 * ROWS_OF_BAND);
            assert_eq!(found(&[1.0, low, 1.0], &[1.0, high, 1.0]), expected);
        }
    }
}
