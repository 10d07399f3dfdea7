//! Huffman tables (T.81 annex C and section F.2.2.3).

use radzero_format::Result;

use super::bits::Bits;
use crate::radiograph::refusal::damaged;

/// Codes up to this length are found at once.
const FAST: u32 = 11;

/// A table for decoding.
#[derive(Debug, Clone)]
pub(super) struct Table {
    /// Value and code length of every code of at most `FAST` bits, by the bits that begin with it; length 0: a longer one.
    fast: Vec<(u8, u8)>,
    /// For each length: the first code of that length less the index of its value; and the first code beyond, 16 bits wide.
    offset: [i32; 17],
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

    /// The next value; `None` where no code fits. A refill must have come before.
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
