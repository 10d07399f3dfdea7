//! Checks the headers of a JPEG 2000 codestream (ISO/IEC 15444-1 annex A) before anything is allocated for it.

use radzero_format::{Error, Result};

use super::super::planes::ExpectedFrame;
use crate::guard::check_bytes;
use crate::refusal::{damaged, too_large, unsupported};

/// Greatest number of tiles, more than any device writes. Each costs time and memory, whatever its size.
const MAX_TILES: u64 = 4096;

// Bytes that the decoder allocates, tag trees and the growth of lists included.

/// For each pixel: coefficients and two buffers of the wavelet transform.
const PIXEL: u64 = 12;
/// For each sample: one in floating point and one of 16 bits.
const SAMPLE: u64 = 6;
/// For each code-block.
const BLOCK: u64 = 360;
/// For each layer of a code-block.
const LAYER: u64 = 48;
/// For each precinct.
const PRECINCT: u64 = 360;

fn cut_off() -> Error {
    damaged("the JPEG 2000 codestream is cut off")
}

pub(super) struct Component {
    pub(super) bits: u32,
    pub(super) signed: bool,
}

/// Reads the size segment (section A.5.1), compares it with what is expected, and checks the memory that decoding needs.
pub(super) fn read(stream: &[u8], expected: &ExpectedFrame) -> Result<Vec<Component>> {
    let header = stream.get(8..42).ok_or_else(cut_off)?;
    let word = |index: usize| header.as_chunks::<4>().0.get(index).map_or(0, |&bytes| u32::from_be_bytes(bytes));
    let count = usize::from(u16::from_be_bytes([header[32], header[33]]));
    let (width, height) = (word(0).saturating_sub(word(2)), word(1).saturating_sub(word(3)));
    expected.check_size(width as usize, height as usize, count)?;
    let (across, down) = (word(4), word(5));
    if across == 0 || down == 0 {
        return Err(damaged("the JPEG 2000 codestream has tiles without area"));
    }
    let tiles = u64::from(word(0).div_ceil(across)) * u64::from(word(1).div_ceil(down));
    if tiles > MAX_TILES {
        return Err(too_large(format!("at most {MAX_TILES} JPEG 2000 tiles expected, {tiles} found")));
    }
    let sizes = stream.get(42..42 + 3 * count).ok_or_else(cut_off)?.as_chunks::<3>().0;
    let component = |&[depth, horizontal, vertical]: &[u8; 3]| {
        let component = Component { bits: u32::from(depth & 0x7F) + 1, signed: depth & 0x80 != 0 };
        if component.bits > 16 || (horizontal, vertical) != (1, 1) {
            return Err(unsupported("JPEG 2000 of more than 16 bits or with subsampling is not supported"));
        }
        expected.check_depth(component.bits)?;
        Ok(component)
    };
    let components: Vec<Component> = sizes.iter().map(component).collect::<Result<_>>()?;

    let pixels = (width as u64) * (height as u64) * (PIXEL + SAMPLE * count as u64);
    let tile = (across.min(width), down.min(height));
    let mut most = 0;
    each_coding_style(stream, count, |style| most = most.max(style.bytes(tile)))?;
    check_bytes(pixels.saturating_add(most.saturating_mul(count as u64)))?;
    Ok(components)
}

/// How a component of a tile is divided into code-blocks and precincts (sections A.6.1 and A.6.2).
struct CodingStyle<'a> {
    layers: u16,
    levels: u8,
    /// Exponents of the width and height of code-blocks, less 2.
    blocks: (u8, u8),
    /// For each resolution from the lowest, exponents of the width and height of precincts, a nibble each; empty if all are 15.
    precincts: &'a [u8],
}

impl CodingStyle<'_> {
    /// Bytes for the code-blocks, layers and precincts of one component in a tile of this size.
    fn bytes(&self, (width, height): (u32, u32)) -> u64 {
        let pieces = |length: u32, exponent: u32| u64::from(length >> exponent.min(31)) + 2;
        let levels = u32::from(self.levels.min(32));
        let mut sum = 0_u64;
        for resolution in 0..=levels {
            let at = |length: u32| length.checked_shr(levels - resolution).unwrap_or(0) + 1;
            let (across, down) = (at(width), at(height));
            let precinct = self.precincts.get(resolution as usize).copied().unwrap_or(0xFF);
            let precinct = (u32::from(precinct & 15), u32::from(precinct >> 4));
            let precincts = pieces(across, precinct.0) * pieces(down, precinct.1);
            // Above the lowest resolution, three sub-bands of half the size share a precinct.
            let (bands, half) = if resolution == 0 { (1, 0) } else { (3, 1) };
            let side = |block: u8, precinct: u32| (u32::from(block) + 2).min(precinct.saturating_sub(half));
            let blocks = pieces(across >> half, side(self.blocks.0, precinct.0))
                * pieces(down >> half, side(self.blocks.1, precinct.1));
            let block = BLOCK + LAYER * u64::from(self.layers);
            sum = sum.saturating_add(bands * (blocks * block + precincts * PRECINCT));
        }
        sum
    }
}

/// Calls `visit` with the coding styles of the main header and of all tile-part headers.
fn each_coding_style(stream: &[u8], components: usize, mut visit: impl FnMut(&CodingStyle<'_>)) -> Result<()> {
    const START: usize = 2;
    let mut position = START;
    // The end of the current tile-part, from its header.
    let mut end = None;
    let mut layers = 1;
    while let Some(&[0xFF, marker, high, low]) = stream.get(position..).and_then(|rest| rest.first_chunk::<4>()) {
        // Start of data: the next header follows it.
        if marker == 0x93 {
            let Some(next) = end.take() else { break };
            if next <= position {
                break;
            }
            position = next;
            continue;
        }
        let length = usize::from(u16::from_be_bytes([high, low]));
        let body = stream.get(position + 4..position + 2 + length).ok_or_else(cut_off)?;
        match (marker, body) {
            (0x52, &[form, _, high, low, _, levels, width, height, _, _, ref precincts @ ..]) => {
                layers = u16::from_be_bytes([high, low]);
                let precincts = if form & 1 == 1 { precincts } else { &[] };
                visit(&CodingStyle { layers, levels, blocks: (width, height), precincts });
            }
            (0x53, body) => {
                let body = body.get(if components < 257 { 1 } else { 2 }..).unwrap_or_default();
                if let &[form, levels, width, height, _, _, ref precincts @ ..] = body {
                    let precincts = if form & 1 == 1 { precincts } else { &[] };
                    visit(&CodingStyle { layers, levels, blocks: (width, height), precincts });
                }
            }
            (0x90, &[_, _, a, b, c, d, ..]) => {
                let length = u32::from_be_bytes([a, b, c, d]) as usize;
                end = position.checked_add(length).filter(|_| length > 0);
            }
            _ => {}
        }
        position += 2 + length.max(2);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(layers: u16, blocks: u8, precincts: &[u8]) -> CodingStyle<'_> {
        CodingStyle { layers, levels: 5, blocks: (blocks, blocks), precincts }
    }

    #[test]
    fn fine_divisions_cost_memory() {
        let tile = (4096, 4096);
        let usual = style(1, 4, &[]).bytes(tile);
        assert!(usual < 8 << 20, "{usual}");
        // Blocks of 4 x 4, precincts of one coefficient, and 65,535 layers.
        assert!(style(1, 0, &[]).bytes(tile) > 256 << 20);
        assert!(style(1, 4, &[0; 6]).bytes(tile) > 4 << 30);
        assert!(style(u16::MAX, 4, &[]).bytes(tile) > 4 << 30);
        // Unusual, but reasonable.
        assert!(style(10, 3, &[0x77, 0x77, 0x88, 0x88, 0x88, 0x88]).bytes(tile) < 128 << 20);
    }

    #[test]
    fn styles_of_tile_parts_count_too() {
        let mut stream = vec![0xFF, 0x4F];
        let style = [0xFF, 0x52, 0, 12, 0, 0, 0, 3, 0, 5, 4, 4, 0, 1];
        stream.extend(style);
        stream.extend([0xFF, 0x90, 0, 10, 0, 0, 0, 0, 0, 32, 0, 1]);
        stream.extend(style);
        stream.extend([0xFF, 0x93, 1, 2, 3, 4]);
        stream.extend([0xFF, 0xD9]);
        let mut seen = Vec::new();
        assert!(each_coding_style(&stream, 1, |style| seen.push((style.layers, style.levels))).is_ok());
        assert_eq!(seen, [(3, 5), (3, 5)]);
        assert!(each_coding_style(&stream[..10], 1, |_| ()).is_err());
    }
}
