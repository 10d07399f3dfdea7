//! JPEG 2000, decoded by `hayro-jpeg2000`. It computes in 32-bit floating point, which is exact for the reversible transform of
//! up to 16 bits.

mod headers;

use hayro_jpeg2000::error::{DecodeError, MarkerError, ValidationError};
use hayro_jpeg2000::{DecodeSettings, DecoderContext, Image};
use radzero_format::Result;

use super::planes::{DecodedFrame, ExpectedFrame, Plane};
use crate::refusal::{damaged, too_large, unsupported};

/// The markers that a codestream begins with: start of codestream, size.
const START: [u8; 4] = [0xFF, 0x4F, 0xFF, 0x51];

/// Greatest length in bytes of boxes before the codestream. DICOM has none, but some devices write them.
const MAX_BOXES: usize = 4096;

pub(super) fn decode(stream: &[u8], expected: &ExpectedFrame) -> Result<DecodedFrame> {
    let beginning = &stream[..stream.len().min(MAX_BOXES)];
    let start = beginning.windows(START.len()).position(|window| window == START);
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
        // Its messages are constant texts, without content of the image.
        refused.with_source(error)
    };
    let settings = DecodeSettings { strict: true, ..DecodeSettings::default() };
    let image = Image::new(stream, &settings).map_err(failed)?;
    let mut context = DecoderContext::default();
    let decoded = image.decode(&mut context).map_err(failed)?;
    let planes = decoded.components().iter().zip(components).map(|(component, headers::Component { bits, signed })| {
        let greatest = ((1_u32 << bits) - 1) as f32;
        // The decoder treats every component as unsigned, which adds half its range to signed samples.
        let half = if signed { 1_u16 << (bits - 1) } else { 0 };
        let words = component.samples().iter();
        Plane::Words(words.map(|&value| (value.round().clamp(0.0, greatest) as u16).wrapping_sub(half)).collect())
    });
    Ok(DecodedFrame { planes: planes.collect(), colours: None })
}
