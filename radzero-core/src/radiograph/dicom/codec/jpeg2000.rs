//! JPEG 2000 by `hayro-jpeg2000`, which computes in 32-bit floating point: exact for the reversible transform of up to 16
//! bits.

use hayro_jpeg2000::{DecodeSettings, DecoderContext, Image};

use super::{Decoded, Expected, Plane, broken};
use crate::error::Result;

/// Start of codestream, then the size segment's marker.
const START: [u8; 4] = [0xFF, 0x4F, 0xFF, 0x51];

/// DICOM has bare codestreams; some writers put boxes around them.
const LONGEST_BOXES: usize = 4096;

/// More tiles than any device writes; each costs time and memory, whatever its size.
const MOST_TILES: u64 = 4096;

pub(super) fn decode(stream: &[u8], expected: &Expected) -> Result<Decoded> {
    let near = &stream[..stream.len().min(LONGEST_BOXES)];
    let start = near.windows(START.len()).position(|window| window == START);
    let start = start.ok_or_else(|| broken("the pixel data is not a JPEG 2000 codestream"))?;
    let stream = &stream[start..];
    let components = components(stream, expected)?;

    let failed = |error| broken("the JPEG 2000 codestream is damaged").with_source(error);
    let settings = DecodeSettings { strict: true, ..DecodeSettings::default() };
    let image = Image::new(stream, &settings).map_err(failed)?;
    let mut context = DecoderContext::default();
    let decoded = image.decode(&mut context).map_err(failed)?;
    let planes = decoded.components().iter().zip(components).map(|(component, Component { bits, signed })| {
        let greatest = ((1_u32 << bits) - 1) as f32;
        // The decoder takes every component for unsigned and has added half its range.
        let half = if signed { 1_u16 << (bits - 1) } else { 0 };
        let words = component.samples().iter();
        Plane::Words(words.map(|&value| (value.round().clamp(0.0, greatest) as u16).wrapping_sub(half)).collect())
    });
    Ok(Decoded { planes: planes.collect() })
}

struct Component {
    bits: u32,
    signed: bool,
}

/// Reads the size segment (ISO/IEC 15444-1 section A.5.1) and compares it with what is expected.
fn components(stream: &[u8], expected: &Expected) -> Result<Vec<Component>> {
    let cut = || broken("the JPEG 2000 codestream is cut off");
    let header = stream.get(8..42).ok_or_else(cut)?;
    let word = |index: usize| header.as_chunks::<4>().0.get(index).map_or(0, |&bytes| u32::from_be_bytes(bytes));
    let count = usize::from(u16::from_be_bytes([header[32], header[33]]));
    let (width, height) = (word(0).saturating_sub(word(2)), word(1).saturating_sub(word(3)));
    expected.check(width as usize, height as usize, count)?;
    let (across, down) = (word(4), word(5));
    if across == 0 || down == 0 {
        return Err(broken("the JPEG 2000 codestream has tiles without area"));
    }
    let tiles = u64::from(word(0).div_ceil(across)) * u64::from(word(1).div_ceil(down));
    if tiles > MOST_TILES {
        return Err(broken(format!("at most {MOST_TILES} JPEG 2000 tiles expected, {tiles} found")));
    }
    let sizes = stream.get(42..42 + 3 * count).ok_or_else(cut)?;
    sizes
        .as_chunks::<3>()
        .0
        .iter()
        .map(|&[depth, horizontal, vertical]| {
            let component = Component { bits: u32::from(depth & 0x7F) + 1, signed: depth & 0x80 != 0 };
            if component.bits > 16 || (horizontal, vertical) != (1, 1) {
                return Err(broken("JPEG 2000 of more than 16 bits or with subsampling is not supported"));
            }
            expected.check_depth(component.bits)?;
            Ok(component)
        })
        .collect()
}
