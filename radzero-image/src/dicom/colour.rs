//! The luminance of colour secondary captures (ITU-R BT.601, in Pillow's arithmetic).

use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use ndarray::Array2;
use radzero_format::reading::{IntensityPolicy, IntensityRule, LevelsRule, Warning};
use radzero_format::{Error, Result};

use super::codec::{Colours, DecodedFrame, Plane};
use super::frame::FrameSamples;
use super::layout::{Layout, Photometric};
use super::lut::Lut;
use super::samples::Samples;
use crate::intensity;
use crate::refusal::{damaged, unsupported};

/// The 8-bit levels of a colour image by the policy, and the rule that ran.
pub(super) fn to_levels(
    object: &InMemDicomObject,
    samples: FrameSamples<'_>,
    layout: &Layout,
    policy: IntensityPolicy,
    warnings: &mut Vec<Warning>,
) -> Result<(Array2<u8>, IntensityRule)> {
    warnings.push(Warning::ColourToLuminance);
    let luminance = match layout.photometric {
        Photometric::Palette => palette_luminance(object, &samples.plane()?, layout, warnings)?,
        _ if layout.bits_allocated != 8 || layout.bits_stored != 8 => {
            return Err(unsupported(format!("colour of 8 bits a sample expected, {} found", layout.bits_stored)));
        }
        photometric => match samples {
            FrameSamples::Native(Samples::Bytes(bytes)) => uncompressed_luminance(&bytes, layout),
            FrameSamples::Planes(DecodedFrame { planes, colours }) => {
                let stated = if photometric == Photometric::Rgb { Colours::Rgb } else { Colours::Luminance };
                if colours.is_some_and(|found| found != stated) {
                    warnings.push(Warning::ColoursOfCodestream);
                }
                decoded_luminance(planes, colours.unwrap_or(stated))?
            }
            FrameSamples::Native(_) => return Err(not_bytes()),
        },
    };
    let levels = Array2::from_shape_vec((layout.rows, layout.columns), luminance)
        .map_err(|error| damaged("pixel data do not fill the image").with_source(error))?;
    match policy.rules().levels {
        LevelsRule::Keep => Ok((levels, IntensityRule::Luminance)),
        LevelsRule::Stretch => Ok((intensity::min_max(levels.view())?, IntensityRule::MinMax)),
    }
}

fn not_bytes() -> Error {
    damaged("colour samples of 8 bits expected")
}

fn luminance([red, green, blue]: [u8; 3]) -> u8 {
    ((u32::from(red) * 19_595 + u32::from(green) * 38_470 + u32::from(blue) * 7_471 + 0x8000) >> 16) as u8
}

fn uncompressed_luminance(bytes: &[u8], layout: &Layout) -> Vec<u8> {
    let pixels = layout.pixels();
    match (layout.photometric, layout.planar) {
        // Two luminances, then the two chrominances they share.
        (Photometric::Ybr422, _) => {
            bytes.iter().enumerate().filter(|(index, _)| index & 2 == 0).map(|(_, &y)| y).collect()
        }
        (Photometric::Ybr, true) => bytes.iter().take(pixels).copied().collect(),
        (Photometric::Ybr, false) => bytes.iter().step_by(3).copied().collect(),
        (_, true) => {
            let plane = |index: usize| bytes.iter().skip(index * pixels).take(pixels);
            plane(0).zip(plane(1)).zip(plane(2)).map(|((&red, &green), &blue)| luminance([red, green, blue])).collect()
        }
        (_, false) => bytes.as_chunks().0.iter().copied().map(luminance).collect(),
    }
}

fn decoded_luminance(planes: Vec<Plane>, colours: Colours) -> Result<Vec<u8>> {
    let bytes = |plane: Plane| match plane {
        Plane::Bytes(bytes) => bytes,
        Plane::Words(words) => words.into_iter().map(|word| word as u8).collect(),
    };
    let mut planes = planes.into_iter().map(bytes);
    let (Some(first), Some(green), Some(blue)) = (planes.next(), planes.next(), planes.next()) else {
        return Err(not_bytes());
    };
    if colours == Colours::Luminance {
        return Ok(first);
    }
    let channels = first.into_iter().zip(green).zip(blue);
    Ok(channels.map(|((red, green), blue)| luminance([red, green, blue])).collect())
}

fn palette_luminance(
    object: &InMemDicomObject,
    samples: &Samples<'_>,
    layout: &Layout,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<u8>> {
    let mut read = |descriptor, data| {
        object.element(data).map_err(|_| unsupported("a palette without plain lookup tables is not supported"))?;
        Lut::read(object, (descriptor, data), layout.domain(), warnings)
    };
    let red = read(tags::RED_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR, tags::RED_PALETTE_COLOR_LOOKUP_TABLE_DATA)?;
    let green = read(tags::GREEN_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR, tags::GREEN_PALETTE_COLOR_LOOKUP_TABLE_DATA)?;
    let blue = read(tags::BLUE_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR, tags::BLUE_PALETTE_COLOR_LOOKUP_TABLE_DATA)?;
    // For entries of more than 8 bits, the high byte, as in 16-bit colour images.
    let wide = [&red, &green, &blue].into_iter().any(|lut| lut.greatest() > 255);
    let level = |entry: u16| if wide { (entry >> 8) as u8 } else { entry as u8 };
    let table: Vec<u8> = (0..samples.patterns())
        .map(|raw| {
            let value = layout.value(raw as u32);
            luminance([level(red.entry(value)), level(green.entry(value)), level(blue.entry(value))])
        })
        .collect();
    Ok(samples.look_up(&table))
}
