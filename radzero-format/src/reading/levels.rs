//! A view of the levels of a radiograph.

use ndarray::{ArrayView2, ArrayView3, Axis};

/// A view of the 8-bit levels of a radiograph, row by row.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Levels<'a> {
    /// \[height, width\]; red, green and blue are equal.
    Gray(ArrayView2<'a, u8>),
    /// \[3, height, width\]: planes of red, green and blue.
    Rgb(ArrayView3<'a, u8>),
}

impl Levels<'_> {
    /// Width in pixels.
    #[must_use]
    pub fn width(&self) -> usize {
        match self {
            Self::Gray(plane) => plane.ncols(),
            Self::Rgb(planes) => planes.dim().2,
        }
    }

    /// Height in pixels.
    #[must_use]
    pub fn height(&self) -> usize {
        match self {
            Self::Gray(plane) => plane.nrows(),
            Self::Rgb(planes) => planes.dim().1,
        }
    }

    /// A copy as \[height, width, 3\], with red, green and blue interleaved.
    #[must_use]
    pub fn interleaved(&self) -> Vec<u8> {
        match self {
            Self::Gray(plane) => plane.iter().flat_map(|&level| [level; 3]).collect(),
            Self::Rgb(planes) => {
                let (red, green, blue) =
                    (planes.index_axis(Axis(0), 0), planes.index_axis(Axis(0), 1), planes.index_axis(Axis(0), 2));
                red.iter().zip(&green).zip(&blue).flat_map(|((&red, &green), &blue)| [red, green, blue]).collect()
            }
        }
    }

    /// The least and the greatest level; (255, 0) if there are no pixels.
    #[must_use]
    pub fn range(&self) -> (u8, u8) {
        let fold = |(least, greatest): (u8, u8), &level: &u8| (least.min(level), greatest.max(level));
        match self {
            Self::Gray(plane) => plane.iter().fold((u8::MAX, 0), fold),
            Self::Rgb(planes) => planes.iter().fold((u8::MAX, 0), fold),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array3, array};

    #[test]
    fn gray_and_colour_are_told_apart_and_read_alike() {
        let gray = array![[1, 2, 3], [4, 5, 250]];
        let gray = Levels::Gray(gray.view());
        assert_eq!((gray.width(), gray.height(), gray.range()), (3, 2, (1, 250)));
        assert_eq!(gray.interleaved()[3..9], [2, 2, 2, 3, 3, 3]);
        let planes = Array3::from_shape_fn((3, 1, 2), |(channel, _, x)| (10 * channel + x) as u8);
        let colour = Levels::Rgb(planes.view());
        assert_eq!((colour.width(), colour.height(), colour.range()), (2, 1, (0, 21)));
        assert_eq!(colour.interleaved(), [0, 10, 20, 1, 11, 21]);
    }
}
