//! Decodes compressed frames to planes of stored samples, with one module per codec.

mod jpeg;
mod jpeg2000;
mod planes;
mod rle;

use radzero_format::Result;
use radzero_format::reading::TransferSyntax;

pub(super) use self::planes::{Colours, DecodedFrame, ExpectedFrame, Plane};
use crate::guard::catch_panic;
use crate::refusal::{damaged, unsupported};

/// Decodes one frame.
///
/// # Errors
/// If the transfer syntax is not supported, or the codestream is damaged or contradicts the data set.
pub(super) fn decode(syntax: TransferSyntax, stream: &[u8], expected: &ExpectedFrame) -> Result<DecodedFrame> {
    let decoder = match syntax {
        TransferSyntax::Rle => rle::decode,
        TransferSyntax::JpegBaseline
        | TransferSyntax::JpegExtended
        | TransferSyntax::JpegLossless
        | TransferSyntax::JpegLosslessFirstOrder => jpeg::decode,
        TransferSyntax::Jpeg2000Lossless | TransferSyntax::Jpeg2000 => jpeg2000::decode,
        TransferSyntax::JpegLs | TransferSyntax::JpegLsNearLossless => {
            // The feature `charls` of dicom-rs decodes it, but builds a C++ library, and this crate must not need a C++ compiler.
            return Err(unsupported(format!(
                "transfer syntax {syntax} is not supported: its decoder, CharLS, is a C++ library; decompress the file first"
            )));
        }
        TransferSyntax::ImplicitLittleEndian
        | TransferSyntax::ExplicitLittleEndian
        | TransferSyntax::ExplicitBigEndian
        | TransferSyntax::DeflatedLittleEndian => {
            return Err(damaged("the pixel data is encapsulated although its transfer syntax is uncompressed"));
        }
        other => return Err(unsupported(format!("transfer syntax {other} is not supported"))),
    };
    let mut decoded = catch_panic("the decoder gave up on the codestream", || decoder(stream, expected))?;
    if decoded.planes.len() != expected.components
        || decoded.planes.iter().any(|plane| plane.len() != expected.pixels())
    {
        return Err(damaged("the decoder returned another number of samples than the image has"));
    }
    decoded.planes = decoded.planes.into_iter().map(|plane| plane.with_depth(expected.bits_allocated)).collect();
    Ok(decoded)
}
