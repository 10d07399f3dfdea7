//! Decoded images and arrays to levels.

use image::DynamicImage;
use ndarray::{Array2, Array3, ArrayView2};
use radzero_format::{Error, ErrorKind, Result};

use super::options::ReadOptions;
use super::refusal::{damaged, unknown_policy, unsupported};
use super::{
    IntensityPolicy, IntensityRule, Origin, OwnedLevels, Radiograph, ReadingRecord, Warning, check_size, intensity,
};

pub(super) fn from_image(image: &DynamicImage, options: &ReadOptions) -> Result<Radiograph> {
    check_size(image.width() as usize, image.height() as usize)?;
    let (levels, rule, alpha) = levels(image)?;
    finish(levels, rule, alpha, Origin::Memory, Vec::new(), options)
}

/// As [`from_image`], for a decoder's result: 8-bit gray is taken without a copy.
pub(super) fn from_decoded(
    image: DynamicImage,
    origin: Origin,
    warnings: Vec<Warning>,
    options: &ReadOptions,
) -> Result<Radiograph> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    check_size(width, height)?;
    let (levels, rule, alpha) = match image {
        DynamicImage::ImageLuma8(gray) => {
            let plane = Array2::from_shape_vec((height, width), gray.into_raw()).map_err(misshapen)?;
            (OwnedLevels::Gray(plane), IntensityRule::Stored, None)
        }
        other => levels(&other)?,
    };
    finish(levels, rule, alpha, origin, warnings, options)
}

pub(super) fn from_gray(levels: Array2<u8>, options: &ReadOptions) -> Result<Radiograph> {
    finish(OwnedLevels::Gray(levels), IntensityRule::Stored, None, Origin::Memory, Vec::new(), options)
}

pub(super) fn from_gray16(samples: ArrayView2<'_, u16>, options: &ReadOptions) -> Result<Radiograph> {
    check_size(samples.ncols(), samples.nrows())?;
    let levels = OwnedLevels::Gray(intensity::min_max(samples)?);
    finish(levels, IntensityRule::MinMax, None, Origin::Memory, Vec::new(), options)
}

pub(super) fn from_rgb(levels: Array3<u8>, options: &ReadOptions) -> Result<Radiograph> {
    if levels.dim().0 != 3 {
        return Err(Error::new(ErrorKind::Argument, format!("3 colour planes expected, {} found", levels.dim().0)));
    }
    finish(OwnedLevels::Rgb(levels), IntensityRule::Stored, None, Origin::Memory, Vec::new(), options)
}

/// Least and greatest alpha in 8 bits, of an image that has it.
type Alpha = Option<(u16, u16)>;

/// Applies the policy to what has not been stretched yet. The published code stretches all channels of an image as one, and
/// drops alpha afterwards: it counts for what is least and greatest.
fn finish(
    levels: OwnedLevels,
    rule: IntensityRule,
    alpha: Alpha,
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
    let stretch = match options.intensity {
        IntensityPolicy::Reference | IntensityPolicy::Display => false,
        IntensityPolicy::MinMax => rule != IntensityRule::MinMax,
        other => return Err(unknown_policy(other)),
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

/// Levels of the published code's rule for the kind of samples. Alpha is dropped, not blended, as Pillow does.
fn levels(image: &DynamicImage) -> Result<(OwnedLevels, IntensityRule, Alpha)> {
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

/// Least and greatest of the last of every `stride` samples, which is alpha.
fn alpha_bounds<T: Copy>(samples: &[T], stride: usize, level: fn(T) -> u8) -> (u16, u16) {
    intensity::bounds(samples.iter().skip(stride - 1).step_by(stride).map(|&sample| level(sample)))
}

fn high_byte(sample: u16) -> u8 {
    (sample >> 8) as u8
}

fn misshapen(error: ndarray::ShapeError) -> Error {
    damaged("the decoder returned fewer samples than the image has").with_source(error)
}

fn gray_levels(width: usize, height: usize, samples: &[u8], stride: usize) -> Result<OwnedLevels> {
    let levels = samples.iter().step_by(stride).copied().collect();
    Ok(OwnedLevels::Gray(Array2::from_shape_vec((height, width), levels).map_err(misshapen)?))
}

fn gray16_levels(width: usize, height: usize, samples: &[u16]) -> Result<OwnedLevels> {
    let samples = ArrayView2::from_shape((height, width), samples).map_err(misshapen)?;
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
    Ok(OwnedLevels::Rgb(Array3::from_shape_vec((3, height, width), planes).map_err(misshapen)?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use image::{GrayAlphaImage, RgbImage, RgbaImage};

    /// A picture before and after OpenCV's `normalize` (tests/golden/normalize.py).
    #[derive(serde::Deserialize)]
    struct Case {
        kind: String,
        width: u32,
        height: u32,
        samples: Vec<u8>,
        levels: Vec<u8>,
    }

    #[derive(serde::Deserialize)]
    struct Golden {
        images: Vec<Case>,
    }

    #[test]
    fn channels_are_stretched_as_one_with_alpha() {
        let text = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/normalize.json")).unwrap();
        let golden: Golden = serde_json::from_slice(&text).unwrap();
        assert_eq!(golden.images.len(), 6);
        for Case { kind, width, height, samples, levels } in golden.images {
            let image: DynamicImage = match kind.as_str() {
                "gray-alpha" => GrayAlphaImage::from_raw(width, height, samples).unwrap().into(),
                "rgb" => RgbImage::from_raw(width, height, samples).unwrap().into(),
                _ => RgbaImage::from_raw(width, height, samples).unwrap().into(),
            };
            let options = ReadOptions { intensity: IntensityPolicy::MinMax, ..ReadOptions::default() };
            let radiograph = from_image(&image, &options).unwrap();
            let (found, alpha): (Vec<u8>, _) = match &radiograph.levels {
                OwnedLevels::Gray(plane) => (plane.iter().copied().collect(), kind == "gray-alpha"),
                OwnedLevels::Rgb(planes) => (planes.iter().copied().collect(), kind == "rgba"),
            };
            assert_eq!(found, levels, "{kind} {width} x {height}");
            assert_eq!(radiograph.warnings().contains(&Warning::AlphaDropped), alpha, "{kind}");
            assert_eq!(radiograph.intensity(), IntensityRule::MinMax);
        }
    }
}
