//! 8-bit JPEG (ITU-T T.81) by `zune-jpeg`: the whole picture or an error.
//!
//! Steps: codestream -> checked copy ([`whole`]) -> headers -> size check -> samples.

pub(super) mod markers;
mod size;
mod whole;

use radzero_format::{Error, Result};
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::{MAX_SIDE, check_size};
use crate::radiograph::refusal::{damaged, unsupported};

/// A decoded picture.
pub(super) struct Picture {
    pub(super) width: usize,
    pub(super) height: usize,
    /// What its components are.
    pub(super) stored: ColorSpace,
    /// Row by row, components side by side.
    pub(super) samples: Vec<u8>,
    pub(super) exif: Option<Vec<u8>>,
}

/// Decodes `stream`; `wanted` says what the samples shall be, from what is stored.
///
/// Refused is what Pillow refuses, a codestream without its end, and also one whose data ends before its last pixel.
///
/// # Errors
/// If it is damaged, cut off, too large or not supported.
pub(super) fn decode(stream: &[u8], wanted: fn(ColorSpace) -> ColorSpace) -> Result<Picture> {
    let stream = whole::whole(stream)?;
    // Strict: otherwise what is missing or damaged becomes gray pixels without a word.
    let options = DecoderOptions::default().set_strict_mode(true).set_max_width(MAX_SIDE).set_max_height(MAX_SIDE);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&stream[..]), options);
    decoder.decode_headers().map_err(|error| refused(&error))?;
    let (width, height) = decoder.dimensions().unwrap_or_default();
    check_size(width, height)?;
    let stored = decoder.input_colorspace().unwrap_or(ColorSpace::Unknown);
    decoder.set_options(options.jpeg_set_out_colorspace(wanted(stored)));
    let samples = decoder.decode().map_err(|error| refused(&error))?;
    Ok(Picture { width, height, stored, samples, exif: decoder.exif().cloned() })
}

/// What the decoder says, without the bytes that it quotes.
fn refused(error: &DecodeErrors) -> Error {
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
