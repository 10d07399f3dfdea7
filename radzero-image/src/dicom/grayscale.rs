//! The grayscale chain as a lookup table: stored bits -> modality transform -> VOI transform -> presentation.
//!
//! Every step maps single values, so the whole chain is computed once for each bit pattern that occurs.

use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use ndarray::Array2;
use radzero_format::Result;
use radzero_format::reading::{GrayscaleRule, IntensityPolicy, IntensityRule, Warning};

use super::attributes::{integer, text};
use super::layout::{Layout, Photometric};
use super::modality::Modality;
use super::samples::Samples;
use super::voi::Voi;
use crate::intensity::stored_maximum;
use crate::refusal::{blank, damaged};

/// A bit pattern that occurs, and the stored value in it.
type Stored = (usize, i32);

/// The 8-bit levels of a gray image by the policy, and the rule that ran.
pub(super) fn to_levels(
    object: &InMemDicomObject,
    samples: Samples<'_>,
    layout: &Layout,
    policy: IntensityPolicy,
    warnings: &mut Vec<Warning>,
) -> Result<(Array2<u8>, IntensityRule)> {
    let present = samples.present();
    let stored: Vec<Stored> =
        (0..present.len()).filter(|&raw| present[raw]).map(|raw| (raw, layout.value(raw as u32))).collect();
    if stored.iter().any(|&(raw, _)| layout.has_unused_bits(raw as u32)) {
        warnings.push(Warning::UnusedBitsSet);
    }
    let mut table = vec![0; present.len()];
    let rule = match policy.rules().grayscale {
        GrayscaleRule::StoredMaximum => fill_stored_maximum(&stored, layout, &mut table, warnings)?,
        GrayscaleRule::DisplayChain => fill_chain(object, &stored, layout, true, &mut table, warnings)?,
        GrayscaleRule::MinMaxChain => fill_chain(object, &stored, layout, false, &mut table, warnings)?,
    };
    let levels = Array2::from_shape_vec((layout.rows, layout.columns), samples.look_up(&table));
    Ok((levels.map_err(|error| damaged("pixel data do not fill the image").with_source(error))?, rule))
}

/// Fills `table` by the published rule: no rescale, no window.
fn fill_stored_maximum(
    stored: &[Stored],
    layout: &Layout,
    table: &mut [u8],
    warnings: &mut Vec<Warning>,
) -> Result<IntensityRule> {
    let greatest = stored.iter().map(|&(_, value)| value).max().unwrap_or(0);
    if greatest <= 0 {
        return Err(blank("no stored value is positive: the published rule needs one"));
    }
    if stored.iter().any(|&(_, value)| value < 0) {
        warnings.push(Warning::NegativeValues);
    }
    let inverted = layout.photometric == Photometric::Monochrome1;
    for &(raw, value) in stored {
        let level = stored_maximum(value, greatest);
        table[raw] = if inverted { 255 - level } else { level };
    }
    Ok(if inverted { IntensityRule::StoredMaximumInverted } else { IntensityRule::StoredMaximum })
}

/// Fills `table` by the grayscale chain: with the file's VOI LUT or window if `with_voi` is set and it has one, otherwise from least to
/// greatest value.
fn fill_chain(
    object: &InMemDicomObject,
    stored: &[Stored],
    layout: &Layout,
    with_voi: bool,
    table: &mut [u8],
    warnings: &mut Vec<Warning>,
) -> Result<IntensityRule> {
    let modality = Modality::read(object, layout, warnings)?;
    let voi_of_file = if with_voi { Voi::read(object, layout, &modality, warnings)? } else { None };
    let voi = match voi_of_file {
        Some(voi) => voi,
        None => value_range(object, stored, layout, &modality, warnings)?,
    };
    let inverted = is_inverted(object, layout);
    for &(raw, value) in stored {
        let level = voi.apply(modality.apply(value));
        table[raw] = (if inverted { 255.0 - level } else { level }).round_ties_even() as u8;
    }
    Ok(IntensityRule::Grayscale { modality: modality.transform(), voi: voi.transform(), inverted })
}

/// Whether either attribute asks for the inversion. It is applied once: MONOCHROME1 images of the DX family state both.
fn is_inverted(object: &InMemDicomObject, layout: &Layout) -> bool {
    layout.photometric == Photometric::Monochrome1
        || text(object, tags::PRESENTATION_LUT_SHAPE).is_some_and(|shape| shape == "INVERSE")
}

/// The range from the least to the greatest value after the modality transform, without padding (PS3.3 section C.7.5.1.1.2).
fn value_range(
    object: &InMemDicomObject,
    stored: &[Stored],
    layout: &Layout,
    modality: &Modality,
    warnings: &mut Vec<Warning>,
) -> Result<Voi> {
    // Both are signed if pixels are, but not every device writes the value representation that says so.
    let padding = |tag, name| -> Result<Option<i32>> {
        let value = integer::<i32>(object, tag, name)?;
        Ok(value.map(|value| if layout.signed { i32::from(value as i16) } else { i32::from(value as u16) }))
    };
    let value = padding(tags::PIXEL_PADDING_VALUE, "Pixel Padding Value")?;
    let limit = padding(tags::PIXEL_PADDING_RANGE_LIMIT, "Pixel Padding Range Limit")?;
    let padded = value.map(|value| {
        let limit = limit.unwrap_or(value);
        value.min(limit)..=value.max(limit)
    });
    let is_padding = |value: i32| padded.as_ref().is_some_and(|padded| padded.contains(&value));
    if stored.iter().any(|&(_, value)| is_padding(value)) {
        warnings.push(Warning::PaddingLeftOut);
    }
    let values = stored.iter().filter(|&&(_, value)| !is_padding(value)).map(|&(_, value)| modality.apply(value));
    let (least, greatest) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    if least >= greatest {
        return Err(blank("every pixel has the same value: nothing can be seen"));
    }
    Ok(Voi::Range { least, greatest })
}
