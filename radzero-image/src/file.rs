//! The content of a file: its type is recognised, its size checked before anything is allocated, its samples decoded.
//!
//! 8-bit samples come out as those of Pillow's `convert("RGB")`.

use std::io::Cursor;

use image::codecs::png::PngDecoder;
use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, ImageDecoder as _, ImageError, ImageFormat, Limits, RgbImage};
use radzero_format::reading::{MAX_SIDE, Origin, Warning};
use radzero_format::{Error, Result};
use zune_jpeg::zune_core::colorspace::ColorSpace;

#[cfg(feature = "dicom")]
use crate::dicom;
use crate::dicom_signature::is_dicom;
use crate::guard::{MAX_BYTES, catch_panic, check_length, check_memory, check_size};
use crate::jpeg::{self, DecodedJpeg};
use crate::levels;
use crate::options::ReadOptions;
use crate::radiograph::Radiograph;
use crate::refusal::{damaged, not_an_image, too_large, unsupported};

/// Reads a radiograph from the content of a file of any supported type.
pub(crate) fn decode(bytes: &[u8], options: &ReadOptions) -> Result<Radiograph> {
    // PNG and JPEG first: their signatures are longer than what identifies a DICOM data set without a header.
    let (origin, decoder): (_, Decoder) = match image::guess_format(bytes) {
        Ok(ImageFormat::Png) => (Origin::Png, decode_png),
        Ok(ImageFormat::Jpeg) => (Origin::Jpeg, decode_jpeg),
        _ if is_dicom(bytes) => return decode_dicom(bytes, options),
        Ok(other) => return Err(unsupported(format!("PNG, JPEG or DICOM expected, {other:?} found"))),
        Err(_) if bytes.is_empty() => return Err(not_an_image("PNG, JPEG or DICOM expected, an empty file found")),
        Err(_) => return Err(not_an_image("PNG, JPEG or DICOM expected, something else found")),
    };
    let decoded = catch_panic("the image is damaged: its decoder gave up", || decoder(bytes))?;
    let DecodedImage { mut image, orientation } = decoded;
    let mut warnings = Vec::new();
    if orientation != Orientation::NoTransforms {
        if options.apply_exif_orientation {
            image.apply_orientation(orientation);
        } else {
            warnings.push(Warning::OrientationNotApplied);
        }
    }
    let turned = orientation != Orientation::NoTransforms && options.apply_exif_orientation;
    let mut radiograph = levels::from_decoded(image, origin, warnings, options)?;
    radiograph.reading.orientation_applied = turned;
    Ok(radiograph)
}

#[cfg(feature = "dicom")]
fn decode_dicom(bytes: &[u8], options: &ReadOptions) -> Result<Radiograph> {
    dicom::decode(bytes, options)
}

#[cfg(not(feature = "dicom"))]
fn decode_dicom(_: &[u8], _: &ReadOptions) -> Result<Radiograph> {
    Err(unsupported("this is a DICOM file, and the feature `dicom` is off in this build"))
}

type Decoder = fn(&[u8]) -> Result<DecodedImage>;

/// A PNG or JPEG image, not yet turned by its EXIF orientation.
struct DecodedImage {
    image: DynamicImage,
    orientation: Orientation,
}

/// The most bytes that one byte of deflated data can become.
const MAX_DEFLATE_RATIO: usize = 1032;

fn decode_png(bytes: &[u8]) -> Result<DecodedImage> {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_BYTES);
    let mut decoder = PngDecoder::with_limits(Cursor::new(bytes), limits).map_err(|error| png_error(&error))?;
    let (width, height) = (decoder.dimensions().0 as usize, decoder.dimensions().1 as usize);
    check_size(width, height)?;
    // The samples twice, because turning the image copies them, and the levels made from them.
    let colour = decoder.color_type();
    let levels = if colour.has_color() { 3 } else { 1 };
    check_memory(width * height, 2 * usize::from(colour.bytes_per_pixel()) + levels)?;
    // Samples have at least one bit.
    check_length(width * height / 8 / MAX_DEFLATE_RATIO, bytes.len())?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    Ok(DecodedImage { image: DynamicImage::from_decoder(decoder).map_err(|error| png_error(&error))?, orientation })
}

/// The decoder's error, without the bytes of the file that its message may quote.
fn png_error(error: &ImageError) -> Error {
    match error {
        ImageError::Limits(_) => {
            too_large(format!("the PNG is too large: at most {MAX_SIDE} pixels a side and {MAX_BYTES} bytes expected"))
        }
        ImageError::Unsupported(_) => unsupported("PNG of this kind is not supported"),
        ImageError::IoError(_) => damaged("the PNG is cut off"),
        _ => damaged("the PNG is damaged: its chunks or their checksums are not valid"),
    }
}

fn decode_jpeg(bytes: &[u8]) -> Result<DecodedImage> {
    let decoded = jpeg::decode(bytes, |stored| match stored {
        ColorSpace::Luma | ColorSpace::CMYK | ColorSpace::YCCK => stored,
        _ => ColorSpace::RGB,
    })?;
    let DecodedJpeg { width, height, stored, samples, exif } = decoded;
    let orientation = exif.and_then(|exif| Orientation::from_exif_chunk(&exif));
    let (columns, rows) = (width as u32, height as u32);
    let image = match stored {
        ColorSpace::Luma => GrayImage::from_raw(columns, rows, samples).map(DynamicImage::from),
        ColorSpace::CMYK => RgbImage::from_raw(columns, rows, cmyk_to_rgb(&samples, |ink| ink)).map(DynamicImage::from),
        ColorSpace::YCCK => RgbImage::from_raw(columns, rows, cmyk_to_rgb(&samples, ycck_inks)).map(DynamicImage::from),
        _ => RgbImage::from_raw(columns, rows, samples).map(DynamicImage::from),
    };
    let image = image.ok_or_else(|| damaged("the decoder returned fewer samples than the image has"))?;
    Ok(DecodedImage { image, orientation: orientation.unwrap_or(Orientation::NoTransforms) })
}

/// From CMYK as Adobe stores it, with 255 for no ink, to red, green and blue in Pillow's arithmetic (`Convert.c`, cmyk2rgb). `inks`
/// makes cyan, magenta and yellow of the first three components.
fn cmyk_to_rgb(samples: &[u8], inks: fn([u8; 3]) -> [u8; 3]) -> Vec<u8> {
    let mut levels = Vec::with_capacity(samples.len() / 4 * 3);
    for &[a, b, c, black] in samples.as_chunks::<4>().0 {
        for stored in inks([a, b, c]) {
            let product = u32::from(255 - stored) * u32::from(black) + 128;
            levels.push(black.saturating_sub((((product >> 8) + product) >> 8) as u8));
        }
    }
    levels
}

/// From YCC to cyan, magenta and yellow: 255 less what the colour transform of T.871 gives.
fn ycck_inks([y, cb, cr]: [u8; 3]) -> [u8; 3] {
    let (y, cb, cr) = (f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    [y + 1.402 * cr, y - 0.344_136_3 * cb - 0.714_136_3 * cr, y + 1.772 * cb].map(|value| 255 - value.round() as u8)
}
