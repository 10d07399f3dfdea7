//! Decoded images and arrays to levels.

use image::DynamicImage;
use ndarray::{Array2, Array3, ArrayView2};

use super::options::{IntensityPolicy, ReadOptions};
use super::{IntensityRule, Levels, Origin, Radiograph, Warning, check_size, intensity};
use crate::error::{Error, ErrorKind, Result};

pub(super) fn from_image(image: &DynamicImage, options: &ReadOptions) -> Result<Radiograph> {
    check_size(image.width() as usize, image.height() as usize)?;
    let (levels, rule, warnings) = levels(image)?;
    finish(levels, rule, Origin::Memory, warnings, options)
}

/// As [`from_image`], for a decoder's result: 8-bit gray is taken without a copy.
pub(super) fn from_decoded(
    image: DynamicImage,
    origin: Origin,
    mut warnings: Vec<Warning>,
    options: &ReadOptions,
) -> Result<Radiograph> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    check_size(width, height)?;
    let (levels, rule) = match image {
        DynamicImage::ImageLuma8(gray) => {
            let plane = Array2::from_shape_vec((height, width), gray.into_raw()).map_err(misshapen)?;
            (Levels::Gray(plane), IntensityRule::Stored)
        }
        other => {
            let (levels, rule, found) = levels(&other)?;
            warnings.extend(found);
            (levels, rule)
        }
    };
    finish(levels, rule, origin, warnings, options)
}

pub(super) fn from_gray(levels: Array2<u8>, options: &ReadOptions) -> Result<Radiograph> {
    finish(Levels::Gray(levels), IntensityRule::Stored, Origin::Memory, Vec::new(), options)
}

pub(super) fn from_gray16(samples: ArrayView2<'_, u16>, options: &ReadOptions) -> Result<Radiograph> {
    check_size(samples.ncols(), samples.nrows())?;
    let levels = Levels::Gray(intensity::min_max(samples)?);
    finish(levels, IntensityRule::MinMax, Origin::Memory, Vec::new(), options)
}

pub(super) fn from_rgb(levels: Array3<u8>, options: &ReadOptions) -> Result<Radiograph> {
    if levels.dim().0 != 3 {
        return Err(Error::new(ErrorKind::Image, format!("3 colour planes expected, {} found", levels.dim().0)));
    }
    finish(Levels::Rgb(levels), IntensityRule::Stored, Origin::Memory, Vec::new(), options)
}

/// Applies the policy to what has not been stretched yet.
fn finish(
    levels: Levels,
    rule: IntensityRule,
    origin: Origin,
    warnings: Vec<Warning>,
    options: &ReadOptions,
) -> Result<Radiograph> {
    let stretch = options.intensity == IntensityPolicy::MinMax && rule != IntensityRule::MinMax;
    let (levels, rule) = match levels {
        levels if !stretch => (levels, rule),
        Levels::Gray(plane) => (Levels::Gray(intensity::min_max(plane.view())?), IntensityRule::MinMax),
        Levels::Rgb(planes) => (Levels::Rgb(intensity::min_max(planes.view())?), IntensityRule::MinMax),
    };
    Ok(Radiograph::new(levels, origin, rule)?.with_policy(options.intensity).with_warnings(warnings))
}

/// Levels of the published code's rule for the kind of samples. Alpha is dropped, not blended, as Pillow does.
fn levels(image: &DynamicImage) -> Result<(Levels, IntensityRule, Vec<Warning>)> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let (levels, rule) = match image {
        DynamicImage::ImageLuma8(gray) => (gray_levels(width, height, gray, 1)?, IntensityRule::Stored),
        DynamicImage::ImageLumaA8(gray) => (gray_levels(width, height, gray, 2)?, IntensityRule::Stored),
        DynamicImage::ImageRgb8(rgb) => (rgb_levels(width, height, rgb, 3, |sample| sample)?, IntensityRule::Stored),
        DynamicImage::ImageRgba8(rgb) => (rgb_levels(width, height, rgb, 4, |sample| sample)?, IntensityRule::Stored),
        DynamicImage::ImageLuma16(gray) => (gray16_levels(width, height, gray)?, IntensityRule::MinMax),
        DynamicImage::ImageLumaA16(gray) => {
            let samples: Vec<u16> = gray.iter().step_by(2).copied().collect();
            (gray16_levels(width, height, &samples)?, IntensityRule::MinMax)
        }
        DynamicImage::ImageRgb16(rgb) => (rgb_levels(width, height, rgb, 3, high_byte)?, IntensityRule::HighByte),
        DynamicImage::ImageRgba16(rgb) => (rgb_levels(width, height, rgb, 4, high_byte)?, IntensityRule::HighByte),
        other => {
            return Err(Error::new(
                ErrorKind::Image,
                format!("8-bit or 16-bit samples expected, {:?} found", other.color()),
            ));
        }
    };
    let warnings = if image.color().has_alpha() { vec![Warning::AlphaDropped] } else { Vec::new() };
    Ok((levels, rule, warnings))
}

fn high_byte(sample: u16) -> u8 {
    (sample >> 8) as u8
}

fn misshapen(error: ndarray::ShapeError) -> Error {
    Error::new(ErrorKind::Image, "the decoder returned fewer samples than the image has").with_source(error)
}

fn gray_levels(width: usize, height: usize, samples: &[u8], stride: usize) -> Result<Levels> {
    let levels = samples.iter().step_by(stride).copied().collect();
    Ok(Levels::Gray(Array2::from_shape_vec((height, width), levels).map_err(misshapen)?))
}

fn gray16_levels(width: usize, height: usize, samples: &[u16]) -> Result<Levels> {
    let samples = ArrayView2::from_shape((height, width), samples).map_err(misshapen)?;
    Ok(Levels::Gray(intensity::min_max(samples)?))
}

fn rgb_levels<T: Copy>(
    width: usize,
    height: usize,
    samples: &[T],
    stride: usize,
    level: fn(T) -> u8,
) -> Result<Levels> {
    let planes = (0..3)
        .flat_map(|channel| samples.iter().skip(channel).step_by(stride).map(move |&sample| level(sample)))
        .collect();
    Ok(Levels::Rgb(Array3::from_shape_vec((3, height, width), planes).map_err(misshapen)?))
}
