//! JPEG as DICOM has it (ITU-T T.81): 8-bit DCT by `zune-jpeg`; 12-bit DCT and lossless here, as the kept crates have neither
//! whole:
//!
//! - `zune-jpeg` refuses all but 8 bits, and lossless frames.
//! - `jpeg-decoder`, which dicom-rs uses, refuses 12-bit DCT, and decodes lossless codestreams with restart intervals to wrong
//!   pixels without an error (image-rs/jpeg-decoder issue 286; a device's files that have them, in its pull request 287).
//!
//! Steps: frame header -> size check -> scan by scan -> planes.

mod bits;
mod huffman;
mod lossless;
mod segments;
mod sequential;

use radzero_format::Result;

use self::segments::{Frame, Process, Segments};
use super::{Colours, Decoded, Expected, Plane};
use crate::radiograph::guard::{check_length, check_memory};
use crate::radiograph::jpeg;
use crate::radiograph::jpeg::markers::{segment, start};
use crate::radiograph::refusal::unsupported;

pub(super) fn decode(stream: &[u8], expected: &Expected) -> Result<Decoded> {
    let frame = segments::frame_header(stream)?;
    expected.check(frame.columns, frame.rows, frame.components.len())?;
    expected.check_depth(frame.precision.into())?;
    let planes = match (frame.process, frame.precision) {
        (Process::Sequential | Process::Progressive, 8) => dct8(stream, frame.components.len())?,
        (Process::Sequential, 12) => {
            check_memory(expected.pixels(), 3)?;
            // A block takes two codes, of one bit at least.
            check_length(expected.pixels() / 64 / 4, stream.len())?;
            vec![Plane::Words(sequential::decode(Segments::new(stream)?)?)]
        }
        (Process::Lossless, 2..=16) => {
            // Words, and what is made of them; and a code for each sample.
            let components = frame.components.len();
            check_memory(expected.pixels(), 3 * components + 1)?;
            check_length(expected.pixels() * components / 8, stream.len())?;
            lossless::decode(Segments::new(stream)?)?.into_iter().map(Plane::Words).collect()
        }
        (process, precision) => {
            return Err(unsupported(format!("{process:?} JPEG of {precision} bits a sample is not supported")));
        }
    };
    Ok(Decoded { planes, colours: colours(stream, &frame)? })
}

/// What a codestream of three components says of its colours, as pydicom reads it: component identifiers of RGB are RGB, else
/// a JFIF segment means luminance and chrominances. Nothing else overrules the data set.
fn colours(stream: &[u8], frame: &Frame) -> Result<Option<Colours>> {
    let identifiers: Vec<u8> = frame.components.iter().map(|component| component.identifier).collect();
    match &identifiers[..] {
        b"RGB" | b"rgb" => return Ok(Some(Colours::Rgb)),
        [_, _, _] => {}
        _ => return Ok(None),
    }
    let mut rest = start(stream)?;
    while let Some((marker, body, behind)) = segment(rest)? {
        match marker {
            0xE0..=0xEF if body.starts_with(b"JFIF") => return Ok(Some(Colours::Luminance)),
            // Start of scan: what follows is data.
            0xDA => break,
            _ => rest = behind,
        }
    }
    Ok(None)
}

/// Components as stored: no colour transform, as the data set and not the codestream says what they are.
fn dct8(stream: &[u8], components: usize) -> Result<Vec<Plane>> {
    let samples = jpeg::decode(stream, |stored| stored)?.samples;
    if components == 1 {
        return Ok(vec![Plane::Bytes(samples)]);
    }
    Ok((0..components)
        .map(|index| Plane::Bytes(samples.iter().skip(index).step_by(components).copied().collect()))
        .collect())
}
