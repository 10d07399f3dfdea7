//! How the samples of an image lie (PS3.3 section C.7.6.3).

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use radzero_format::Result;

use super::attributes::{number, text};
use crate::radiograph::Warning;
use crate::radiograph::refusal::{damaged, unsupported};

/// Photometric interpretations that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Photometric {
    Monochrome1,
    Monochrome2,
    Palette,
    Rgb,
    /// YBR_FULL, of any subsampling within a codestream.
    Ybr,
    /// YBR_FULL_422: two luminances, then two chrominances, where it is not compressed.
    Ybr422,
}

#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) frames: usize,
    pub(super) components: usize,
    pub(super) photometric: Photometric,
    /// Component after component, rather than pixel after pixel.
    pub(super) planar: bool,
    pub(super) bits_allocated: u32,
    pub(super) bits_stored: u32,
    pub(super) high_bit: u32,
    pub(super) signed: bool,
}

impl Layout {
    pub(super) fn read(object: &InMemDicomObject, warnings: &mut Vec<Warning>) -> Result<Self> {
        let required = |tag: Tag, name: &str| {
            number::<u32>(object, tag, name)?
                .ok_or_else(|| damaged(format!("the DICOM file has pixel data and no {name}")))
        };
        let mut assumed = |value: Option<u32>, default: u32, warning: Warning| {
            value.unwrap_or_else(|| {
                warnings.push(warning);
                default
            })
        };
        let bits_allocated = required(tags::BITS_ALLOCATED, "Bits Allocated")?;
        if bits_allocated != 8 && bits_allocated != 16 {
            return Err(unsupported(format!("8 or 16 bits allocated expected, {bits_allocated} found")));
        }
        let stored = number(object, tags::BITS_STORED, "Bits Stored")?;
        let bits_stored = assumed(stored, bits_allocated, Warning::BitsStoredAssumed);
        let high = number(object, tags::HIGH_BIT, "High Bit")?;
        let high_bit = assumed(high, bits_stored.saturating_sub(1), Warning::HighBitAssumed);
        if bits_stored == 0 || bits_stored > bits_allocated || high_bit >= bits_allocated || high_bit + 1 < bits_stored
        {
            return Err(damaged(format!(
                "bits stored {bits_stored} with high bit {high_bit} do not fit into {bits_allocated} bits allocated"
            )));
        }
        let representation = number(object, tags::PIXEL_REPRESENTATION, "Pixel Representation")?;
        let signed = match assumed(representation, 0, Warning::PixelRepresentationAssumed) {
            0 => false,
            1 => true,
            other => return Err(damaged(format!("pixel representation 0 or 1 expected, {other} found"))),
        };
        let components = number(object, tags::SAMPLES_PER_PIXEL, "Samples per Pixel")?.unwrap_or(1_u32);
        let photometric = match text(object, tags::PHOTOMETRIC_INTERPRETATION) {
            Some(name) => Photometric::parse(&name)?,
            None if components == 1 => {
                warnings.push(Warning::PhotometricAssumed);
                Photometric::Monochrome2
            }
            None => return Err(damaged("the DICOM file has no Photometric Interpretation")),
        };
        let expected = if photometric.is_colour() { 3 } else { 1 };
        if components != expected {
            return Err(damaged(format!(
                "{expected} samples per pixel expected for {photometric:?}, {components} found"
            )));
        }
        let frames = number(object, tags::NUMBER_OF_FRAMES, "Number of Frames")?.unwrap_or(1_u32);
        Ok(Self {
            rows: required(tags::ROWS, "Rows")? as usize,
            columns: required(tags::COLUMNS, "Columns")? as usize,
            // Zero is what writers put that mean one.
            frames: frames.max(1) as usize,
            components: components as usize,
            photometric,
            planar: number(object, tags::PLANAR_CONFIGURATION, "Planar Configuration")? == Some(1_u32),
            bits_allocated,
            bits_stored,
            high_bit,
            signed,
        })
    }

    pub(super) fn pixels(&self) -> usize {
        self.rows * self.columns
    }

    /// The stored value in a sample of `bits_allocated` bits: shifted, masked and signed (PS3.5 section 8.1.1).
    pub(super) fn value(&self, raw: u32) -> i32 {
        // Everything below the high bit's place moves up to the sign bit and back: mask and sign extension in one.
        let up = 31 - self.high_bit;
        let down = 32 - self.bits_stored;
        if self.signed { ((raw << up) as i32) >> down } else { ((raw << up) >> down) as i32 }
    }

    /// Least and greatest value that can be stored.
    pub(super) fn domain(&self) -> (f64, f64) {
        let values = f64::from(self.bits_stored).exp2();
        if self.signed { (-values / 2.0, values / 2.0 - 1.0) } else { (0.0, values - 1.0) }
    }

    /// Whether bits are set in the sample that do not belong to its value; a sign carried on upwards does.
    pub(super) fn has_unused_bits(&self, raw: u32) -> bool {
        let low = self.high_bit + 1 - self.bits_stored;
        let above = raw >> (self.high_bit + 1);
        let carried =
            self.signed && self.value(raw) < 0 && above == (1 << (self.bits_allocated - self.high_bit - 1)) - 1;
        (above != 0 && !carried) || raw & ((1 << low) - 1) != 0
    }
}

impl Photometric {
    fn parse(name: &str) -> Result<Self> {
        Ok(match name {
            "MONOCHROME1" => Self::Monochrome1,
            "MONOCHROME2" => Self::Monochrome2,
            "PALETTE COLOR" => Self::Palette,
            // The decoder of JPEG 2000 undoes its own colour transform.
            "RGB" | "YBR_RCT" | "YBR_ICT" => Self::Rgb,
            "YBR_FULL_422" => Self::Ybr422,
            "YBR_FULL" => Self::Ybr,
            known @ ("HSV" | "ARGB" | "CMYK" | "YBR_PARTIAL_422" | "YBR_PARTIAL_420" | "XYB") => {
                return Err(unsupported(format!("photometric interpretation {known} is not supported")));
            }
            _ => return Err(unsupported("the photometric interpretation is unknown")),
        })
    }

    fn is_colour(self) -> bool {
        matches!(self, Self::Rgb | Self::Ybr | Self::Ybr422)
    }
}
