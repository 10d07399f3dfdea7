//! Finds one frame in the pixel data, and decompresses it.

use std::borrow::Cow;

use radzero_format::reading::{Frame, TransferSyntax, Warning};
use radzero_format::{Error, Result};

use super::codec::{self, DecodedFrame, ExpectedFrame, Plane};
use super::dataset::PixelData;
use super::layout::{Layout, Photometric};
use super::samples::Samples;
use crate::refusal::damaged;

/// The samples of one frame.
pub(super) enum FrameSamples<'a> {
    /// As in the file: interleaved or, if the layout says so, in planes.
    Native(Samples<'a>),
    /// Decompressed, in planes.
    Planes(DecodedFrame),
}

impl<'a> FrameSamples<'a> {
    /// The samples of a frame of one component.
    pub(super) fn plane(self) -> Result<Samples<'a>> {
        match self {
            Self::Native(samples) => Ok(samples),
            Self::Planes(decoded) => match decoded.planes.into_iter().next() {
                Some(Plane::Bytes(bytes)) => Ok(Samples::Bytes(bytes.into())),
                Some(Plane::Words(words)) => Ok(Samples::Words(words.into())),
                None => Err(damaged("the decoder returned no image")),
            },
        }
    }
}

/// Reads one frame.
pub(super) fn read<'a>(
    pixels: &PixelData<'a>,
    layout: &Layout,
    syntax: TransferSyntax,
    frame: Frame,
    warnings: &mut Vec<Warning>,
) -> Result<FrameSamples<'a>> {
    if let PixelData::Fragments { offsets, fragments } = pixels {
        let stream = codestream(offsets, fragments, frame)?;
        let expected = ExpectedFrame {
            rows: layout.rows,
            columns: layout.columns,
            components: layout.components,
            bits_allocated: layout.bits_allocated,
        };
        return Ok(FrameSamples::Planes(codec::decode(syntax, &stream, &expected)?));
    }
    if syntax.is_compressed() {
        warnings.push(Warning::NotCompressed);
    }
    // Two pixels of YBR_FULL_422 share two chrominances.
    let samples = if layout.photometric == Photometric::Ybr422 { 2 } else { layout.components };
    let length = layout.pixels() * samples * (layout.bits_allocated as usize / 8);
    let start = frame.index.checked_mul(length).ok_or_else(|| damaged("the pixel data is too long"))?;
    let short = |found: usize| -> Error {
        damaged(format!("{} bytes of pixel data expected, {found} found", start.saturating_add(length)))
    };
    let range = start..start.checked_add(length).ok_or_else(|| short(0))?;
    Ok(FrameSamples::Native(match *pixels {
        PixelData::Words(words) if layout.bits_allocated == 16 => {
            let frame = words.get(range.start / 2..range.end / 2);
            Samples::Words(Cow::Borrowed(frame.ok_or_else(|| short(2 * words.len()))?))
        }
        PixelData::Words(words) => {
            let bytes = words.iter().flat_map(|word| word.to_le_bytes()).skip(range.start).take(length);
            let bytes: Vec<u8> = bytes.collect();
            if bytes.len() < length {
                return Err(short(2 * words.len()));
            }
            Samples::Bytes(bytes.into())
        }
        PixelData::Bytes { bytes, big_endian, words } => {
            let frame = bytes.get(range.clone()).ok_or_else(|| short(bytes.len()))?;
            match (layout.bits_allocated, big_endian) {
                (16, true) => Samples::BigEndian(frame.into()),
                (16, false) => Samples::LittleEndian(frame.into()),
                (_, true) if words => {
                    let swapped = range.map(|index| bytes.get(index ^ 1).copied());
                    Samples::Bytes(swapped.collect::<Option<Vec<u8>>>().ok_or_else(|| short(bytes.len()))?.into())
                }
                _ => Samples::Bytes(frame.into()),
            }
        }
        PixelData::Fragments { .. } => return Err(damaged("the pixel data is encapsulated")),
    }))
}

/// The codestream of one frame: its fragments, concatenated.
fn codestream<'a>(offsets: &[u32], fragments: &[&'a [u8]], frame: Frame) -> Result<Cow<'a, [u8]>> {
    let own = find_fragments(offsets, fragments, frame)?;
    match own {
        [] => Err(damaged("the DICOM file holds no pixel data: it is not an image")),
        [only] => Ok(Cow::Borrowed(only)),
        several => Ok(Cow::Owned(several.concat())),
    }
}

/// The fragments of one frame.
fn find_fragments<'a, 'f>(offsets: &[u32], fragments: &'f [&'a [u8]], frame: Frame) -> Result<&'f [&'a [u8]]> {
    if frame.count == 1 {
        return Ok(fragments);
    }
    if fragments.len() == frame.count {
        return Ok(&fragments[frame.index..=frame.index]);
    }
    // Where each frame starts: by the offset table, which counts from the item header of the first fragment, otherwise by the
    // marker that every JPEG and JPEG 2000 codestream begins with.
    let starts: Vec<usize> = if offsets.len() == frame.count {
        let mut position = 0_u64;
        let positions: Vec<u64> = fragments
            .iter()
            .map(|fragment| {
                let start = position;
                position += 8 + fragment.len() as u64;
                start
            })
            .collect();
        let starts = offsets.iter().map(|&offset| positions.binary_search(&offset.into()).ok());
        starts.collect::<Option<_>>().unwrap_or_default()
    } else {
        let begins = |fragment: &[u8]| matches!(fragment, [0xFF, 0xD8 | 0x4F, 0xFF, ..]);
        (0..fragments.len()).filter(|&index| begins(fragments[index])).collect()
    };
    let start = starts.get(frame.index).filter(|_| starts.len() == frame.count);
    let start = *start.ok_or_else(|| {
        damaged(format!(
            "{} fragments of pixel data for {} frames: which belongs to which is not said",
            fragments.len(),
            frame.count
        ))
    })?;
    let end = starts.get(frame.index + 1).copied().unwrap_or(fragments.len());
    fragments.get(start..end).ok_or_else(|| damaged("the offset table of the pixel data is not in order"))
}
