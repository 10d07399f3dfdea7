//! Marker segments of a JPEG codestream (ITU-T T.81 annex B).

use radzero_format::{Error, Result};

use crate::refusal::damaged;

/// The error for a codestream that ends early.
pub(crate) fn cut_off() -> Error {
    damaged("the JPEG codestream is cut off")
}

/// The codestream after its start-of-image marker.
///
/// # Errors
/// If it does not start with one.
pub(crate) fn after_start_of_image(stream: &[u8]) -> Result<&[u8]> {
    stream.strip_prefix(&[0xFF, 0xD8]).ok_or_else(|| damaged("this is not a JPEG codestream"))
}

/// A marker, the body of its segment, and the bytes after it.
pub(crate) type Segment<'a> = (u8, &'a [u8], &'a [u8]);

/// The next segment; `None` at the end-of-image marker.
///
/// # Errors
/// If the bytes end before that marker.
pub(crate) fn next_segment(mut bytes: &[u8]) -> Result<Option<Segment<'_>>> {
    loop {
        let marker = match bytes {
            [0xFF, 0xFF, ..] => {
                bytes = &bytes[1..];
                continue;
            }
            &[0xFF, marker, ..] => marker,
            // Decoders skip stray bytes between segments.
            [_, rest @ ..] => {
                bytes = rest;
                continue;
            }
            [] => return Err(cut_off()),
        };
        bytes = &bytes[2..];
        match marker {
            0xD9 => return Ok(None),
            // Stuffing, restart, start of image and TEM have no body.
            0x00 | 0x01 | 0xD0..=0xD8 => {}
            _ => {
                let &[high, low, ..] = bytes else { return Err(cut_off()) };
                let length = usize::from(u16::from_be_bytes([high, low])).max(2);
                let (body, rest) = bytes.split_at_checked(length).ok_or_else(cut_off)?;
                return Ok(Some((marker, &body[2..], rest)));
            }
        }
    }
}

/// Length of the entropy-coded data at the start of `data`, which ends at the first marker other than a restart.
pub(crate) fn entropy_coded_length(data: &[u8]) -> usize {
    let mut position = 0;
    while let Some(offset) = data[position..].iter().position(|&byte| byte == 0xFF) {
        position += offset;
        match data.get(position + 1) {
            Some(0x00 | 0xFF | 0xD0..=0xD7) => position += 1,
            _ => return position,
        }
    }
    data.len()
}
