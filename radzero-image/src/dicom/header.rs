//! Reads the file meta information (PS3.10 section 7.1) and finds out how the data set after it is encoded.

use std::borrow::Cow;
use std::io::Read as _;

use flate2::read::DeflateDecoder;
use radzero_format::Result;
use radzero_format::reading::{MAX_PIXELS, TransferSyntax, Warning};

use crate::dicom_signature::{Encoding, content_start, is_vr};
use crate::refusal::{damaged, not_an_image, too_large, unsupported};

/// Largest inflated data set in bytes: the largest 16-bit image, and room for the rest.
const MAX_INFLATED: u64 = 2 * MAX_PIXELS as u64 + (1 << 24);

/// How the data set of a file is encoded, and where it starts.
pub(super) struct Header {
    pub(super) syntax: TransferSyntax,
    pub(super) encoding: Encoding,
    /// Where the data set starts.
    start: usize,
}

/// The transfer syntax with this UID.
///
/// # Errors
/// If it is unknown. The message contains the UID, if it is a valid one.
pub(super) fn supported_syntax(uid: &str) -> Result<TransferSyntax> {
    TransferSyntax::from_uid(uid).ok_or_else(|| {
        let uid = uid.trim_end_matches(['\0', ' ']);
        let plain = uid.len() <= 64 && uid.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        unsupported(format!(
            "transfer syntax {} is not supported",
            if plain && !uid.is_empty() { uid } else { "without a valid UID" }
        ))
    })
}

/// Reads the header of a file.
pub(super) fn read(bytes: &[u8], warnings: &mut Vec<Warning>) -> Result<Header> {
    let (named, start) = read_meta(bytes, content_start(bytes));
    let data = bytes.get(start..).unwrap_or_default();
    let found = Encoding::guess(data);
    let Some(uid) = named else {
        warnings.push(Warning::NoFileMeta);
        let refuse = if content_start(bytes) == 0 { not_an_image } else { damaged };
        let encoding = found.ok_or_else(|| refuse("the DICOM file names no transfer syntax".to_owned()))?;
        let syntax = match encoding {
            Encoding::ImplicitLittle => TransferSyntax::ImplicitLittleEndian,
            Encoding::ExplicitLittle => TransferSyntax::ExplicitLittleEndian,
            Encoding::ExplicitBig => TransferSyntax::ExplicitBigEndian,
        };
        return Ok(Header { syntax, encoding, start });
    };
    let syntax = supported_syntax(&String::from_utf8_lossy(uid))?;
    let stated = match syntax {
        TransferSyntax::ImplicitLittleEndian => Encoding::ImplicitLittle,
        TransferSyntax::ExplicitBigEndian => Encoding::ExplicitBig,
        _ => Encoding::ExplicitLittle,
    };
    let encoding = match found {
        // A deflated data set has no recognisable first element.
        Some(found) if found != stated && syntax != TransferSyntax::DeflatedLittleEndian => {
            warnings.push(Warning::EncodingMismatch);
            found
        }
        _ => stated,
    };
    Ok(Header { syntax, encoding, start })
}

impl Header {
    /// The data set, inflated if the transfer syntax is deflated.
    pub(super) fn data_set<'a>(&self, bytes: &'a [u8]) -> Result<Cow<'a, [u8]>> {
        let data = bytes.get(self.start..).unwrap_or_default();
        if self.syntax != TransferSyntax::DeflatedLittleEndian {
            return Ok(Cow::Borrowed(data));
        }
        let mut inflated = Vec::new();
        let read = DeflateDecoder::new(data).take(MAX_INFLATED + 1).read_to_end(&mut inflated);
        if inflated.len() as u64 > MAX_INFLATED {
            return Err(too_large(format!("a data set of at most {MAX_INFLATED} bytes expected, more found")));
        }
        // Truncated data may still hold the whole image: the parser decides.
        if inflated.is_empty() {
            read.map_err(|error| damaged("the deflated data set is damaged").with_source(error))?;
        }
        Ok(Cow::Owned(inflated))
    }
}

/// The Transfer Syntax UID in the file meta group at `start`, and where the group ends. The group's stated length is not
/// trusted: it ends after its last element.
fn read_meta(bytes: &[u8], start: usize) -> (Option<&[u8]>, usize) {
    let mut uid = None;
    let mut position = start;
    loop {
        let Some(&[0x02, 0x00, low, high, first, second, third, fourth]) =
            bytes.get(position..).and_then(|rest| rest.first_chunk::<8>())
        else {
            return (uid, position);
        };
        let (header, length) = match [first, second] {
            letters if !is_vr(letters) => (8, u32::from_le_bytes([first, second, third, fourth]) as usize),
            [b'O', _] | [b'S', b'Q'] | [b'U', b'N' | b'T' | b'C' | b'R'] => {
                let length = bytes.get(position + 8..).and_then(|rest| rest.first_chunk::<4>());
                (12, length.map_or(usize::MAX, |&length| u32::from_le_bytes(length) as usize))
            }
            _ => (8, u16::from_le_bytes([third, fourth]).into()),
        };
        let value_start = position + header;
        let Some(value) = value_start.checked_add(length).and_then(|end| bytes.get(value_start..end)) else {
            return (uid, position);
        };
        if u16::from_le_bytes([low, high]) == 0x0010 {
            uid = Some(value);
        }
        position = value_start + length;
    }
}
