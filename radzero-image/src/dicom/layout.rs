//! How the samples of an image are stored (PS3.3 section C.7.6.3).

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use radzero_format::Result;
use radzero_format::reading::Warning;

use super::attributes::{integer, text};
use crate::refusal::{damaged, unsupported};

/// The photometric interpretations that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Photometric {
    Monochrome1,
    Monochrome2,
    Palette,
    Rgb,
    /// YBR_FULL; a codestream may be subsampled in any way.
    Ybr,
    /// YBR_FULL_422: if uncompressed, two luminances, then the two chrominances they share.
    Ybr422,
}

/// How the samples of an image are stored.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) frames: usize,
    pub(super) components: usize,
    pub(super) photometric: Photometric,
    /// Whether components are stored in planes, rather than interleaved.
    pub(super) planar: bool,
    pub(super) bits_allocated: u32,
    pub(super) bits_stored: u32,
    pub(super) high_bit: u32,
    pub(super) signed: bool,
}

impl Layout {
    pub(super) fn read(object: &InMemDicomObject, warnings: &mut Vec<Warning>) -> Result<Self> {
        let required = |tag: Tag, name: &str| {
            integer::<u32>(object, tag, name)?
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
        let stored = integer(object, tags::BITS_STORED, "Bits Stored")?;
        let bits_stored = assumed(stored, bits_allocated, Warning::BitsStoredAssumed);
        let high = integer(object, tags::HIGH_BIT, "High Bit")?;
        let high_bit = assumed(high, bits_stored.saturating_sub(1), Warning::HighBitAssumed);
        if bits_stored == 0 || bits_stored > bits_allocated || high_bit >= bits_allocated || high_bit + 1 < bits_stored
        {
            return Err(damaged(format!(
                "bits stored {bits_stored} with high bit {high_bit} do not fit into {bits_allocated} bits allocated"
            )));
        }
        let representation = integer(object, tags::PIXEL_REPRESENTATION, "Pixel Representation")?;
        let signed = match assumed(representation, 0, Warning::PixelRepresentationAssumed) {
            0 => false,
            1 => true,
            other => return Err(damaged(format!("pixel representation 0 or 1 expected, {other} found"))),
        };
        let components = integer(object, tags::SAMPLES_PER_PIXEL, "Samples per Pixel")?.unwrap_or(1_u32);
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
        let frames = integer(object, tags::NUMBER_OF_FRAMES, "Number of Frames")?.unwrap_or(1_u32);
        Ok(Self {
            rows: required(tags::ROWS, "Rows")? as usize,
            columns: required(tags::COLUMNS, "Columns")? as usize,
            // Some devices write 0 and mean 1.
            frames: frames.max(1) as usize,
            components: components as usize,
            photometric,
            planar: integer(object, tags::PLANAR_CONFIGURATION, "Planar Configuration")? == Some(1_u32),
            bits_allocated,
            bits_stored,
            high_bit,
            signed,
        })
    }

    pub(super) fn pixels(&self) -> usize {
        self.rows * self.columns
    }

    /// The stored value in a sample of `bits_allocated` bits: shifted, masked and sign-extended (PS3.5 section 8.1.1).
    pub(super) fn value(&self, raw: u32) -> i32 {
        // Shifting the high bit up to the sign bit and back down masks and sign-extends at once.
        let up = 31 - self.high_bit;
        let down = 32 - self.bits_stored;
        if self.signed { ((raw << up) as i32) >> down } else { ((raw << up) >> down) as i32 }
    }

    /// The least and the greatest value that can be stored.
    pub(super) fn domain(&self) -> (f64, f64) {
        let values = f64::from(self.bits_stored).exp2();
        if self.signed { (-values / 2.0, values / 2.0 - 1.0) } else { (0.0, values - 1.0) }
    }

    /// Whether bits outside the stored value are set, other than those of an extended sign.
    pub(super) fn has_unused_bits(&self, raw: u32) -> bool {
        let low = self.high_bit + 1 - self.bits_stored;
        let above = raw >> (self.high_bit + 1);
        let extended =
            self.signed && self.value(raw) < 0 && above == (1 << (self.bits_allocated - self.high_bit - 1)) - 1;
        (above != 0 && !extended) || raw & ((1 << low) - 1) != 0
    }
}

impl Photometric {
    fn parse(name: &str) -> Result<Self> {
        Ok(match name {
            "MONOCHROME1" => Self::Monochrome1,
            "MONOCHROME2" => Self::Monochrome2,
            "PALETTE COLOR" => Self::Palette,
            // The JPEG 2000 decoder undoes the colour transform of the codestream.
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
