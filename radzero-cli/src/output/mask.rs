//! Masks as PNG files.

use std::io::Cursor;

use image::{GrayImage, ImageFormat, Luma};
use ndarray::Array2;

use crate::error::Failure;

/// A mask as an 8-bit gray PNG: 255 inside, 0 outside.
pub(crate) fn png(mask: &Array2<bool>) -> Result<Vec<u8>, Failure> {
    let (height, width) = mask.dim();
    // Sizes of radiographs fit u32.
    let image = GrayImage::from_fn(width as u32, height as u32, |x, y| {
        Luma([if mask[[y as usize, x as usize]] { u8::MAX } else { 0 }])
    });
    let mut bytes = Vec::new();
    image.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).map_err(|error| Failure::Draw(Box::new(error)))?;
    Ok(bytes)
}

/// Pixels inside.
pub(crate) fn area(mask: &Array2<bool>) -> usize {
    mask.iter().filter(|&&inside| inside).count()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn masks_read_back_as_black_and_white() {
        let mask = array![[true, false, false], [true, true, false]];
        let image = image::load_from_memory(&png(&mask).unwrap()).unwrap();
        assert_eq!(image.color(), image::ColorType::L8);
        assert_eq!((image.width(), image.height()), (3, 2));
        assert_eq!(image.into_luma8().into_raw(), [255, 0, 0, 255, 255, 0]);
        assert_eq!(area(&mask), 3);
    }
}
