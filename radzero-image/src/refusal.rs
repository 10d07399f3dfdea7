//! Errors for images that are not read: one constructor per kind.

use radzero_format::{Error, ErrorKind};

/// The file contradicts itself or its format, or is cut off.
pub(crate) fn damaged(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::DamagedImage, message)
}

/// The file is an image of a kind that is not decoded.
pub(crate) fn unsupported(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::UnsupportedImage, message)
}

/// The file holds no image.
pub(crate) fn not_an_image(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::NotAnImage, message)
}

/// The image has more pixels, or needs more memory, than is allowed.
pub(crate) fn too_large(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::ImageTooLarge, message)
}

/// The image is empty, or of one value where contrast is needed.
pub(crate) fn blank(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::BlankImage, message)
}
