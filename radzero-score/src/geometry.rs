//! The mapping between a radiograph's pixels and the model's square, in both directions.

use ndarray::ArrayView2;
pub use radzero_format::geometry::Fit;
use radzero_format::geometry::fit;
use radzero_format::manifest::GeometryKind;
use radzero_format::reading::MAX_SIDE;
use radzero_format::record::ImageRecord;
use radzero_format::{Error, ErrorKind, Result};

use crate::map::{LazyMap, SimilarityMap, Span, upsample, upsample_at};

/// The mapping between the pixels of one radiograph and the model's square.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Geometry {
    kind: GeometryKind,
    width: usize,
    height: usize,
    size: usize,
    rows: Fit,
    columns: Fit,
}

/// The rectangle that the patch grid covers, in pixels of the radiograph.
///
/// It extends beyond a radiograph that was padded, and covers part of one that was cropped. Pixels outside it have a similarity
/// of 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GridArea {
    /// Left edge; negative if the grid starts left of the radiograph.
    pub left: i64,
    /// Top edge; negative if the grid starts above the radiograph.
    pub top: i64,
    /// Width, more than 0.
    pub width: usize,
    /// Height, more than 0.
    pub height: usize,
}

impl Geometry {
    /// The mapping of a radiograph of `width` x `height` pixels to a square with sides of `size` pixels.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] if any of these is 0 or above [`MAX_SIDE`].
    pub fn new(kind: GeometryKind, size: usize, width: usize, height: usize) -> Result<Self> {
        let [rows, columns] = fit(kind, size, width, height)?;
        Ok(Self { kind, width, height, size, rows, columns })
    }

    /// The mapping with which an image was encoded.
    ///
    /// # Errors
    /// As [`Geometry::new`].
    pub fn of(image: &ImageRecord) -> Result<Self> {
        Self::new(image.model.geometry, image.image_size, image.width, image.height)
    }

    /// How the radiograph is fitted to the square.
    #[must_use]
    pub fn kind(&self) -> GeometryKind {
        self.kind
    }

    /// The radiograph's width in pixels.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// The radiograph's height in pixels.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// Side of the model's square in pixels.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// How the radiograph's rows map to the square's.
    #[must_use]
    pub fn rows(&self) -> Fit {
        self.rows.clone()
    }

    /// How the radiograph's columns map to the square's.
    #[must_use]
    pub fn columns(&self) -> Fit {
        self.columns.clone()
    }

    /// The similarity map of the patch grid's scores \[g, g\], at the radiograph's size \[height, width\]; 0 where the model
    /// saw nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] if there are no scores.
    pub fn map(&self, scores: ArrayView2<'_, f32>) -> Result<SimilarityMap> {
        check_scores(scores)?;
        Ok(self.map_of(scores))
    }

    /// As [`Geometry::map`], for scores that are not empty.
    pub(crate) fn map_of(&self, scores: ArrayView2<'_, f32>) -> SimilarityMap {
        SimilarityMap::new(upsample(scores, &self.row_span(), &self.column_span()))
    }

    /// The similarity map of the patch grid's scores \[g, g\], for a picture of the radiograph with `width` x `height` pixels.
    ///
    /// Each pixel holds the similarity at its centre, interpolated as in [`Geometry::map`]; at the radiograph's own size the two
    /// are equal. A picture with fewer pixels than patches skips some patches.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] unless both sides are from 1 to [`MAX_SIDE`] and there are scores.
    pub fn map_at(&self, scores: ArrayView2<'_, f32>, width: usize, height: usize) -> Result<SimilarityMap> {
        check_scores(scores)?;
        if ![width, height].iter().all(|side| (1..=MAX_SIDE).contains(side)) {
            let message = format!("sides of 1 to {MAX_SIDE} pixels expected, a map of {width} x {height} found");
            return Err(Error::new(ErrorKind::Argument, message));
        }
        let (rows, columns) = (self.row_span(), self.column_span());
        Ok(SimilarityMap::new(upsample_at(scores, (&rows, height), (&columns, width))))
    }

    /// [`Geometry::map`], not computed.
    pub(crate) fn lazy_map<'a>(&self, scores: ArrayView2<'a, f32>) -> LazyMap<'a> {
        LazyMap::new(scores, self.row_span(), self.column_span())
    }

    /// The rectangle that the patch grid covers.
    #[must_use]
    pub fn grid_area(&self) -> GridArea {
        let start = |span: &Span| span.start as i64 - span.window.start as i64;
        let (rows, columns) = (self.row_span(), self.column_span());
        GridArea { left: start(&columns), top: start(&rows), width: columns.target, height: rows.target }
    }

    fn row_span(&self) -> Span {
        self.span(self.height, self.width)
    }

    fn column_span(&self) -> Span {
        self.span(self.width, self.height)
    }

    /// Where the grid lies along an axis of `length` pixels, if the other axis has `other` pixels.
    fn span(&self, length: usize, other: usize) -> Span {
        match self.kind {
            GeometryKind::PadSquare => {
                let side = length.max(other);
                let before = (side - length) / 2;
                Span { target: side, window: before..before + length, start: 0, length }
            }
            GeometryKind::CropSquare => {
                let side = length.min(other);
                Span { target: side, window: 0..side, start: (length - side) / 2, length }
            }
            // Stretch: `new` accepts no other kind.
            _ => Span::whole(length),
        }
    }
}

fn check_scores(scores: ArrayView2<'_, f32>) -> Result<()> {
    if scores.is_empty() {
        return Err(Error::new(ErrorKind::Argument, "scores [g, g] of at least one patch expected, none found"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, Slice};

    const KINDS: [GeometryKind; 3] = [GeometryKind::Stretch, GeometryKind::PadSquare, GeometryKind::CropSquare];

    #[test]
    fn impossible_sizes_are_refused() {
        for kind in KINDS {
            for (size, width, height) in [(518, 0, 9), (518, 9, 0), (0, 9, 9), (usize::MAX, 9, 9), (518, 16_385, 9)] {
                let error = Geometry::new(kind, size, width, height).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Argument);
                let expected =
                    format!("1 to 16384 pixels expected, an image of {width} x {height} and a square of {size} found");
                assert!(error.to_string().contains(&expected), "{error}");
            }
        }
    }

    #[test]
    fn the_grid_covers_what_the_model_saw() {
        let area = |kind, width, height| {
            let GridArea { left, top, width, height } = Geometry::new(kind, 518, width, height).unwrap().grid_area();
            (left, top, width, height)
        };
        assert_eq!(area(GeometryKind::Stretch, 300, 201), (0, 0, 300, 201));
        assert_eq!(area(GeometryKind::PadSquare, 300, 201), (0, -49, 300, 300));
        assert_eq!(area(GeometryKind::PadSquare, 201, 300), (-49, 0, 300, 300));
        assert_eq!(area(GeometryKind::CropSquare, 300, 201), (49, 0, 201, 201));
    }

    fn scores() -> Array2<f32> {
        Array2::from_shape_fn((37, 37), |(y, x)| 6.0 * (y as f32 * 0.31).sin() * (x as f32 * 0.23).cos())
    }

    #[test]
    fn a_map_at_the_radiographs_size_is_the_map() {
        for kind in KINDS {
            for (width, height) in [(311, 203), (45, 1001), (64, 64), (1, 9)] {
                let geometry = Geometry::new(kind, 518, width, height).unwrap();
                assert_eq!(
                    geometry.map_at(scores().view(), width, height).unwrap(),
                    geometry.map(scores().view()).unwrap()
                );
            }
        }
    }

    /// At a third of each side, each pixel's centre is the centre of a pixel of the large map.
    #[test]
    fn a_smaller_map_samples_the_large_one() {
        for kind in KINDS {
            for (width, height) in [(903, 603), (303, 999)] {
                let geometry = Geometry::new(kind, 518, width, height).unwrap();
                let large = geometry.map(scores().view()).unwrap();
                let small = geometry.map_at(scores().view(), width / 3, height / 3).unwrap();
                let expected = large.values().slice_each_axis(|_| Slice::new(1, None, 3)).to_owned();
                assert_eq!(small.values().dim(), expected.dim());
                for (found, expected) in small.values().iter().zip(&expected) {
                    assert!((found - expected).abs() < 2e-6, "{kind:?} {found} {expected}");
                }
                let zeros = |values: &Array2<f32>| values.iter().filter(|&&value| value == 0.0).count();
                assert_eq!(zeros(&small.values().to_owned()), zeros(&expected), "{kind:?}");
            }
        }
    }

    #[test]
    fn maps_of_impossible_sizes_are_refused() {
        let geometry = Geometry::new(GeometryKind::Stretch, 518, 30, 40).unwrap();
        for (width, height) in [(0, 4), (4, 0), (16_385, 4)] {
            let error = geometry.map_at(scores().view(), width, height).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Argument);
            assert!(error.to_string().contains(&format!("a map of {width} x {height} found")), "{error}");
        }
        let nothing = Array2::zeros((0, 0));
        assert!(geometry.map_at(nothing.view(), 4, 4).unwrap_err().to_string().contains("scores"));
        assert!(geometry.map(nothing.view()).is_err());
    }
}
