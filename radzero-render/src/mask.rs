//! Masks as PNG files.

use image::GrayImage;
use ndarray::ArrayView2;
use radzero_score::format::Result;

use crate::png::png;
use crate::validate::{argument_error, check_sides};

/// A mask \[height, width\] as an 8-bit grayscale PNG file of the same size: 255 inside, 0 outside.
///
/// # Errors
/// [`ErrorKind::Argument`](radzero_score::format::ErrorKind::Argument) unless both sides are from 1 to
/// [`MAX_SIDE`](radzero_score::format::reading::MAX_SIDE), or if the encoder fails.
pub fn mask_png(mask: ArrayView2<'_, bool>) -> Result<Vec<u8>> {
    let (width, height) = check_sides(mask.ncols(), mask.nrows(), "a mask")?;
    let pixels = mask.iter().map(|&inside| if inside { u8::MAX } else { 0 }).collect();
    let image = GrayImage::from_raw(width, height, pixels)
        .ok_or_else(|| argument_error(format!("{width} x {height} pixels expected, a mask with fewer found")))?;
    png(&image)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};
    use radzero_score::format::ErrorKind;

    #[test]
    fn masks_round_trip_as_black_and_white() {
        let mask = array![[true, false, false], [true, true, false]];
        let image = image::load_from_memory(&mask_png(mask.view()).unwrap()).unwrap();
        assert_eq!(image.color(), image::ColorType::L8);
        assert_eq!((image.width(), image.height()), (3, 2));
        assert_eq!(image.into_luma8().into_raw(), [255, 0, 0, 255, 255, 0]);
        let turned = image::load_from_memory(&mask_png(mask.t()).unwrap()).unwrap();
        assert_eq!(turned.into_luma8().into_raw(), [255, 255, 0, 255, 0, 0]);
    }

    #[test]
    fn empty_and_oversized_masks_are_refused() {
        for shape in [(0, 0), (0, 7), (7, 0), (1, 16_385)] {
            let error = mask_png(Array2::default(shape).view()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Argument);
            assert!(error.to_string().contains(&format!("a mask of {} x {} found", shape.1, shape.0)), "{error}");
        }
    }
}
