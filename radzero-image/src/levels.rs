//! From decoded images and arrays to 8-bit levels, by the intensity policy.

use image::DynamicImage;
use ndarray::{Array2, Array3, ArrayView2};
use radzero_format::reading::{IntensityRule, LevelsRule, Origin, Warning};
use radzero_format::record::ReadingRecord;
use radzero_format::{Error, ErrorKind, Result};

use crate::guard::check_size;
use crate::intensity;
use crate::options::ReadOptions;
use crate::radiograph::{OwnedLevels, Radiograph};
use crate::refusal::{damaged, unsupported};

pub(crate) fn from_image(image: &DynamicImage, options: &ReadOptions) -> Result<Radiograph> {
    check_size(image.width() as usize, image.height() as usize)?;
    let (levels, rule, alpha) = reference_levels(image)?;
    apply_policy(levels, rule, alpha, Origin::Memory, Vec::new(), options)
}

/// As [`from_image`], for an image that a decoder of this crate returned: 8-bit gray is not copied.
pub(crate) fn from_decoded(
    image: DynamicImage,
    origin: Origin,
    warnings: Vec<Warning>,
    options: &ReadOptions,
) -> Result<Radiograph> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    check_size(width, height)?;
    let (levels, rule, alpha) = match image {
        DynamicImage::ImageLuma8(gray) => {
            let plane = Array2::from_shape_vec((height, width), gray.into_raw()).map_err(wrong_length)?;
            (OwnedLevels::Gray(plane), IntensityRule::Stored, None)
        }
        other => reference_levels(&other)?,
    };
    apply_policy(levels, rule, alpha, origin, warnings, options)
}

pub(crate) fn from_gray(levels: Array2<u8>, options: &ReadOptions) -> Result<Radiograph> {
    apply_policy(OwnedLevels::Gray(levels), IntensityRule::Stored, None, Origin::Memory, Vec::new(), options)
}

pub(crate) fn from_gray16(samples: ArrayView2<'_, u16>, options: &ReadOptions) -> Result<Radiograph> {
    check_size(samples.ncols(), samples.nrows())?;
    let levels = OwnedLevels::Gray(intensity::min_max(samples)?);
    apply_policy(levels, IntensityRule::MinMax, None, Origin::Memory, Vec::new(), options)
}

pub(crate) fn from_rgb(levels: Array3<u8>, options: &ReadOptions) -> Result<Radiograph> {
    if levels.dim().0 != 3 {
        return Err(Error::new(ErrorKind::Argument, format!("3 colour planes expected, {} found", levels.dim().0)));
    }
    apply_policy(OwnedLevels::Rgb(levels), IntensityRule::Stored, None, Origin::Memory, Vec::new(), options)
}

/// The least and the greatest 8-bit alpha value of an image that has alpha.
type AlphaBounds = Option<(u16, u16)>;

/// Stretches the levels if the policy says so and they have not been stretched yet. The published code stretches all channels
/// as one and drops alpha afterwards, so alpha counts for the least and the greatest value.
fn apply_policy(
    levels: OwnedLevels,
    rule: IntensityRule,
    alpha: AlphaBounds,
    origin: Origin,
    mut warnings: Vec<Warning>,
    options: &ReadOptions,
) -> Result<Radiograph> {
    if alpha.is_some() {
        warnings.push(Warning::AlphaDropped);
    }
    let with_alpha = |(least, greatest): (u16, u16)| match alpha {
        Some((low, high)) => (least.min(low), greatest.max(high)),
        None => (least, greatest),
    };
    let stretch = match options.intensity.rules().levels {
        LevelsRule::Keep => false,
        LevelsRule::Stretch => rule != IntensityRule::MinMax,
    };
    let (levels, rule) = match levels {
        levels if !stretch => (levels, rule),
        OwnedLevels::Gray(plane) => {
            let bounds = with_alpha(intensity::bounds(plane.iter().copied()));
            (OwnedLevels::Gray(intensity::stretch(plane.view(), bounds)?), IntensityRule::MinMax)
        }
        OwnedLevels::Rgb(planes) => {
            let bounds = with_alpha(intensity::bounds(planes.iter().copied()));
            (OwnedLevels::Rgb(intensity::stretch(planes.view(), bounds)?), IntensityRule::MinMax)
        }
    };
    let mut reading = ReadingRecord::new(origin, options.intensity, rule);
    reading.warnings = warnings;
    Radiograph::new(levels, reading)
}

/// The levels that the published code makes of an image. Alpha is dropped, not blended, as Pillow does.
fn reference_levels(image: &DynamicImage) -> Result<(OwnedLevels, IntensityRule, AlphaBounds)> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let (levels, rule, alpha) = match image {
        DynamicImage::ImageLuma8(gray) => (gray_levels(width, height, gray, 1)?, IntensityRule::Stored, None),
        DynamicImage::ImageLumaA8(gray) => {
            (gray_levels(width, height, gray, 2)?, IntensityRule::Stored, Some(alpha_bounds(gray, 2, |alpha| alpha)))
        }
        DynamicImage::ImageRgb8(rgb) => {
            (rgb_levels(width, height, rgb, 3, |level| level)?, IntensityRule::Stored, None)
        }
        DynamicImage::ImageRgba8(rgb) => {
            let alpha = alpha_bounds(rgb, 4, |alpha| alpha);
            (rgb_levels(width, height, rgb, 4, |level| level)?, IntensityRule::Stored, Some(alpha))
        }
        DynamicImage::ImageLuma16(gray) => (gray16_levels(width, height, gray)?, IntensityRule::MinMax, None),
        DynamicImage::ImageLumaA16(gray) => {
            let samples: Vec<u16> = gray.iter().step_by(2).copied().collect();
            (gray16_levels(width, height, &samples)?, IntensityRule::MinMax, Some(alpha_bounds(gray, 2, high_byte)))
        }
        DynamicImage::ImageRgb16(rgb) => (rgb_levels(width, height, rgb, 3, high_byte)?, IntensityRule::HighByte, None),
        DynamicImage::ImageRgba16(rgb) => {
            let alpha = alpha_bounds(rgb, 4, high_byte);
            (rgb_levels(width, height, rgb, 4, high_byte)?, IntensityRule::HighByte, Some(alpha))
        }
        other => {
            return Err(unsupported(format!("8-bit or 16-bit samples expected, {:?} found", other.color())));
        }
    };
    Ok((levels, rule, alpha))
}

/// The least and the greatest alpha value: the last of every `stride` samples, made an 8-bit level by `level`.
fn alpha_bounds<T: Copy>(samples: &[T], stride: usize, level: fn(T) -> u8) -> (u16, u16) {
    intensity::bounds(samples.iter().skip(stride - 1).step_by(stride).map(|&sample| level(sample)))
}

fn high_byte(sample: u16) -> u8 {
    (sample >> 8) as u8
}

fn wrong_length(error: ndarray::ShapeError) -> Error {
    damaged("the decoder returned fewer samples than the image has").with_source(error)
}

fn gray_levels(width: usize, height: usize, samples: &[u8], stride: usize) -> Result<OwnedLevels> {
    let levels = samples.iter().step_by(stride).copied().collect();
    Ok(OwnedLevels::Gray(Array2::from_shape_vec((height, width), levels).map_err(wrong_length)?))
}

fn gray16_levels(width: usize, height: usize, samples: &[u16]) -> Result<OwnedLevels> {
    let samples = ArrayView2::from_shape((height, width), samples).map_err(wrong_length)?;
    Ok(OwnedLevels::Gray(intensity::min_max(samples)?))
}

fn rgb_levels<T: Copy>(
    width: usize,
    height: usize,
    samples: &[T],
    stride: usize,
    level: fn(T) -> u8,
) -> Result<OwnedLevels> {
    let planes = (0..3)
        .flat_map(|channel| samples.iter().skip(channel).step_by(stride).map(move |&sample| level(sample)))
        .collect();
    Ok(OwnedLevels::Rgb(Array3::from_shape_vec((3, height, width), planes).map_err(wrong_length)?))
}
