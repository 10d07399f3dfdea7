//! PNG encoding.

use std::io::Cursor;

use image::{EncodableLayout, ImageBuffer, ImageFormat, PixelWithColorType};
use radzero_score::format::Result;

use crate::validate::argument_error;

/// Encodes an image as a PNG file.
pub(crate) fn png<P>(image: &ImageBuffer<P, Vec<u8>>) -> Result<Vec<u8>>
where
    P: PixelWithColorType<Subpixel = u8>,
    [u8]: EncodableLayout,
{
    let mut bytes = Vec::new();
    let written = image.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png);
    let (width, height) = image.dimensions();
    written.map_err(|source| {
        argument_error(format!("{width} x {height} pixels cannot be written as PNG")).with_source(source)
    })?;
    Ok(bytes)
}
