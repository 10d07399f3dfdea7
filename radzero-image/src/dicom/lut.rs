//! Lookup tables (PS3.3 sections C.11.1.1 and C.11.2.1.1).

use dicom_core::{Tag, VR};
use dicom_object::InMemDicomObject;
use radzero_format::Result;
use radzero_format::reading::Warning;

use super::attributes::u16_values;
use crate::refusal::damaged;

/// A lookup table.
#[derive(Debug)]
pub(super) struct Lut {
    /// The value that the first entry is for.
    first: i32,
    entries: Vec<u16>,
    /// Number of bits of an entry.
    bits: u32,
}

impl Lut {
    /// Reads the table from the attributes `descriptor` and `data`. `domain` is the least and the greatest value that may be looked
    /// up.
    pub(super) fn read(
        object: &InMemDicomObject,
        (descriptor, data): (Tag, Tag),
        domain: (f64, f64),
        warnings: &mut Vec<Warning>,
    ) -> Result<Self> {
        let malformed = || damaged("a LUT has no descriptor of three values");
        let &[count, first, bits] = &u16_values(object, descriptor).ok_or_else(malformed)?[..] else {
            return Err(malformed());
        };
        // 0 stands for 65,536, which does not fit into 16 bits.
        let count = if count == 0 { 1 << 16 } else { usize::from(count) };
        let mut entries = u16_values(object, data).ok_or_else(|| damaged("a LUT has no data"))?;
        if entries.len() < count && 2 * entries.len() >= count && bits <= 8 {
            // Two 8-bit entries per word.
            entries = entries.into_iter().flat_map(u16::to_le_bytes).map(u16::from).collect();
        }
        if entries.len() < count {
            return Err(damaged(format!("a LUT of {count} entries expected, {} found", entries.len())));
        }
        entries.truncate(count);
        let needed = u16::BITS - entries.iter().copied().max().unwrap_or(0).leading_zeros();
        let bits = if (1..=16).contains(&bits) { u32::from(bits) } else { 0 };
        let corrected = corrected_bits(bits, needed.max(1));
        if corrected != bits {
            warnings.push(Warning::LutBitsCorrected);
        }
        let stated = object.element(descriptor).is_ok_and(|element| element.vr() == VR::SS);
        let first = if is_signed(first, count, domain, stated) { i32::from(first as i16) } else { first.into() };
        Ok(Self { first, entries, bits: corrected })
    }

    /// The entry for a value; the first or the last one for values outside the table.
    pub(super) fn entry(&self, value: i32) -> u16 {
        let last = self.entries.len() - 1;
        let index = value.saturating_sub(self.first).max(0) as usize;
        self.entries[index.min(last)]
    }

    /// The greatest value of an entry of this many bits.
    pub(super) fn greatest(&self) -> u16 {
        (u32::from(u16::MAX) >> (16 - self.bits)) as u16
    }
}

/// Whether the first mapped value is signed (PS3.3 section C.11.1.1.1). If only one reading makes the table overlap the domain,
/// that one is right; otherwise it is signed if the file states SS or the domain has negative values. US states nothing: it is
/// assumed where a file has no value representations, and many devices write it in any case.
fn is_signed(first: u16, count: usize, (least, greatest): (f64, f64), stated: bool) -> bool {
    let overlaps = |first: f64| first <= greatest && first + count as f64 > least;
    match (overlaps((first as i16).into()), overlaps(first.into())) {
        (true, false) => true,
        (false, true) => false,
        _ => stated || least < 0.0,
    }
}

/// The number of bits to use: some devices declare 16 and use 12 or fewer, others declare too few.
fn corrected_bits(declared: u32, needed: u32) -> u32 {
    if needed > declared || (declared > 12 && needed <= 12) { needed } else { declared }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sign_of_the_first_mapped_value_is_that_of_the_domain() {
        for (first, domain, stated, signed) in [
            (64_512, (-1024.0, 3071.0), false, true),
            (40_000, (0.0, 65_535.0), false, false),
            (64_512, (-32_768.0, 32_767.0), false, true),
            // Both readings overlap: the file or the domain decides.
            (40_000, (-30_000.0, 50_000.0), false, true),
            (65_000, (0.0, 65_535.0), true, true),
            (65_000, (0.0, 65_535.0), false, false),
            // Read as negative, the table would be far below all values.
            (40_000, (-1024.0, 64_511.0), false, false),
            (40_000, (0.0, 65_535.0), true, false),
        ] {
            assert_eq!(is_signed(first, 4096, domain, stated), signed, "{first} {domain:?}");
        }
    }
}
