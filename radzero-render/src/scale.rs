//! Scales images and maps to the display size. For viewing only: nothing is measured on the result.

use std::error::Error as StdError;

use fast_image_resize::images::{Image, ImageRef, TypedImage, TypedImageRef};
use fast_image_resize::pixels::F32;
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;
use ndarray::{Array2, ArrayView2};
use radzero_score::format::reading::Levels;
use radzero_score::format::{Error, Result};

use crate::validate::argument_error;

fn failure(source: impl StdError + Send + Sync + 'static) -> Error {
    argument_error("an image or a map cannot be scaled").with_source(source)
}

fn options(filter: FilterType) -> ResizeOptions {
    ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter))
}

/// The image at `width` x `height` pixels.
///
/// Planes are scaled one by one: the result is the same as with interleaved pixels, but needs no full-size copy of them.
pub(crate) fn levels(levels: Levels<'_>, width: u32, height: u32) -> Result<RgbImage> {
    match levels {
        Levels::Gray(gray) => {
            let gray = plane(gray, width, height)?;
            let mut image = RgbImage::new(width, height);
            image.pixels_mut().zip(gray).for_each(|(pixel, level)| pixel.0 = [level; 3]);
            Ok(image)
        }
        Levels::Rgb(planes) => {
            let mut image = RgbImage::new(width, height);
            for (channel, levels) in (0..3).zip(planes.outer_iter()) {
                let levels = plane(levels, width, height)?;
                image.pixels_mut().zip(levels).for_each(|(pixel, level)| pixel.0[channel] = level);
            }
            Ok(image)
        }
        _ => Err(argument_error("levels of gray or RGB expected, of another kind found")),
    }
}

/// A plane \[height, width\] at `width` x `height` pixels, row by row.
fn plane(levels: ArrayView2<'_, u8>, width: u32, height: u32) -> Result<Vec<u8>> {
    // No copy if the plane is in row-major order.
    let levels = levels.as_standard_layout();
    let values = levels.as_slice().unwrap_or_default();
    // Sizes of radiographs fit u32.
    let size = (levels.ncols() as u32, levels.nrows() as u32);
    let source = ImageRef::new(size.0, size.1, values, PixelType::U8).map_err(failure)?;
    let mut target = Image::new(width, height, PixelType::U8);
    Resizer::new().resize(&source, &mut target, &options(FilterType::CatmullRom)).map_err(failure)?;
    Ok(target.into_vec())
}

/// The map \[height, width\] at `width` x `height` pixels.
pub(crate) fn map(map: ArrayView2<'_, f32>, width: u32, height: u32) -> Result<Array2<f32>> {
    let values: Vec<F32> = map.iter().map(|&value| F32::new(value)).collect();
    // Sizes of radiographs fit u32.
    let source = TypedImageRef::new(map.ncols() as u32, map.nrows() as u32, &values).map_err(failure)?;
    let mut target = TypedImage::<F32>::new(width, height);
    Resizer::new().resize_typed(&source, &mut target, &options(FilterType::Bilinear)).map_err(failure)?;
    let values = target.pixels().iter().map(|pixel| pixel.0).collect();
    Array2::from_shape_vec((height as usize, width as usize), values).map_err(failure)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array3, Axis, Slice};

    /// The reference: all channels scaled together.
    fn interleaved(planes: &Array3<u8>, width: u32, height: u32) -> RgbImage {
        let (_, rows, columns) = planes.dim();
        let pixels: Vec<u8> = planes.view().permuted_axes([1, 2, 0]).iter().copied().collect();
        let source = ImageRef::new(columns as u32, rows as u32, &pixels, PixelType::U8x3).unwrap();
        let mut target = Image::new(width, height, PixelType::U8x3);
        Resizer::new().resize(&source, &mut target, &options(FilterType::CatmullRom)).unwrap();
        RgbImage::from_raw(width, height, target.into_vec()).unwrap()
    }

    /// Noise between hard edges, at which the filter overshoots.
    fn planes(rows: usize, columns: usize) -> Array3<u8> {
        Array3::from_shape_fn((3, rows, columns), |(channel, y, x)| {
            let noise = (y * 131 + x * 7919 + y * x * 17 + channel * 53) % 256;
            [0, noise, 255, noise / 2][(y / 7 + x / 5 + channel) % 4] as u8
        })
    }

    const SIZES: [((usize, usize), (u32, u32)); 7] = [
        ((300, 401), (77, 58)),
        ((301, 403), (402, 300)),
        ((37, 41), (512, 462)),
        ((64, 64), (64, 64)),
        ((1, 1), (768, 768)),
        ((1, 3000), (768, 1)),
        ((2001, 3), (1, 768)),
    ];

    #[test]
    fn planes_of_gray_equal_interleaved_pixels() {
        for ((rows, columns), (width, height)) in SIZES {
            let gray = planes(rows, columns).index_axis_move(Axis(0), 1);
            let tripled = gray.broadcast((3, rows, columns)).unwrap().to_owned();
            let found = levels(Levels::Gray(gray.view()), width, height).unwrap();
            assert_eq!(found, interleaved(&tripled, width, height), "{rows} {columns}");
        }
    }

    #[test]
    fn planes_of_colour_equal_interleaved_pixels() {
        for ((rows, columns), (width, height)) in SIZES {
            let planes = planes(rows, columns);
            let found = levels(Levels::Rgb(planes.view()), width, height).unwrap();
            assert_eq!(found, interleaved(&planes, width, height), "{rows} {columns}");
        }
    }

    #[test]
    fn views_may_have_any_memory_layout() {
        let planes = planes(60, 80);
        let mut part = planes.slice_axis(Axis(1), Slice::new(10, Some(50), -2));
        part.slice_axis_inplace(Axis(2), Slice::new(7, None, 3));
        assert_eq!(levels(Levels::Rgb(part), 9, 11).unwrap(), interleaved(&part.to_owned(), 9, 11));
        let pixels = planes.view().permuted_axes([1, 2, 0]).as_standard_layout().into_owned();
        let view = pixels.view().permuted_axes([2, 0, 1]);
        assert_eq!(levels(Levels::Rgb(view), 30, 20).unwrap(), interleaved(&planes, 30, 20));
    }

    #[test]
    fn ramps_stay_ramps() {
        let ramp = Array2::from_shape_fn((60, 80), |(y, x)| (x as f32 + y as f32) / 140.0);
        let small = map(ramp.view(), 20, 15).unwrap();
        assert_eq!(small.dim(), (15, 20));
        for y in 1..14 {
            for x in 1..19 {
                // The centre of the small map's pixel in the large map.
                let expected = (x as f32 * 4.0 + 1.5 + y as f32 * 4.0 + 1.5) / 140.0;
                assert!((small[[y, x]] - expected).abs() < 1e-5, "{x} {y}");
            }
        }
    }

    #[test]
    fn width_and_height_are_not_swapped() {
        let level = |(channel, _, x): (usize, usize, usize)| if x < 20 { [0, 7, 9] } else { [200, 7, 9] }[channel];
        let image = Array3::from_shape_fn((3, 20, 40), level);
        let small = levels(Levels::Rgb(image.view()), 10, 8).unwrap();
        assert_eq!(small.dimensions(), (10, 8));
        assert_eq!((small.get_pixel(1, 6).0, small.get_pixel(8, 1).0), ([0, 7, 9], [200, 7, 9]));
    }

    #[test]
    fn failures_keep_their_cause() {
        let error = failure(std::io::Error::other("no such luck"));
        assert_eq!(format!("{error:#}"), "an image or a map cannot be scaled: no such luck");
    }
}
