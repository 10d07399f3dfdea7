//! Recognises DICOM files, by their signature or, if they have none, by their first data element.

/// The signature of a DICOM file, after 128 bytes of preamble (PS3.10 section 7.1).
const SIGNATURE: &[u8] = b"DICM";

/// Length of the preamble in bytes.
const PREAMBLE: usize = 128;

/// Where the data elements start: after preamble and signature, after a signature without preamble, or at 0.
pub(crate) fn content_start(bytes: &[u8]) -> usize {
    let signed = |start: usize| bytes.get(start..start + SIGNATURE.len()) == Some(SIGNATURE);
    match (signed(PREAMBLE), signed(0)) {
        (true, _) => PREAMBLE + SIGNATURE.len(),
        (_, true) => SIGNATURE.len(),
        _ => 0,
    }
}

/// Whether the content is DICOM.
pub(crate) fn is_dicom(bytes: &[u8]) -> bool {
    content_start(bytes) > 0 || Encoding::guess(bytes).is_some()
}

/// How data elements are encoded: with explicit or implicit value representations, and in which byte order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    ImplicitLittle,
    ExplicitLittle,
    ExplicitBig,
}

impl Encoding {
    /// Guesses the encoding from the first data element, which is of group 0002 or 0008 in every file; `None` if this is not one.
    pub(crate) fn guess(bytes: &[u8]) -> Option<Self> {
        let head: &[u8; 8] = bytes.first_chunk()?;
        let explicit = is_vr([head[4], head[5]]);
        match [head[0], head[1]] {
            [0x02 | 0x08, 0] if explicit => Some(Self::ExplicitLittle),
            [0, 0x02 | 0x08] if explicit => Some(Self::ExplicitBig),
            // Without a value representation, only a plausible length tells it from other files.
            [0x08, 0] => {
                let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
                (length <= 0x1000 && head[3] <= 0x01).then_some(Self::ImplicitLittle)
            }
            _ => None,
        }
    }
}

/// Whether these two letters are a value representation (PS3.5 section 6.2).
pub(crate) fn is_vr(letters: [u8; 2]) -> bool {
    const ALL: [&[u8; 2]; 34] = [
        b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"OB", b"OD", b"OF", b"OL",
        b"OV", b"OW", b"PN", b"SH", b"SL", b"SQ", b"SS", b"ST", b"SV", b"TM", b"UC", b"UI", b"UL", b"UN", b"UR", b"US",
        b"UT", b"UV",
    ];
    ALL.contains(&&letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_data_sets_are_told_from_other_files() {
        for (bytes, expected) in [
            (&b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100"[..], Some(Encoding::ExplicitLittle)),
            (b"\x00\x08\x00\x05CS\x00\x0aISO_IR 100", Some(Encoding::ExplicitBig)),
            (b"\x08\x00\x05\x00\x0a\x00\x00\x00ISO_IR 100", Some(Encoding::ImplicitLittle)),
            (b"\x02\x00\x00\x00UL\x04\x00\xc8\x00\x00\x00", Some(Encoding::ExplicitLittle)),
            (b"\x08\x00\x05\x00\x0a\x00\x00\x7fISO_IR 100", None),
            (b"not an image at all", None),
            (b"\x08\x00", None),
            (b"", None),
        ] {
            assert_eq!(Encoding::guess(bytes), expected, "{bytes:?}");
        }
    }
}
