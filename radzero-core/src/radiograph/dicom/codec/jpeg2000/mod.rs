//! JPEG 2000 by `hayro-jpeg2000`, which computes in 32-bit floating point: exact for the reversible transform of up to 16
//! bits.

mod headers;

use hayro_jpeg2000::error::{DecodeError, MarkerError, ValidationError};
use hayro_jpeg2000::{DecodeSettings, DecoderContext, Image};
use radzero_format::Result;

use super::{Decoded, Expected, Plane};
use crate::radiograph::refusal::{damaged, too_large, unsupported};

/// Start of codestream, then the size segment's marker.
const START: [u8; 4] = [0xFF, 0x4F, 0xFF, 0x51];

/// DICOM has bare codestreams; some writers put boxes around them.
const LONGEST_BOXES: usize = 4096;

pub(super) fn decode(stream: &[u8], expected: &Expected) -> Result<Decoded> {
    let near = &stream[..stream.len().min(LONGEST_BOXES)];
    let start = near.windows(START.len()).position(|window| window == START);
    let start = start.ok_or_else(|| damaged("the pixel data is not a JPEG 2000 codestream"))?;
    let stream = &stream[start..];
    let components = headers::read(stream, expected)?;

    let failed = |error| {
        let refused = match error {
            DecodeError::Marker(MarkerError::Unsupported) => unsupported("JPEG 2000 of this kind is not supported"),
            DecodeError::Validation(ValidationError::ImageTooLarge) => {
                too_large("the JPEG 2000 codestream is too large")
            }
            _ => damaged("the JPEG 2000 codestream is damaged"),
        };
        // Its messages are fixed texts.
        refused.with_source(error)
    };
    let settings = DecodeSettings { strict: true, ..DecodeSettings::default() };
    let image = Image::new(stream, &settings).map_err(failed)?;
    let mut context = DecoderContext::default();
    let decoded = image.decode(&mut context).map_err(failed)?;
    let planes = decoded.components().iter().zip(components).map(|(component, headers::Component { bits, signed })| {
        let greatest = ((1_u32 << bits) - 1) as f32;
        // The decoder takes every component for unsigned and has added half its range.
        let half = if signed { 1_u16 << (bits - 1) } else { 0 };
        let words = component.samples().iter();
        Plane::Words(words.map(|&value| (value.round().clamp(0.0, greatest) as u16).wrapping_sub(half)).collect())
    });
    Ok(Decoded { planes: planes.collect(), colours: None })
}
