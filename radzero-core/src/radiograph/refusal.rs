//! Why an image is not read: one function a kind of error.

use radzero_format::{Error, ErrorKind};

use super::IntensityPolicy;

/// It contradicts itself or its format, or is cut off.
pub(super) fn damaged(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::DamagedImage, message)
}

/// It is an image of a kind that is not decoded.
pub(super) fn unsupported(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::UnsupportedImage, message)
}

/// It holds no radiograph.
pub(super) fn not_an_image(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::NotAnImage, message)
}

/// A policy of a later version, which is not known here.
pub(super) fn unknown_policy(policy: IntensityPolicy) -> Error {
    Error::new(ErrorKind::Argument, format!("the intensity policy {policy} is not known to this version"))
}

/// It has more pixels, or needs more memory, than is allowed.
pub(super) fn too_large(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::ImageTooLarge, message)
}

/// Nothing can be seen in it.
pub(super) fn blank(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::BlankImage, message)
}
