//! Checks a frame header against the memory allowed and the data available.

use radzero_format::Result;

use super::markers::cut_off;
use crate::guard::{check_length, check_memory, check_size};
use crate::refusal::unsupported;

/// Width and height of a block in samples.
const BLOCK: usize = 8;

/// Checks a frame header (section B.2.2) before anything is allocated for the frame.
///
/// # Errors
/// If it is cut off or not supported, or if the frame needs too much memory or more data than the `length` bytes of its
/// codestream.
pub(super) fn check_frame(frame: &[u8], progressive: bool, length: usize) -> Result<()> {
    let &[precision, high, low, left, right, count, ref components @ ..] = frame else { return Err(cut_off()) };
    if precision != 8 {
        return Err(unsupported(format!("JPEG of {precision} bits a sample is not supported: 8 expected")));
    }
    let rows = usize::from(u16::from_be_bytes([high, low]));
    let columns = usize::from(u16::from_be_bytes([left, right]));
    if rows == 0 {
        return Err(unsupported("JPEG whose height stands behind its data (DNL) is not supported"));
    }
    check_size(columns, rows)?;
    let components = components.get(..3 * usize::from(count)).ok_or_else(cut_off)?.as_chunks::<3>().0;
    let factors = || components.iter().map(|&[_, factors, _]| (usize::from(factors >> 4), usize::from(factors & 15)));
    // The decoder keeps 16-bit coefficients of all components, or for scans of one component a set for each sampling factor,
    // and the samples.
    let sets: usize = factors().map(|(horizontal, vertical)| horizontal * vertical).sum();
    let padded = |side: usize| side.next_multiple_of(4 * BLOCK);
    check_memory(padded(columns) * padded(rows), 2 * sets.max(components.len()) + components.len())?;

    // A block has a code for its first coefficient, and in sequential frames one that ends it. A code has at least one bit.
    let greatest = |factor: fn((usize, usize)) -> usize| factors().map(factor).max().unwrap_or(1).max(1);
    let (widest, tallest) = (greatest(|(horizontal, _)| horizontal), greatest(|(_, vertical)| vertical));
    let blocks: usize = factors()
        .map(|(horizontal, vertical)| (columns * horizontal / widest / BLOCK) * (rows * vertical / tallest / BLOCK))
        .sum();
    check_length(blocks * if progressive { 1 } else { 2 } / 8, length)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn frame(side: u16, factors: &[u8]) -> Vec<u8> {
        let [high, low] = side.to_be_bytes();
        let mut body = vec![8, high, low, high, low, factors.len() as u8];
        body.extend((1..).zip(factors).flat_map(|(identifier, &factors)| [identifier, factors, 0]));
        body
    }

    #[test]
    fn memory_grows_with_components_and_sampling() {
        let most = usize::MAX;
        assert!(check_frame(&frame(11_584, &[0x11]), true, most).is_ok());
        assert!(check_frame(&frame(8_000, &[0x11; 3]), true, most).is_ok());
        for (side, factors) in [(8_800, &[0x11; 3][..]), (8_000, &[0x22, 0x11, 0x11]), (5_000, &[0x44])] {
            let error = check_frame(&frame(side, factors), true, most).unwrap_err();
            assert!(error.to_string().contains("at most 671088640 bytes"), "{side}: {error}");
        }
    }

    #[test]
    fn data_must_suffice_for_the_blocks() {
        // 1000 x 1000 blocks.
        assert!(check_frame(&frame(8_000, &[0x11]), false, 250_000).is_ok());
        let error = check_frame(&frame(8_000, &[0x11]), false, 249_999).unwrap_err();
        assert!(error.to_string().contains("at least 250000 bytes expected for its size, 249999 found"), "{error}");
        assert!(check_frame(&frame(8_000, &[0x11]), true, 125_000).is_ok());
        // Chroma planes of a quarter of the size.
        assert!(check_frame(&frame(4_000, &[0x22, 0x11, 0x11]), false, 93_687).is_err());
        assert!(check_frame(&frame(4_000, &[0x22, 0x11, 0x11]), false, 93_750).is_ok());
        assert!(check_frame(&frame(4_000, &[0x22])[..8], false, 93_750).is_err());
    }
}
