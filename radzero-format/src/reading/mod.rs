//! How a radiograph is to be read, and how it was read, as stored in the result record; and its levels, borrowed.

mod levels;
mod policy;
mod rule;
mod transfer_syntax;
mod warning;

use serde::{Deserialize, Serialize};

pub use self::levels::Levels;
pub use self::policy::{GrayscaleRule, IntensityPolicy, LevelsRule, PolicyRules};
pub use self::rule::{IntensityRule, ModalityTransform, VoiFunction, VoiTransform};
pub use self::transfer_syntax::TransferSyntax;
pub use self::warning::Warning;

/// Longest side of a radiograph, in pixels. Larger images are refused before anything is allocated for them.
pub const MAX_SIDE: usize = 16_384;

/// Largest area of a radiograph, in pixels.
pub const MAX_PIXELS: usize = 1 << 27;

/// What kind of file or value a radiograph was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Origin {
    /// A PNG file.
    Png,
    /// A JPEG file.
    Jpeg,
    /// A DICOM file or object.
    Dicom,
    /// Samples handed over by the caller.
    Memory,
}

/// Which frame of a DICOM file a radiograph is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Frame {
    /// From 0.
    pub index: usize,
    /// Number of frames in the file.
    pub count: usize,
}
