//! Huffman tables (T.81 annex C and section F.2.2.3).

use radzero_format::Result;

use super::bits::Bits;
use crate::refusal::damaged;

/// Codes of up to this many bits are decoded by one table lookup.
const FAST: u32 = 11;

/// A Huffman table for decoding.
#[derive(Debug, Clone)]
pub(super) struct Table {
    /// Value and length of the code that `FAST` bits begin with; length 0 if the code is longer.
    fast: Vec<(u8, u8)>,
    /// For each code length: what to add to a code to get the index of its value.
    offset: [i32; 17],
    /// For each code length: the first code beyond those of this length, left-aligned in 16 bits.
    limit: [u32; 17],
    values: Vec<u8>,
}

impl Table {
    pub(super) fn new(counts: &[u8; 16], values: &[u8]) -> Result<Self> {
        let mut table =
            Self { fast: vec![(0, 0); 1 << FAST], offset: [0; 17], limit: [0; 17], values: values.to_vec() };
        let (mut code, mut index) = (0_u32, 0_usize);
        for length in 1..=16_u32 {
            let count = u32::from(counts[length as usize - 1]);
            table.offset[length as usize] = index as i32 - code as i32;
            for _ in 0..count {
                if code >= 1 << length {
                    return Err(damaged("a JPEG Huffman table has too many codes"));
                }
                if length <= FAST {
                    let first = (code << (FAST - length)) as usize;
                    table.fast[first..first + (1 << (FAST - length))].fill((values[index], length as u8));
                }
                code += 1;
                index += 1;
            }
            table.limit[length as usize] = code << (16 - length);
            code <<= 1;
        }
        Ok(table)
    }

    /// Consumes a code and returns its value; `None` if no code matches. Call [`Bits::refill`] first.
    #[inline]
    pub(super) fn decode(&self, bits: &mut Bits<'_>) -> Option<u8> {
        let (value, length) = self.fast[bits.peek(FAST)];
        if length > 0 {
            bits.skip(length.into());
            return Some(value);
        }
        let code = bits.peek(16) as u32;
        let length = (FAST + 1..=16).find(|&length| code < self.limit[length as usize])?;
        bits.skip(length);
        let index = (code >> (16 - length)) as i32 + self.offset[length as usize];
        self.values.get(usize::try_from(index).ok()?).copied()
    }
}
