//! The map at the original size: bilinear upsampling of the patch grid and the sigmoid, in one pass over memory.

use ndarray::{Array2, ArrayView2, Axis};

use radzero_pool as pool;

use super::horizontal::HorizontalPass;
use super::interpolation::{Interpolation, Span, seen_part};
use super::sigmoid::sigmoid_row;

/// Upsamples `scores` (not empty) to the spans and applies the sigmoid; 0 where the model saw nothing.
pub(crate) fn upsample(scores: ArrayView2<'_, f32>, rows: &Span, columns: &Span) -> Array2<f32> {
    let rows = Interpolation::new(scores.nrows(), rows.clone());
    let columns = Interpolation::new(scores.ncols(), columns.clone());
    interpolate(scores, &rows, &columns)
}

/// As [`upsample`], for a picture of another size: each span comes with the picture's pixels along its axis.
pub(crate) fn upsample_at(
    scores: ArrayView2<'_, f32>,
    (rows, height): (&Span, usize),
    (columns, width): (&Span, usize),
) -> Array2<f32> {
    let rows = Interpolation::resized(scores.nrows(), rows, height);
    let columns = Interpolation::resized(scores.ncols(), columns, width);
    interpolate(scores, &rows, &columns)
}

fn interpolate(scores: ArrayView2<'_, f32>, rows: &Interpolation, columns: &Interpolation) -> Array2<f32> {
    let horizontal = HorizontalPass::new(scores, rows, columns);
    let mut map = Array2::zeros((rows.span.length, columns.span.length));
    let mut seen = seen_part(&mut map, &rows.span, &columns.span);
    let at_once = pool::rows(seen.ncols());
    let bands = rows.span.seen().step_by(at_once).zip(seen.axis_chunks_iter_mut(Axis(0), at_once));
    pool::each(bands, |(start, mut band)| {
        for (y, mut target) in (start..).zip(band.rows_mut()) {
            // Always the case: rows of a new array are contiguous.
            if let Some(target) = target.as_slice_mut() {
                sigmoid_row(target, horizontal.row_pair(y, &columns.span.seen()));
            }
        }
    });
    map
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::interpolation::{lerp, positions};
    use crate::map::sigmoid;
    use ndarray::array;

    fn whole(scores: ArrayView2<'_, f32>, height: usize, width: usize) -> Array2<f32> {
        upsample(scores, &Span::whole(height), &Span::whole(width))
    }

    /// The plain definition, one pixel at a time.
    fn plain(scores: ArrayView2<'_, f32>, height: usize, width: usize) -> Array2<f32> {
        let rows = positions(scores.nrows(), &Span::whole(height));
        let columns = positions(scores.ncols(), &Span::whole(width));
        Array2::from_shape_fn((height, width), |(y, x)| {
            let (row, column) = (rows[y], columns[x]);
            let along = |row: usize| lerp(scores[[row, column.low]], scores[[row, column.high]], column.weight);
            sigmoid(lerp(along(row.low), along(row.high), row.weight))
        })
    }

    #[test]
    fn equal_to_the_plain_definition_bit_for_bit() {
        for (grid, height, width) in
            [((37, 37), 211, 340), ((16, 16), 5, 9), ((1, 3), 40, 1), ((37, 37), 37, 37), ((3, 2), 1, 3000)]
        {
            let scores = Array2::from_shape_fn(grid, |(y, x)| ((y * 37 + x) * 7919 % 1009) as f32 * 0.03 - 15.0);
            assert_eq!(whole(scores.view(), height, width), plain(scores.view(), height, width));
        }
    }

    #[test]
    fn doubling_interpolates_at_half_pixel_centres() {
        let map = whole(array![[0.0, 1.0], [2.0, 3.0]].view(), 4, 4);
        // Rows at -0.25 (clamped), 0.25, 0.75 and 1.25 (clamped) of the source.
        assert_eq!(map.row(0).to_vec(), [0.0, 0.25, 0.75, 1.0].map(sigmoid));
        assert_eq!(map.column(0).to_vec(), [0.0, 0.5, 1.5, 2.0].map(sigmoid));
        assert_eq!(map[[1, 1]], sigmoid(0.75));
        assert_eq!(map[[3, 3]], sigmoid(3.0));
    }

    #[test]
    fn one_patch_fills_the_map() {
        assert_eq!(whole(array![[0.25]].view(), 3, 5), Array2::from_elem((3, 5), sigmoid(0.25)));
    }

    #[test]
    fn shrinking_samples_without_antialiasing() {
        assert_eq!(whole(array![[0.0, 1.0, 2.0, 3.0]].view(), 1, 2), array![[sigmoid(0.5), sigmoid(2.5)]]);
    }

    #[test]
    fn a_window_is_placed_by_its_spans_among_zeros() {
        let scores = array![[0.0, 1.0], [2.0, 3.0]];
        let rows = Span { target: 10, window: 2..6, start: 1, length: 7 };
        let columns = Span { target: 8, window: 0..8, start: 3, length: 12 };
        let map = upsample(scores.view(), &rows, &columns);
        assert_eq!(map.dim(), (7, 12));
        assert_eq!(
            map.slice_axis(Axis(0), (1..5).into()).slice_axis(Axis(1), (3..11).into()),
            whole(scores.view(), 10, 8).slice_axis(Axis(0), (2..6).into())
        );
        assert_eq!(map.iter().filter(|&&value| value == 0.0).count(), 7 * 12 - 4 * 8);
    }
}
