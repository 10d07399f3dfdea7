//! 8-bit JPEG (ITU-T T.81), decoded by `zune-jpeg`: the whole image or an error.
//!
//! Steps: codestream -> copy without hidden truncation ([`truncation`]) -> headers -> size check -> samples.

pub(crate) mod markers;
mod size;
mod truncation;

use radzero_format::reading::MAX_SIDE;
use radzero_format::{Error, Result};
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::guard::check_size;
use crate::refusal::{damaged, unsupported};

/// A decoded JPEG image.
pub(crate) struct DecodedJpeg {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// The colour space of the codestream.
    pub(crate) stored: ColorSpace,
    /// Row by row, components interleaved, in the colour space that was asked for.
    pub(crate) samples: Vec<u8>,
    pub(crate) exif: Option<Vec<u8>>,
}

/// Decodes `stream`; `wanted` maps its colour space to that of the samples.
///
/// # Errors
/// If the codestream is damaged, too large, not supported, or cut off: without an end of image, which Pillow refuses too, or with
/// data that ends before the last pixel.
pub(crate) fn decode(stream: &[u8], wanted: fn(ColorSpace) -> ColorSpace) -> Result<DecodedJpeg> {
    let stream = truncation::expose(stream)?;
    // Strict: otherwise missing or damaged data silently becomes gray pixels.
    let options = DecoderOptions::default().set_strict_mode(true).set_max_width(MAX_SIDE).set_max_height(MAX_SIDE);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&stream[..]), options);
    decoder.decode_headers().map_err(|error| jpeg_error(&error))?;
    let (width, height) = decoder.dimensions().unwrap_or_default();
    check_size(width, height)?;
    let stored = decoder.input_colorspace().unwrap_or(ColorSpace::Unknown);
    decoder.set_options(options.jpeg_set_out_colorspace(wanted(stored)));
    let samples = decoder.decode().map_err(|error| jpeg_error(&error))?;
    Ok(DecodedJpeg { width, height, stored, samples, exif: decoder.exif().cloned() })
}

/// The decoder's error, without the bytes of the file that its message may quote.
fn jpeg_error(error: &DecodeErrors) -> Error {
    let what = match error {
        DecodeErrors::Unsupported(_) => return unsupported("JPEG of this process or number of bits is not supported"),
        DecodeErrors::HuffmanDecode(_) => "a Huffman code or table is not valid",
        DecodeErrors::DqtError(_) => "a quantisation table is not valid",
        DecodeErrors::SosError(_) => "a scan header is not valid",
        DecodeErrors::SofError(_) => "the frame header is not valid",
        DecodeErrors::MCUError(_) => "a block is not valid",
        DecodeErrors::ExhaustedData | DecodeErrors::IoErrors(_) => "it is cut off",
        DecodeErrors::ZeroError => "it has no pixels",
        _ => "it is not what its markers say",
    };
    damaged(format!("the JPEG codestream is damaged: {what}"))
}
