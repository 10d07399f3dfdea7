//! Images and maps at the size at which they are shown. For the eye alone: nothing is measured on the result.

use fast_image_resize::images::{Image, ImageRef, TypedImage, TypedImageRef};
use fast_image_resize::pixels::F32;
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;
use ndarray::{Array2, ArrayView2};

use crate::error::Failure;

fn failure(error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Failure::Draw(Box::new(error))
}

fn options(filter: FilterType) -> ResizeOptions {
    ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter))
}

/// The image at `width` x `height` pixels.
pub(super) fn rgb(image: &RgbImage, width: u32, height: u32) -> Result<RgbImage, Failure> {
    let source = ImageRef::new(image.width(), image.height(), image.as_raw(), PixelType::U8x3).map_err(failure)?;
    let mut target = Image::new(width, height, PixelType::U8x3);
    Resizer::new().resize(&source, &mut target, &options(FilterType::CatmullRom)).map_err(failure)?;
    let pixels = target.into_vec();
    let found = pixels.len();
    RgbImage::from_raw(width, height, pixels).ok_or_else(|| {
        Failure::Draw(format!("{width} x {height} pixels of 3 bytes expected, {found} bytes found").into())
    })
}

/// The map \[height, width\] at `width` x `height` pixels.
pub(super) fn map(map: ArrayView2<'_, f32>, width: u32, height: u32) -> Result<Array2<f32>, Failure> {
    let values: Vec<F32> = map.iter().map(|&value| F32::new(value)).collect();
    // Sizes of radiographs fit u32.
    let source = TypedImageRef::new(map.ncols() as u32, map.nrows() as u32, &values).map_err(failure)?;
    let mut target = TypedImage::<F32>::new(width, height);
    Resizer::new().resize_typed(&source, &mut target, &options(FilterType::Bilinear)).map_err(failure)?;
    let values = target.pixels().iter().map(|pixel| pixel.0).collect();
    Array2::from_shape_vec((height as usize, width as usize), values).map_err(failure)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn ramps_stay_ramps() {
        let ramp = Array2::from_shape_fn((60, 80), |(y, x)| (x as f32 + y as f32) / 140.0);
        let small = map(ramp.view(), 20, 15).unwrap();
        assert_eq!(small.dim(), (15, 20));
        for y in 1..14 {
            for x in 1..19 {
                // The centre of the small pixel in the large image.
                let expected = (x as f32 * 4.0 + 1.5 + y as f32 * 4.0 + 1.5) / 140.0;
                assert!((small[[y, x]] - expected).abs() < 1e-5, "{x} {y}");
            }
        }
    }

    #[test]
    fn sides_are_not_exchanged() {
        let image = RgbImage::from_fn(40, 20, |x, _| image::Rgb([if x < 20 { 0 } else { 200 }, 7, 9]));
        let small = rgb(&image, 10, 8).unwrap();
        assert_eq!(small.dimensions(), (10, 8));
        assert_eq!((small.get_pixel(1, 6).0, small.get_pixel(8, 1).0), ([0, 7, 9], [200, 7, 9]));
    }
}
