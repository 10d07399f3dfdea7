//! RLE (PS3.5 annex G): a PackBits segment for each byte of a sample, the most significant first.
//!
//! The decoder of `dicom-transfer-syntax-registry` (0.10.1) is not used: it panics on data without a whole header and on
//! segments that end early, and unpacks whole segments, however small the image.

use radzero_format::Result;

use super::planes::{DecodedFrame, ExpectedFrame, Plane};
use crate::guard::{check_length, check_memory};
use crate::refusal::damaged;

/// Length of the header in bytes.
const HEADER: usize = 64;

pub(super) fn decode(stream: &[u8], expected: &ExpectedFrame) -> Result<DecodedFrame> {
    let header = stream.get(..HEADER).ok_or_else(|| damaged("the RLE data is cut off"))?;
    let word =
        |index: usize| header.as_chunks::<4>().0.get(index).map_or(0, |&bytes| u32::from_le_bytes(bytes) as usize);
    let width = expected.bits_allocated as usize / 8;
    let (found, wanted) = (word(0), expected.components * width);
    if found != wanted {
        return Err(damaged(format!("{wanted} RLE segments expected, {found} found")));
    }
    // Memory: the bytes, the words made from them, and the levels. Length: two bytes unpack to at most 128.
    check_memory(expected.pixels(), 2 * wanted + 1)?;
    check_length(expected.pixels() * wanted / 64, stream.len())?;
    let segment = |index: usize| {
        let end = if index + 1 < found { word(index + 2) } else { stream.len() };
        let segment = stream.get(word(index + 1)..end.min(stream.len()));
        unpack(segment.unwrap_or_default(), expected.pixels())
    };
    let mut planes = Vec::with_capacity(expected.components);
    for component in 0..expected.components {
        let high = segment(component * width)?;
        planes.push(if width == 1 {
            Plane::Bytes(high)
        } else {
            let low = segment(component * width + 1)?;
            Plane::Words(high.into_iter().zip(low).map(|(high, low)| u16::from_be_bytes([high, low])).collect())
        });
    }
    Ok(DecodedFrame { planes, colours: None })
}

/// Unpacks exactly `length` bytes.
///
/// # Errors
/// If `packed` holds fewer.
fn unpack(mut packed: &[u8], length: usize) -> Result<Vec<u8>> {
    // Two bytes unpack to at most 128: no more is allocated than the data can fill.
    let mut bytes = Vec::with_capacity(length.min(packed.len() * 64));
    while bytes.len() < length {
        let (&control, rest) = packed.split_first().ok_or_else(|| damaged("the RLE data is cut off"))?;
        packed = match control {
            0..=127 => {
                let run = rest.split_at_checked(usize::from(control) + 1);
                let (run, rest) = run.ok_or_else(|| damaged("the RLE data is cut off"))?;
                bytes.extend_from_slice(run);
                rest
            }
            128 => rest,
            129..=255 => {
                let (&byte, rest) = rest.split_first().ok_or_else(|| damaged("the RLE data is cut off"))?;
                bytes.resize(bytes.len() + 257 - usize::from(control), byte);
                rest
            }
        };
    }
    bytes.truncate(length);
    Ok(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn literal_and_replicated_runs() {
        // 3 literal bytes, a no-op, 4 times 7, and more than asked for.
        let packed = [2, 1, 2, 3, 128, 253, 7, 0, 9, 9];
        assert_eq!(unpack(&packed, 8).unwrap(), [1, 2, 3, 7, 7, 7, 7, 9]);
        assert_eq!(unpack(&packed, 5).unwrap(), [1, 2, 3, 7, 7]);
        for cut in [0, 1, 3, 5, 6] {
            assert!(unpack(&packed[..cut], 8).is_err(), "{cut}");
        }
    }
}
