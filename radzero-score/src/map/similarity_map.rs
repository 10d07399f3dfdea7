//! A computed similarity map.

use std::borrow::Cow;

use ndarray::{Array2, ArrayView1, ArrayView2, ArrayViewMut2, Axis};
use radzero_format::{Error, ErrorKind, Result};
use radzero_pool as pool;
use serde::{Deserialize, Serialize};

use super::extrema::{maximum, minimum};
use super::threshold::check_threshold;

/// Similarity of a sentence to each pixel of a radiograph, or of a picture of it: \[height, width\], values in \[0, 1\].
///
/// A similarity, not a chance of disease. The scale is the same for all images and sentences: an unrelated sentence gives a
/// flat, low map.
#[derive(Debug, Clone, PartialEq)]
pub struct SimilarityMap {
    values: Array2<f32>,
}

/// The maximum of a map and its position.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Peak {
    /// Column from the left, in pixels of the map, which are those of the radiograph unless the map has another size.
    pub x: usize,
    /// Row from the top, in the same pixels.
    pub y: usize,
    /// Similarity there, in \[0, 1\].
    pub value: f32,
}

impl SimilarityMap {
    /// `values` must not be empty: a radiograph has at least one pixel.
    pub(crate) fn new(values: Array2<f32>) -> Self {
        Self { values }
    }

    /// A map computed elsewhere, \[height, width\].
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] if there are no values, or one is outside \[0, 1\].
    pub fn from_values(values: Array2<f32>) -> Result<Self> {
        if !values.is_empty() && values.iter().all(|value| (0.0..=1.0).contains(value)) {
            return Ok(Self { values });
        }
        let message =
            format!("a map with values from 0 to 1 expected, one of shape {:?} with others found", values.shape());
        Err(Error::new(ErrorKind::Argument, message))
    }

    /// The values, \[height, width\].
    #[must_use]
    pub fn values(&self) -> ArrayView2<'_, f32> {
        self.values.view()
    }

    /// The values, mutable.
    pub fn values_mut(&mut self) -> ArrayViewMut2<'_, f32> {
        self.values.view_mut()
    }

    /// Takes the values out, without a copy.
    #[must_use]
    pub fn into_values(self) -> Array2<f32> {
        self.values
    }

    /// The minimum.
    #[must_use]
    pub fn min(&self) -> f32 {
        minimum(&self.per_row(minimum))
    }

    /// The maximum.
    #[must_use]
    pub fn max(&self) -> f32 {
        self.peak().value
    }

    /// The grounding point: the maximum; if it occurs several times, the first in row-major order.
    #[must_use]
    pub fn peak(&self) -> Peak {
        let row_maxima = self.per_row(maximum);
        let value = maximum(&row_maxima);
        let y = row_maxima.iter().position(|&of_row| of_row == value).unwrap_or(0);
        let x = self.values.row(y).iter().position(|&other| other == value).unwrap_or(0);
        Peak { x, y, value }
    }

    /// How many rows a thread takes at once. Comparing a value takes about a quarter of the time of computing it.
    fn rows_at_once(&self) -> usize {
        pool::rows(self.values.ncols() / 4)
    }

    /// Applies `reduce` to each row.
    fn per_row(&self, reduce: impl Fn(&[f32]) -> f32 + Sync) -> Vec<f32> {
        let at_once = self.rows_at_once();
        let mut results = vec![0.0; self.values.nrows()];
        let bands = results.chunks_mut(at_once).zip(self.values.axis_chunks_iter(Axis(0), at_once));
        pool::each(bands, |(results, band)| {
            for (result, row) in results.iter_mut().zip(band.rows()) {
                *result = reduce(&contiguous(row));
            }
        });
        results
    }

    /// Whether each pixel's similarity is above `threshold`, \[height, width\].
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] unless `threshold` is in \[0, 1\].
    pub fn mask(&self, threshold: f32) -> Result<Array2<bool>> {
        check_threshold(threshold)?;
        let mut mask = Array2::from_elem(self.values.dim(), false);
        let at_once = self.rows_at_once();
        let bands = mask.axis_chunks_iter_mut(Axis(0), at_once).zip(self.values.axis_chunks_iter(Axis(0), at_once));
        pool::each(bands, |(mut mask, values)| {
            for (mut mask, row) in mask.rows_mut().into_iter().zip(values.rows()) {
                // Always the case: rows of a new array are contiguous.
                if let Some(mask) = mask.as_slice_mut() {
                    fill_above(mask, &contiguous(row), threshold);
                }
            }
        });
        Ok(mask)
    }
}

/// A row as a slice; copied if the map's memory layout has gaps, as that of [`SimilarityMap::from_values`] may.
fn contiguous(row: ArrayView1<'_, f32>) -> Cow<'_, [f32]> {
    row.to_slice().map_or_else(|| Cow::Owned(row.to_vec()), Cow::Borrowed)
}

/// `mask[i] = values[i] > threshold`.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
fn fill_above(mask: &mut [bool], values: &[f32], threshold: f32) {
    for (above, &value) in mask.iter_mut().zip(values) {
        *above = value > threshold;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn the_first_of_equal_peaks_wins() {
        let map = SimilarityMap::new(array![[0.1, 0.9, 0.2], [0.9, 0.3, 0.9]]);
        assert_eq!(map.peak(), Peak { x: 1, y: 0, value: 0.9 });
        assert_eq!((map.min(), map.max()), (0.1, 0.9));
    }

    #[test]
    fn peak_and_minimum_skip_nan() {
        let mut map = SimilarityMap::new(array![[f32::NAN, 0.5], [0.7, f32::NAN], [0.7, 0.2]]);
        assert_eq!((map.peak(), map.min()), (Peak { x: 0, y: 1, value: 0.7 }, 0.2));
        map.values_mut().fill(f32::NAN);
        assert_eq!((map.peak(), map.min()), (Peak { x: 0, y: 0, value: f32::NEG_INFINITY }, f32::INFINITY));
    }

    #[test]
    fn values_from_elsewhere_must_be_similarities() {
        assert_eq!(SimilarityMap::from_values(array![[0.0, 1.0]]).unwrap().max(), 1.0);
        for values in [array![[0.5, 1.1]], array![[-0.1]], array![[f32::NAN]], Array2::zeros((0, 3))] {
            assert_eq!(SimilarityMap::from_values(values).unwrap_err().kind(), ErrorKind::Argument);
        }
    }

    #[test]
    fn a_mask_is_strictly_above_its_threshold() {
        let map = SimilarityMap::new(array![[0.0, 0.5], [0.50001, 1.0]]);
        assert_eq!(map.mask(0.5).unwrap(), array![[false, false], [true, true]]);
        assert_eq!(map.mask(1.0).unwrap(), array![[false, false], [false, false]]);
        for threshold in [-0.1, 1.1, f32::NAN] {
            assert_eq!(map.mask(threshold).unwrap_err().kind(), ErrorKind::Argument);
        }
    }
}
