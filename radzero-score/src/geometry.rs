//! One owner of the mapping between original pixels and the model's square, in both directions.

use std::ops::Range;

use ndarray::ArrayView2;
use radzero_format::manifest::GeometryKind;
use radzero_format::reading::MAX_SIDE;
use radzero_format::record::ImageRecord;
use radzero_format::{Error, ErrorKind, Result};

use crate::map::{Outline, SimilarityMap, Span, upsample, upsample_at};

/// The mapping between the pixels of one radiograph and the model's square.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Geometry {
    kind: GeometryKind,
    width: usize,
    height: usize,
    size: usize,
}

/// How one edge of a radiograph becomes an edge of the model's square: `before` black samples, the edge, and black samples up to
/// `padded` in all are resampled to `output` samples, of which those of `window` are the square's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fit {
    /// Black samples before the edge.
    pub before: usize,
    /// Samples of the edge with all that is black.
    pub padded: usize,
    /// Samples that these are resampled to.
    pub output: usize,
    /// Of these, the ones that are taken.
    pub window: Range<usize>,
}

impl Fit {
    /// The whole edge of `length` samples becomes `output` samples.
    #[must_use]
    pub fn whole(length: usize, output: usize) -> Self {
        Self { before: 0, padded: length, output, window: 0..output }
    }
}

/// The rectangle that the patch grid covers, in pixels of the radiograph. It reaches beyond the radiograph where that was padded,
/// and covers a part of it where that was cropped: what lies outside has no patch, and a similarity of 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GridArea {
    /// Left edge; negative where the grid begins to the left of the radiograph.
    pub left: i64,
    /// Upper edge.
    pub top: i64,
    /// Width, more than 0.
    pub width: usize,
    /// Height, more than 0.
    pub height: usize,
}

impl Geometry {
    /// The mapping for a radiograph of `width` x `height` pixels and a square of `size` pixels a side.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] if one of them is 0, or above [`MAX_SIDE`]; [`ErrorKind::ModelVersion`] for a kind of a later version.
    pub fn new(kind: GeometryKind, size: usize, width: usize, height: usize) -> Result<Self> {
        if !matches!(kind, GeometryKind::Stretch | GeometryKind::PadSquare | GeometryKind::CropSquare) {
            return Err(Error::new(
                ErrorKind::ModelVersion,
                format!("the geometry {kind} is not known to this version"),
            ));
        }
        if [size, width, height].iter().all(|side| (1..=MAX_SIDE).contains(side)) {
            return Ok(Self { kind, width, height, size });
        }
        Err(Error::new(
            ErrorKind::Argument,
            format!(
                "sides of 1 to {MAX_SIDE} pixels expected, an image of {width} x {height} and a square of {size} found"
            ),
        ))
    }

    /// The mapping that an encoded image was made with.
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

    /// How the radiograph's rows become those of the square.
    #[must_use]
    pub fn rows(&self) -> Fit {
        self.fit(self.height, self.width)
    }

    /// How the radiograph's columns become those of the square.
    #[must_use]
    pub fn columns(&self) -> Fit {
        self.fit(self.width, self.height)
    }

    /// How an edge of `length` pixels becomes S samples, beside an edge of `other` pixels.
    fn fit(&self, length: usize, other: usize) -> Fit {
        match self.kind {
            GeometryKind::PadSquare => {
                let side = length.max(other);
                Fit { before: (side - length) / 2, padded: side, output: self.size, window: 0..self.size }
            }
            GeometryKind::CropSquare => {
                let output = self.size * length / length.min(other);
                let start = (output - self.size) / 2;
                Fit { before: 0, padded: length, output, window: start..start + self.size }
            }
            // Stretched: `new` lets no other in.
            _ => Fit::whole(length, self.size),
        }
    }

    /// The similarity map of the patch grid's scores \[g, g\], at the original size \[height, width\]; 0 where the model
    /// saw nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] if there is no score.
    pub fn map(&self, scores: ArrayView2<'_, f32>) -> Result<SimilarityMap> {
        check_scores(scores)?;
        Ok(self.map_of(scores))
    }

    /// As [`Geometry::map`], of scores that are there.
    pub(crate) fn map_of(&self, scores: ArrayView2<'_, f32>) -> SimilarityMap {
        SimilarityMap::new(upsample(scores, &self.row_span(), &self.column_span()))
    }

    /// The similarity map of the patch grid's scores \[g, g\] for a picture of the radiograph of `width` x `height` pixels.
    ///
    /// Each pixel holds the similarity at its centre: as of [`Geometry::map`], read between its pixels. At the radiograph's own
    /// size the two are equal. A picture with fewer pixels than there are patches leaves some patches out.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] unless both sides are from 1 to [`MAX_SIDE`] and there is a score.
    pub fn map_at(&self, scores: ArrayView2<'_, f32>, width: usize, height: usize) -> Result<SimilarityMap> {
        check_scores(scores)?;
        if ![width, height].iter().all(|side| (1..=MAX_SIDE).contains(side)) {
            let message = format!("sides of 1 to {MAX_SIDE} pixels expected, a map of {width} x {height} found");
            return Err(Error::new(ErrorKind::Argument, message));
        }
        let (rows, columns) = (self.row_span(), self.column_span());
        Ok(SimilarityMap::new(upsample_at(scores, (&rows, height), (&columns, width))))
    }

    /// What can be said of [`Geometry::map`] without computing it.
    pub(crate) fn outline<'a>(&self, scores: ArrayView2<'a, f32>) -> Outline<'a> {
        Outline::new(scores, self.row_span(), self.column_span())
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

    /// Where the grid lies on an edge of `length` pixels, beside an edge of `other` pixels.
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
            // Stretched: `new` lets no other in.
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
    use ndarray::{Array2, s};

    const KINDS: [GeometryKind; 3] = [GeometryKind::Stretch, GeometryKind::PadSquare, GeometryKind::CropSquare];

    #[test]
    fn sizes_that_nothing_has_are_refused() {
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
    fn a_map_at_the_own_size_is_the_map() {
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

    /// A third of each side, from an odd number of pixels: the centre of every third pixel is a centre of the large map.
    #[test]
    fn a_smaller_map_reads_the_large_one() {
        for kind in KINDS {
            for (width, height) in [(903, 603), (303, 999)] {
                let geometry = Geometry::new(kind, 518, width, height).unwrap();
                let large = geometry.map(scores().view()).unwrap();
                let small = geometry.map_at(scores().view(), width / 3, height / 3).unwrap();
                let expected = large.values().slice(s![1..;3, 1..;3]).to_owned();
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
