//! JPEG in DICOM (ITU-T T.81): `zune-jpeg` decodes 8-bit DCT; 12-bit DCT and lossless frames are decoded here, because no
//! maintained crate decodes them all:
//!
//! - `zune-jpeg` supports 8-bit DCT only.
//! - `jpeg-decoder`, which dicom-rs uses, refuses 12-bit DCT, and decodes lossless codestreams with restart intervals to wrong
//!   pixels without an error (image-rs/jpeg-decoder issue 286; its pull request 287 has files of a device that writes them).
//!
//! Steps: frame header -> size check -> scan by scan -> planes.

mod bits;
mod huffman;
mod lossless;
mod segments;
mod sequential;

use radzero_format::Result;

use self::segments::{Frame, Process, Segments};
use super::planes::{Colours, DecodedFrame, ExpectedFrame, Plane};
use crate::guard::{check_length, check_memory};
use crate::jpeg;
use crate::jpeg::markers::{after_start_of_image, next_segment};
use crate::refusal::unsupported;

pub(super) fn decode(stream: &[u8], expected: &ExpectedFrame) -> Result<DecodedFrame> {
    let frame = segments::frame_header(stream)?;
    expected.check_size(frame.columns, frame.rows, frame.components.len())?;
    expected.check_depth(frame.precision.into())?;
    let planes = match (frame.process, frame.precision) {
        (Process::Sequential | Process::Progressive, 8) => decode_dct8(stream, frame.components.len())?,
        (Process::Sequential, 12) => {
            check_memory(expected.pixels(), 3)?;
            // A block of 64 pixels takes two codes of at least one bit.
            check_length(expected.pixels() / 64 / 4, stream.len())?;
            vec![Plane::Words(sequential::decode(Segments::new(stream)?)?)]
        }
        (Process::Lossless, 2..=16) => {
            // Memory: the words and the levels. Length: a code of at least one bit for each sample.
            let components = frame.components.len();
            check_memory(expected.pixels(), 3 * components + 1)?;
            check_length(expected.pixels() * components / 8, stream.len())?;
            lossless::decode(Segments::new(stream)?)?.into_iter().map(Plane::Words).collect()
        }
        (process, precision) => {
            return Err(unsupported(format!("{process:?} JPEG of {precision} bits a sample is not supported")));
        }
    };
    Ok(DecodedFrame { planes, colours: stated_colours(stream, &frame)? })
}

/// The colour space that a codestream of three components states, as pydicom reads it: RGB if the component identifiers are
/// "RGB", otherwise YCbCr if there is a JFIF segment. Nothing else overrules the data set.
fn stated_colours(stream: &[u8], frame: &Frame) -> Result<Option<Colours>> {
    let identifiers: Vec<u8> = frame.components.iter().map(|component| component.identifier).collect();
    match &identifiers[..] {
        b"RGB" | b"rgb" => return Ok(Some(Colours::Rgb)),
        [_, _, _] => {}
        _ => return Ok(None),
    }
    let mut rest = after_start_of_image(stream)?;
    while let Some((marker, body, behind)) = next_segment(rest)? {
        match marker {
            0xE0..=0xEF if body.starts_with(b"JFIF") => return Ok(Some(Colours::Luminance)),
            // Start of scan: no more header segments.
            0xDA => break,
            _ => rest = behind,
        }
    }
    Ok(None)
}

/// Decodes 8-bit DCT. No colour transform: the data set says what the components are.
fn decode_dct8(stream: &[u8], components: usize) -> Result<Vec<Plane>> {
    let samples = jpeg::decode(stream, |stored| stored)?.samples;
    if components == 1 {
        return Ok(vec![Plane::Bytes(samples)]);
    }
    Ok((0..components)
        .map(|index| Plane::Bytes(samples.iter().skip(index).step_by(components).copied().collect()))
        .collect())
}
