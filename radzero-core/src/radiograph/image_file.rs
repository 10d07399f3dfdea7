//! Image files: kind by content, size before allocation, Pillow's `convert("RGB")` for 8-bit samples.

use std::io::Cursor;

use image::codecs::png::PngDecoder;
use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, ImageDecoder as _, ImageError, ImageFormat, Limits, RgbImage};
use radzero_format::{Error, Result};
use zune_jpeg::zune_core::colorspace::ColorSpace;

use super::guard::{MOST_BYTES, check_length, check_memory, guarded};
use super::options::ReadOptions;
use super::refusal::{damaged, not_an_image, too_large, unsupported};
use super::{MAX_SIDE, Origin, Radiograph, Warning, check_size, jpeg, kind, memory};

pub(super) fn decode(bytes: &[u8], options: &ReadOptions) -> Result<Radiograph> {
    // PNG and JPEG first: their marks are longer than what tells a DICOM data set without a header.
    let (origin, decoder): (_, Decoder) = match image::guess_format(bytes) {
        Ok(ImageFormat::Png) => (Origin::Png, decode_png),
        Ok(ImageFormat::Jpeg) => (Origin::Jpeg, decode_jpeg),
        _ if kind::is_dicom(bytes) => return decode_dicom(bytes, options),
        Ok(other) => return Err(unsupported(format!("PNG, JPEG or DICOM expected, {other:?} found"))),
        Err(_) if bytes.is_empty() => return Err(not_an_image("PNG, JPEG or DICOM expected, an empty file found")),
        Err(_) => return Err(not_an_image("PNG, JPEG or DICOM expected, something else found")),
    };
    let picture = guarded("the image is damaged: its decoder gave up", || decoder(bytes))?;
    let Picture { mut image, orientation } = picture;
    let mut warnings = Vec::new();
    if orientation != Orientation::NoTransforms {
        if options.apply_exif_orientation {
            image.apply_orientation(orientation);
        } else {
            warnings.push(Warning::OrientationNotApplied);
        }
    }
    let turned = orientation != Orientation::NoTransforms && options.apply_exif_orientation;
    let mut radiograph = memory::from_decoded(image, origin, warnings, options)?;
    radiograph.reading.orientation_applied = turned;
    Ok(radiograph)
}

#[cfg(feature = "dicom")]
fn decode_dicom(bytes: &[u8], options: &ReadOptions) -> Result<Radiograph> {
    super::dicom::decode(bytes, options)
}

#[cfg(not(feature = "dicom"))]
fn decode_dicom(_: &[u8], _: &ReadOptions) -> Result<Radiograph> {
    Err(unsupported("this is a DICOM file, and radzero-core was built without its feature `dicom`"))
}

type Decoder = fn(&[u8]) -> Result<Picture>;

struct Picture {
    image: DynamicImage,
    orientation: Orientation,
}

/// Bytes that deflate makes of one at most.
const DEFLATED: usize = 1032;

fn decode_png(bytes: &[u8]) -> Result<Picture> {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MOST_BYTES);
    let mut decoder = PngDecoder::with_limits(Cursor::new(bytes), limits).map_err(|error| refused(&error))?;
    let (width, height) = (decoder.dimensions().0 as usize, decoder.dimensions().1 as usize);
    check_size(width, height)?;
    // The samples twice, as turning copies them, and the levels made of them.
    let colour = decoder.color_type();
    let levels = if colour.has_color() { 3 } else { 1 };
    check_memory(width * height, 2 * usize::from(colour.bytes_per_pixel()) + levels)?;
    // A file has one bit a sample at least.
    check_length(width * height / 8 / DEFLATED, bytes.len())?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    Ok(Picture { image: DynamicImage::from_decoder(decoder).map_err(|error| refused(&error))?, orientation })
}

/// What the decoder says, without the bytes that it quotes.
fn refused(error: &ImageError) -> Error {
    match error {
        ImageError::Limits(_) => {
            too_large(format!("the PNG is too large: at most {MAX_SIDE} pixels a side and {MOST_BYTES} bytes expected"))
        }
        ImageError::Unsupported(_) => unsupported("PNG of this kind is not supported"),
        ImageError::IoError(_) => damaged("the PNG is cut off"),
        _ => damaged("the PNG is damaged: its chunks or their checksums are not valid"),
    }
}

fn decode_jpeg(bytes: &[u8]) -> Result<Picture> {
    let picture = jpeg::decode(bytes, |stored| match stored {
        ColorSpace::Luma | ColorSpace::CMYK | ColorSpace::YCCK => stored,
        _ => ColorSpace::RGB,
    })?;
    let jpeg::Picture { width, height, stored, samples, exif } = picture;
    let orientation = exif.and_then(|exif| Orientation::from_exif_chunk(&exif));
    let (columns, rows) = (width as u32, height as u32);
    let image = match stored {
        ColorSpace::Luma => GrayImage::from_raw(columns, rows, samples).map(DynamicImage::from),
        ColorSpace::CMYK => RgbImage::from_raw(columns, rows, cmyk_to_rgb(&samples, |ink| ink)).map(DynamicImage::from),
        ColorSpace::YCCK => RgbImage::from_raw(columns, rows, cmyk_to_rgb(&samples, ycck_inks)).map(DynamicImage::from),
        _ => RgbImage::from_raw(columns, rows, samples).map(DynamicImage::from),
    };
    let image = image.ok_or_else(|| damaged("the decoder returned fewer samples than the image has"))?;
    Ok(Picture { image, orientation: orientation.unwrap_or(Orientation::NoTransforms) })
}

/// Inks as Adobe stores them, 255 for none, to red, green and blue in Pillow's arithmetic (`Convert.c`, cmyk2rgb).
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

/// Inks of YCCK as those of CMYK: what the colour transform of T.871 gives, from 255.
fn ycck_inks([y, cb, cr]: [u8; 3]) -> [u8; 3] {
    let (y, cb, cr) = (f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    [y + 1.402 * cr, y - 0.344_136_3 * cb - 0.714_136_3 * cr, y + 1.772 * cb].map(|value| 255 - value.round() as u8)
}
