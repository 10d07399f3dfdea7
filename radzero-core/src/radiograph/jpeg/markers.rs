//! Marker segments of a JPEG codestream (ITU-T T.81 annex B).

use radzero_format::{Error, Result};

use crate::radiograph::refusal::damaged;

pub(in crate::radiograph) fn cut() -> Error {
    damaged("the JPEG codestream is cut off")
}

/// What follows the start of image.
pub(in crate::radiograph) fn start(stream: &[u8]) -> Result<&[u8]> {
    stream.strip_prefix(&[0xFF, 0xD8]).ok_or_else(|| damaged("this is not a JPEG codestream"))
}

pub(in crate::radiograph) type Segment<'a> = (u8, &'a [u8], &'a [u8]);

/// Marker, body and rest of the next segment; `None` at the end of image.
///
/// # Errors
/// If the bytes end before the end of image does.
pub(in crate::radiograph) fn segment(mut bytes: &[u8]) -> Result<Option<Segment<'_>>> {
    loop {
        let marker = match bytes {
            [0xFF, 0xFF, ..] => {
                bytes = &bytes[1..];
                continue;
            }
            &[0xFF, marker, ..] => marker,
            // Bytes between segments do not belong there; decoders skip them.
            [_, rest @ ..] => {
                bytes = rest;
                continue;
            }
            [] => return Err(cut()),
        };
        bytes = &bytes[2..];
        match marker {
            0xD9 => return Ok(None),
            // Stuffing, restart, start of image and TEM have no body.
            0x00 | 0x01 | 0xD0..=0xD8 => {}
            _ => {
                let &[high, low, ..] = bytes else { return Err(cut()) };
                let length = usize::from(u16::from_be_bytes([high, low])).max(2);
                let (body, rest) = bytes.split_at_checked(length).ok_or_else(cut)?;
                return Ok(Some((marker, &body[2..], rest)));
            }
        }
    }
}

/// Length of the entropy-coded data at the start of `data`: up to the first marker that is not a restart.
pub(in crate::radiograph) fn entropy_coded(data: &[u8]) -> usize {
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
